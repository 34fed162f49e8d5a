/* SPDX-License-Identifier: Apache-2.0
 *
 * What an image format implements for the decoder (decoder.c): a const table of functions over a
 * state of its own. decoder.c keeps the order of the calls and checks window, scale and row counts
 * before it passes them on, so a codec sees only open, [scale], [flatten], start, read..., finish,
 * and close after any of them. Internal to the decoders.
 */
#ifndef SITU_MEDIA_CODEC_H
#define SITU_MEDIA_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "media/decoder.h"

struct codec {
    const char *format; /* its name in data/format_facts.h, which also recognises it */
    size_t state_size;  /* zeroed memory, made once and kept between images */

    /* Reads the header. `bytes` stay valid until close. Sets width, height and orientation. */
    int (*open)(void *state, const uint8_t *bytes, size_t size, struct image_info *info,
                struct error *error);
    /* NULL where the format has none: decode at eighths/8, new size into *info. */
    int (*scale)(void *state, unsigned eighths, struct image_info *info, struct error *error);
    /* NULL where the format has no alpha: blend with white instead of dropping it. */
    void (*flatten)(void *state);
    int (*start)(void *state, const struct image_window *window, struct error *error);
    int (*read)(void *state, uint8_t *rows, size_t stride, uint32_t count, struct error *error);
    /* After the last row: checks the rest of the file as Pillow does. */
    int (*finish)(void *state, struct error *error);
    /* Releases the input and what belongs to this image. May be called twice. */
    void (*close)(void *state);
    /* Frees the scratch memory kept between images. */
    void (*trim)(void *state);
};

extern const struct codec codec_jpeg; /* jpeg/ */
extern const struct codec codec_png;  /* png/ */
extern const struct codec codec_webp; /* webp/ */

enum {
    CODEC_COUNT_MAX = 16,
    CODEC_KEEP_BYTES = 1 << 22, /* of scratch memory, from one image to the next */
};

/* The table of codecs (codecs.c), in the order of data/format_facts.h; NULL after the last. */
const struct codec *codec_at(size_t index);

/* ERROR_TOO_LARGE by the format's limits, or ERROR_UNDECODABLE (an empty image). */
must_check int codec_check_size(const struct format_facts *format, uint64_t width, uint64_t height,
                                struct error *error);

/* A value of that alpha on white: 255 - (255 - value) * alpha / 255, rounded. */
static inline uint8_t codec_on_white(uint8_t value, uint8_t alpha)
{
    unsigned product = (255u - value) * alpha + 128u;
    return (uint8_t)(255u - ((product + (product >> 8)) >> 8));
}

#endif
