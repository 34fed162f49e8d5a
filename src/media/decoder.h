/* SPDX-License-Identifier: Apache-2.0
 *
 * Decoders of one image each, of the formats of data/format_facts.h, to RGB rows as Pillow's
 * `Image.open(f).convert("RGB")` gives them. The caller names the window of the image that it needs
 * and reads its rows from top to bottom. A decoder does no more work than that requires, but
 * refuses each file that Pillow would refuse as a whole (a truncated tail included).
 */
#ifndef SITU_MEDIA_DECODER_H
#define SITU_MEDIA_DECODER_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "data/format_facts.h"

struct decoder;

/* What a file's header says. */
struct image_info {
    uint32_t width; /* pixels, as stored (before any EXIF transpose) */
    uint32_t height;
    uint32_t orientation; /* EXIF, 1..8; 1 where absent or not understood */
    const struct format_facts *format;
};

struct image_window { /* in pixels of the stored image; right and bottom are exclusive */
    uint32_t left, top, right, bottom;
};

must_check int decoder_new(struct decoder **ret_decoder);
void decoder_free(struct decoder *decoder);
void decoder_trim(struct decoder *decoder);

/* Reads the header. `bytes` stay borrowed until the next open or free. The format is recognised by
 * the content, never by a name. ERROR_UNDECODABLE, ERROR_TOO_LARGE. */
must_check int decoder_open(struct decoder *decoder, const void *bytes, size_t size,
                            struct image_info *ret_info, struct error *error);

/* After open, before the first read, JPEG only: decode at scale eighths/8 (1, 2, 4 or 8) in the
 * DCT. Returns the scaled size in *info; other formats keep theirs. For DECODE_FAST. */
must_check int decoder_scale(struct decoder *decoder, unsigned eighths, struct image_info *info,
                             struct error *error);

/* After open, before start: pixels are blended with white where they are transparent. Without it
 * alpha is dropped, as Pillow's convert("RGB") does. */
must_check int decoder_flatten(struct decoder *decoder, struct error *error);

/* Chooses the window and starts decoding. Every pixel inside is as a full decode gives it. */
must_check int decoder_start(struct decoder *decoder, const struct image_window *window,
                             struct error *error);

/* The next `count` rows of the window, (right - left) x 3 bytes each, `stride` bytes apart. */
must_check int decoder_read(struct decoder *decoder, uint8_t *rows, size_t stride, uint32_t count,
                            struct error *error);

/* After the last row: checks the rest of the file as Pillow would (a JPEG without EOI is
 * truncated), and releases the input. */
must_check int decoder_finish(struct decoder *decoder, struct error *error);

#endif
