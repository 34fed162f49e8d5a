/* SPDX-License-Identifier: Apache-2.0
 *
 * The marker structure of a JPEG file, walked without decoding: before the first scan as Pillow
 * walks it when it opens a file, and behind the last decoded row as libjpeg would. Pure functions
 * over hostile bytes; any thread.
 */
#ifndef SITU_MEDIA_JPEG_MARKERS_H
#define SITU_MEDIA_JPEG_MARKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

struct jpeg_exif {
    const uint8_t *bytes; /* borrowed from the file; NULL where it has none */
    size_t size;
};

/* From the file's first byte to its first SOS. ERROR_UNDECODABLE where Pillow does not take the
 * bytes for a JPEG file or ends within a segment. */
must_check int jpeg_markers_head(const uint8_t *bytes, size_t size, struct jpeg_exif *ret_exif,
                                 struct error *error);

/* From inside the entropy-coded data of the only scan: whether nothing but such data, restarts and
 * application segments stand before EOI. `marker` is one that libjpeg has read already but not
 * acted on (0: none). Where this is false the rest must be decoded to judge the file. */
bool jpeg_markers_end_well(const uint8_t *bytes, size_t size, int marker);

#endif
