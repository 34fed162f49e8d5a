/* SPDX-License-Identifier: Apache-2.0
 *
 * A small JPEG of an encoded image, for people to look at: upright, transparency on white, never
 * enlarged, without metadata. Runs in the worker, on one of its lane threads.
 */
#ifndef SITU_MEDIA_THUMBNAIL_H
#define SITU_MEDIA_THUMBNAIL_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "media/media.h"

struct thumbnail { /* memory for a thumbnail, and its size */
    void *jpeg;    /* borrowed */
    size_t room;   /* in bytes */
    size_t size;   /* set on success */
};

/* Its longer edge has `edge` pixels, at most LIMIT_THUMBNAIL_EDGE. Errors as those of
 * media_image_to_pixels(); ERROR_TOO_LARGE also where the room is too small. */
must_check int thumbnail_make(struct media *media, uint32_t edge, const void *bytes, size_t size,
                              struct thumbnail *thumbnail, struct error *error);

#endif
