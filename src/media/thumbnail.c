/* SPDX-License-Identifier: Apache-2.0
 *
 * Thumbnails: decoded and resampled as models' inputs are, then compressed. The pixels in between
 * are few, and their memory is freed each time.
 */
#include "media/thumbnail.h"

#include <stdlib.h>

#include "base/limits.h"
#include "media/jpeg/encode.h"

enum { QUALITY = 80 };

int thumbnail_make(struct media *media, uint32_t edge, const void *bytes, size_t size,
                   struct thumbnail *thumbnail, struct error *error)
{
    if (edge < 1 || edge > LIMIT_THUMBNAIL_EDGE) {
        return error_set(error, ERROR_MALFORMED, "a thumbnail's edge has up to %u pixels, not %u",
                         LIMIT_THUMBNAIL_EDGE, edge);
    }
    struct media_tensor room = {.size = (size_t)3 * edge * edge};
    room.data = malloc(room.size);
    if (!room.data) {
        return error_memory(error, "a thumbnail");
    }
    int r = media_image_to_pixels(media, edge, bytes, size, &room, error);
    if (r == 0) {
        const struct media_pixels pixels = {.rgb = room.data,
                                            .width = room.width,
                                            .height = room.height,
                                            .stride = (size_t)3 * room.width};
        r = encode_jpeg(&pixels, QUALITY, thumbnail->jpeg, thumbnail->room, &thumbnail->size,
                        error);
    }
    free(room.data);
    return r;
}
