/* SPDX-License-Identifier: Apache-2.0
 *
 * The decoder's interface: recognises the format by its first bytes, checks the order of the calls
 * (open, scale, start, read, finish) and passes them to the format's codec. Runs on the worker's
 * lane threads, one decoder a thread.
 */
#include "media/decoder.h"

#include <errno.h>
#include <string.h>

#include "data/file_kind.h"
#include "data/format_facts.h"
#include "media/codec.h"

enum decoder_phase { PHASE_CLOSED, PHASE_OPENED, PHASE_STARTED };

struct decoder {
    void *states[CODEC_COUNT_MAX]; /* owned; by codec_at(); NULL until the format is first seen */
    const struct codec *codec;     /* of the open image */
    void *state;                   /* borrowed from states */
    enum decoder_phase phase;
    struct image_info info;
    uint32_t row_bytes; /* of the window */
    uint32_t rows_left; /* of the window */
};

static void close_image(struct decoder *decoder)
{
    if (decoder->codec) {
        decoder->codec->close(decoder->state);
    }
    decoder->codec = NULL;
    decoder->state = NULL;
    decoder->phase = PHASE_CLOSED;
}

/* A fault ends the image: no more of it can be read. */
static int end_if_failed(struct decoder *decoder, int result)
{
    if (result < 0) {
        close_image(decoder);
    }
    return result;
}

int decoder_new(struct decoder **ret_decoder)
{
    struct decoder *decoder = calloc(1, sizeof(*decoder));
    if (!decoder) {
        return -ENOMEM;
    }
    *ret_decoder = decoder;
    return 0;
}

void decoder_free(struct decoder *decoder)
{
    if (!decoder) {
        return;
    }
    decoder_trim(decoder);
    free(decoder);
}

void decoder_trim(struct decoder *decoder)
{
    close_image(decoder);
    for (size_t i = 0; i < CODEC_COUNT_MAX; i++) {
        if (decoder->states[i]) {
            codec_at(i)->trim(decoder->states[i]);
            free(decoder->states[i]);
            decoder->states[i] = NULL;
        }
    }
}

/* The message names the actual kind of file where it is known. */
static int refuse_kind(const void *bytes, size_t size, struct error *error)
{
    struct file_kind kind = file_kind_of(bytes, size);
    char names[FORMAT_NAMES_SIZE];
    (void)format_facts_names(names);
    switch (kind.class) {
    case FILE_IMAGE:
        return error_set(error, ERROR_UNDECODABLE, "%s: not decoded by this version", kind.name);
    case FILE_OTHER:
        return error_set(error, ERROR_UNDECODABLE, "not a %s image, but %s", names, kind.name);
    default:
        return error_set(error, ERROR_UNDECODABLE, "not a %s image", names);
    }
}

int decoder_open(struct decoder *decoder, const void *bytes, size_t size,
                 struct image_info *ret_info, struct error *error)
{
    close_image(decoder);
    size_t index = 0;
    const struct format_facts *format = format_facts_sniff(bytes, size, &index);
    const struct codec *codec = format ? codec_at(index) : NULL;
    if (!codec) {
        return refuse_kind(bytes, size, error);
    }
    if (!decoder->states[index]) {
        decoder->states[index] = calloc(1, codec->state_size);
    }
    if (!decoder->states[index]) {
        return error_set(error, ERROR_MEMORY, "out of memory for a %s decoder", format->name);
    }
    decoder->codec = codec;
    decoder->state = decoder->states[index];
    decoder->info = (struct image_info){.format = format, .orientation = 1};
    int r = codec->open(decoder->state, bytes, size, &decoder->info, error);
    if (r < 0) {
        return end_if_failed(decoder, r);
    }
    decoder->phase = PHASE_OPENED;
    *ret_info = decoder->info;
    return 0;
}

int decoder_scale(struct decoder *decoder, unsigned eighths, struct image_info *info,
                  struct error *error)
{
    if (decoder->phase != PHASE_OPENED ||
        (eighths != 1 && eighths != 2 && eighths != 4 && eighths != 8)) {
        return error_set(error, ERROR_INTERNAL, "decoder_scale(%u) out of turn", eighths);
    }
    if (decoder->codec->scale) {
        int r = decoder->codec->scale(decoder->state, eighths, &decoder->info, error);
        if (r < 0) {
            return end_if_failed(decoder, r);
        }
    }
    *info = decoder->info;
    return 0;
}

int decoder_flatten(struct decoder *decoder, struct error *error)
{
    if (decoder->phase != PHASE_OPENED) {
        return error_set(error, ERROR_INTERNAL, "decoder_flatten out of turn");
    }
    if (decoder->codec->flatten) {
        decoder->codec->flatten(decoder->state);
    }
    return 0;
}

int decoder_start(struct decoder *decoder, const struct image_window *window, struct error *error)
{
    if (decoder->phase != PHASE_OPENED) {
        return error_set(error, ERROR_INTERNAL, "decoder_start out of turn");
    }
    if (window->left >= window->right || window->right > decoder->info.width ||
        window->top >= window->bottom || window->bottom > decoder->info.height) {
        return error_set(error, ERROR_INTERNAL,
                         "window %u,%u..%u,%u is not inside the image of %u x %u", window->left,
                         window->top, window->right, window->bottom, decoder->info.width,
                         decoder->info.height);
    }
    int r = decoder->codec->start(decoder->state, window, error);
    if (r < 0) {
        return end_if_failed(decoder, r);
    }
    decoder->row_bytes = 3 * (window->right - window->left);
    decoder->rows_left = window->bottom - window->top;
    decoder->phase = PHASE_STARTED;
    return 0;
}

int decoder_read(struct decoder *decoder, uint8_t *rows, size_t stride, uint32_t count,
                 struct error *error)
{
    if (decoder->phase != PHASE_STARTED || count > decoder->rows_left ||
        (count > 1 && stride < decoder->row_bytes)) {
        return error_set(error, ERROR_INTERNAL, "decoder_read(%u) out of turn", count);
    }
    int r = decoder->codec->read(decoder->state, rows, stride, count, error);
    if (r < 0) {
        return end_if_failed(decoder, r);
    }
    decoder->rows_left -= count;
    return 0;
}

int decoder_finish(struct decoder *decoder, struct error *error)
{
    if (decoder->phase != PHASE_STARTED || decoder->rows_left > 0) {
        return error_set(error, ERROR_INTERNAL, "decoder_finish out of turn");
    }
    int r = decoder->codec->finish(decoder->state, error);
    close_image(decoder);
    return r;
}
