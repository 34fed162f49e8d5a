/* SPDX-License-Identifier: Apache-2.0
 *
 * Where Pillow stops to read a PNG's compressed data. It inflates row by row, from one piece to the
 * next: an IDAT chunk, or 64 KiB of a longer one. With the last row it is done, and what lies in
 * later pieces is not looked at; but what is behind the last row in the same piece is, as far as
 * zlib reads on without room for output. So a wrong checksum of the stream (Adler-32) is a fault in
 * the one case, and not in the other. Pure; any thread.
 */
#ifndef SITU_MEDIA_PNG_STOP_H
#define SITU_MEDIA_PNG_STOP_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "media/png/chunks.h"

/* Inflates all of it, as Pillow does. 0, and how many compressed bytes the pieces have in which the
 * last row is complete; -EBADMSG where Pillow reports a broken or a truncated file before; -ENOMEM.
 * `bits` is what a pixel takes. */
must_check int png_stop_find(const uint8_t *bytes, const struct png_chunks *chunks, uint32_t bits,
                             size_t *ret_size);

#endif
