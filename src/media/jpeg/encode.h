/* SPDX-License-Identifier: Apache-2.0
 *
 * Pixels to JPEG, by libjpeg-turbo: baseline, 4:2:0, codes optimised for the image, no metadata. An
 * image of grey pixels only is stored as grey. Writes to the caller's memory, keeps none of its
 * own. One thread each.
 */
#ifndef SITU_MEDIA_JPEG_ENCODE_H
#define SITU_MEDIA_JPEG_ENCODE_H

#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "media/media.h"

/* `quality` 1 to 100. ERROR_TOO_LARGE where it does not fit `room` bytes, ERROR_MEMORY. */
must_check int encode_jpeg(const struct media_pixels *pixels, int quality, void *jpeg, size_t room,
                           size_t *ret_size, struct error *error);

#endif
