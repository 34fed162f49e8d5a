/* SPDX-License-Identifier: Apache-2.0
 *
 * What one image format gives to the decoder (decoder.c): a const table of functions over a state
 * of its own. decoder.c keeps the order of the calls and checks window, scale and row counts before
 * it passes them on, so a codec only ever sees open, [scale], [flatten], start, read..., finish,
 * and close after any of them. Not part of the room's contract; for the files of the decoders only.
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
    const char *format;
    bool (*recognises)(const uint8_t *bytes, size_t size);
    size_t state_size; /* zeroed memory, made once and kept between images */

    /* Reads the header. `bytes` stay valid until close. Sets width, height and orientation. */
    int (*open)(void *state, const uint8_t *bytes, size_t size, struct image_info *info,
                struct error *error);
    /* NULL where the format has none: decode at eighths/8, new size into *info. */
    int (*scale)(void *state, unsigned eighths, struct image_info *info, struct error *error);
    /* NULL where the format has no alpha: blend with white instead of dropping it. */
    void (*flatten)(void *state);
    int (*start)(void *state, const struct image_window *window, struct error *error);
    int (*read)(void *state, uint8_t *rows, size_t stride, uint32_t count, struct error *error);
    /* All rows are read: is the rest of the file as Pillow wants it? */
    int (*finish)(void *state, struct error *error);
    /* Lets go of the input and of what belongs to this image. May come twice. */
    void (*close)(void *state);
    /* Gives back the scratch memory kept between images. */
    void (*trim)(void *state);
};

extern const struct codec codec_jpeg;
extern const struct codec codec_png;
extern const struct codec codec_webp;

/* ERROR_TOO_LARGE or ERROR_UNDECODABLE (an empty image) by base/limits.h. */
must_check int codec_check_size(const char *format, uint64_t width, uint64_t height,
                                struct error *error);

/* Makes *buffer at least `size` bytes; its content is lost when it grows. -ENOMEM. */
must_check int codec_scratch(uint8_t **buffer, size_t *capacity, size_t size, struct error *error);

/* A value of that alpha on white: 255 - (255 - value) * alpha / 255, rounded. */
static inline uint8_t codec_on_white(uint8_t value, uint8_t alpha)
{
    unsigned product = (255u - value) * alpha + 128u;
    return (uint8_t)(255u - ((product + (product >> 8)) >> 8));
}

/* Between images: lets go of a buffer that only an unusually large image needs. */
void codec_scratch_keep(uint8_t **buffer, size_t *capacity);

#endif
