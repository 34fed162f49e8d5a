/* SPDX-License-Identifier: Apache-2.0
 *
 * The orientation that Pillow's exif_transpose finds in an image's metadata. Pure functions over
 * untrusted bytes; any thread.
 */
#ifndef SITU_MEDIA_EXIF_H
#define SITU_MEDIA_EXIF_H

#include <stddef.h>
#include <stdint.h>

/* An EXIF block: a TIFF directory, with or without "Exif\0\0" before it. 1..8 where the tag has
 * such a value, 1 where it has another value or the block cannot be read (readers then leave the
 * image as it is), 0 where there is no such tag. */
uint32_t exif_orientation(const uint8_t *bytes, size_t size);

/* An XMP packet (its text): tiff:Orientation as attribute or element; 0 where absent. */
uint32_t exif_xmp_orientation(const uint8_t *bytes, size_t size);

#endif
