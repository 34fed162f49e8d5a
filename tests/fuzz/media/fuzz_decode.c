/* SPDX-License-Identifier: Apache-2.0
 *
 * Decodes any bytes, completely, in a window chosen by the bytes, and on white. Besides memory
 * faults it checks the contract: a file that decodes completely must decode in windows, to the same
 * pixels; a fault must have a code and a message; the same decoder must accept the next input.
 * Built once for each format, FUZZ_FORMAT; other inputs are of no interest there.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "media/decoder.h"

enum { PIXELS_MAX = 1 << 18 }; /* larger ones only cost time */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool kept, const char *promise, const struct error *error)
{
    if (!kept) {
        (void)fprintf(stderr, "broken promise: %s (%s)\n", promise, error->message);
        abort();
    }
}

static uint32_t draw(uint64_t *seed, uint32_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33) % below;
}

static struct image_window draw_window(const uint8_t *bytes, size_t size,
                                       const struct image_info *info)
{
    uint64_t seed = size;
    for (size_t i = 0; i < size; i++) {
        seed = seed * 31 + bytes[i];
    }
    struct image_window window;
    window.left = draw(&seed, info->width);
    window.top = draw(&seed, info->height);
    window.right = window.left + 1 + draw(&seed, info->width - window.left);
    window.bottom = window.top + 1 + draw(&seed, info->height - window.top);
    return window;
}

struct input {
    const uint8_t *bytes;
    size_t size;
    bool on_white;
};

/* 0 or the error; the rows are in a new buffer. `window` NULL: the whole image. */
static int decode(struct decoder *decoder, const struct input *input,
                  const struct image_window *window, struct image_info *info, uint8_t **ret_rows,
                  struct error *error)
{
    *ret_rows = NULL;
    int r = decoder_open(decoder, input->bytes, input->size, info, error);
    if (r < 0) {
        return r;
    }
    if (strcmp(info->format->name, FUZZ_FORMAT) != 0 ||
        (uint64_t)info->width * info->height > PIXELS_MAX) {
        return 1;
    }
    require(info->orientation >= 1 && info->orientation <= 8, "orientation 1..8", error);
    struct image_window part =
        window ? *window : (struct image_window){0, 0, info->width, info->height};
    uint32_t height = part.bottom - part.top;
    size_t stride = (size_t)3 * (part.right - part.left);
    uint8_t *rows = malloc(stride * height);
    if (!rows) {
        abort();
    }
    r = input->on_white ? decoder_flatten(decoder, error) : 0;
    r = r < 0 ? r : decoder_start(decoder, &part, error);
    uint32_t first = height / 2;
    if (r == 0) {
        r = decoder_read(decoder, rows, stride, first, error);
    }
    if (r == 0) {
        r = decoder_read(decoder, rows + first * stride, stride, height - first, error);
    }
    if (r == 0) {
        r = decoder_finish(decoder, error);
    }
    *ret_rows = rows;
    return r;
}

static void compare(const struct image_info *info, const uint8_t *whole,
                    const struct image_window *window, const uint8_t *part)
{
    const struct error none = {0};
    size_t stride = (size_t)3 * info->width;
    size_t part_stride = (size_t)3 * (window->right - window->left);
    for (uint32_t y = window->top; y < window->bottom; y++) {
        require(memcmp(whole + y * stride + (size_t)3 * window->left,
                       part + (y - window->top) * part_stride, part_stride) == 0,
                "window equals whole", &none);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct decoder *decoder; /* as in a lane: one for all images */
    if (!decoder && decoder_new(&decoder) < 0) {
        abort();
    }
    const struct input input = {bytes, size, false};
    const struct input on_white = {bytes, size, true};
    struct error error = {0};
    struct image_info info = {0};
    uint8_t *whole = NULL;
    int r = decode(decoder, &input, NULL, &info, &whole, &error);
    if (r < 0) {
        require(error.code != ERROR_NONE && error.message[0], "a fault has words", &error);
        require(error.code != ERROR_INTERNAL, "the input is at fault", &error);
    }
    if (r == 0) {
        struct image_window window = draw_window(bytes, size, &info);
        uint8_t *part = NULL;
        require(decode(decoder, &input, &window, &info, &part, &error) == 0,
                "what decodes whole decodes by window", &error);
        compare(&info, whole, &window, part);
        free(part);
        free(whole);
        require(decode(decoder, &on_white, NULL, &info, &whole, &error) == 0 &&
                    decode(decoder, &on_white, &window, &info, &part, &error) == 0,
                "what decodes does so on white", &error);
        compare(&info, whole, &window, part);
        free(part);
    }
    free(whole);
    return 0;
}
