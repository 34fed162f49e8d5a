/* SPDX-License-Identifier: Apache-2.0
 *
 * The marker structure of a JPEG file, walked without decoding: before the first scan as Pillow
 * does when it opens a file, and after the last decoded row as libjpeg does. Pure functions over
 * untrusted bytes; any thread.
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

/* From the file's first byte to its first SOS. ERROR_UNDECODABLE where Pillow does not recognise a
 * JPEG file, or the file ends within a segment. */
must_check int jpeg_markers_head(const uint8_t *bytes, size_t size, struct jpeg_exif *ret_exif,
                                 struct error *error);

/* From inside the entropy-coded data of the only scan: whether there is nothing but such data,
 * restarts and application segments before EOI. `marker`: one that libjpeg has read but not handled
 * (0: none). Where this is false the rest must be decoded to judge the file. */
bool jpeg_markers_end_well(const uint8_t *bytes, size_t size, int marker);

#endif
