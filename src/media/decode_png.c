/* SPDX-License-Identifier: Apache-2.0
 *
 * PNG images.
 */
#include "media/codec.h"

static bool png_recognises(const uint8_t *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    return false;
}

const struct codec codec_png = {.format = "PNG", .recognises = png_recognises, .state_size = 1};
