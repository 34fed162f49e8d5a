/* SPDX-License-Identifier: Apache-2.0
 *
 * Where Pillow stops reading a PNG's compressed data. It inflates row by row, from one piece to the
 * next: an IDAT chunk, or 64 KiB of a longer one. It stops after the last row and ignores later
 * pieces; but the data after the last row in the same piece are read, as far as zlib continues
 * without room for output. So a wrong checksum of the stream (Adler-32) is a fault in one case and
 * not in the other. Pure; any thread.
 */
#ifndef SITU_MEDIA_PNG_STOP_H
#define SITU_MEDIA_PNG_STOP_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "media/png/png_chunks.h"

/* Inflates all of it, as Pillow does. 0, and the number of compressed bytes up to the end of the
 * piece that completes the last row; -EBADMSG where Pillow reports a broken or truncated file
 * before that; -ENOMEM. `bits`: of a pixel. */
must_check int png_stop_find(const uint8_t *bytes, const struct png_chunks *chunks, uint32_t bits,
                             size_t *ret_size);

#endif
