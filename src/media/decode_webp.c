/* SPDX-License-Identifier: Apache-2.0
 *
 * WebP images.
 */
#include "media/codec.h"

static bool webp_recognises(const uint8_t *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    return false;
}

const struct codec codec_webp = {.format = "WebP", .recognises = webp_recognises, .state_size = 1};
