/* SPDX-License-Identifier: Apache-2.0
 *
 * A canvas as a JPEG file in memory, written by libjpeg-turbo.
 */
#ifndef SITU_DEMO_DRAW_JPEG_H
#define SITU_DEMO_DRAW_JPEG_H

#include <stdint.h>

#include "draw_canvas.h"

struct jpeg_choice {
    int quality;      /* 1..100 */
    bool subsampling; /* 4:2:0; otherwise 4:4:4 */
    bool progressive;
};

/* 8-bit RGB, row by row; NULL if out of memory. The caller frees it. */
uint8_t *jpeg_pixels(const struct canvas *canvas);

/* 0 or a negative errno; the caller frees *ret_bytes. */
must_check int jpeg_encode(const uint8_t *pixels, int width, int height,
                           const struct jpeg_choice *choice, uint8_t **ret_bytes, size_t *ret_size);

#endif
