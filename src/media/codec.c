/* SPDX-License-Identifier: Apache-2.0
 *
 * What the codecs share.
 */
#include "media/codec.h"

#include <inttypes.h>

int codec_check_size(const struct format_facts *format, uint64_t width, uint64_t height,
                     struct error *error)
{
    if (width == 0 || height == 0) {
        return error_set(error, ERROR_UNDECODABLE, "%s image without pixels", format->name);
    }
    if (width > format->edge_max || height > format->edge_max ||
        width * height > format->pixels_max) {
        return error_set(error, ERROR_TOO_LARGE,
                         "%s image of %" PRIu64 " x %" PRIu64 " pixels: at most %" PRIu64
                         " pixels and edges of %u are decoded",
                         format->name, width, height, format->pixels_max, format->edge_max);
    }
    return 0;
}
