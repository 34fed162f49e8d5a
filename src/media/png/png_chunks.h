/* SPDX-License-Identifier: Apache-2.0
 *
 * The chunks of a PNG file, walked without decoding, by Pillow's rules for a usable file: checksums
 * are checked before the image data and not in it or after it, a missing IEND is accepted, a chunk
 * cut off by the file's end is not. Pure functions over untrusted bytes; any thread.
 */
#ifndef SITU_MEDIA_PNG_PNG_CHUNKS_H
#define SITU_MEDIA_PNG_PNG_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

enum { PNG_SIGNATURE_SIZE = 8, PNG_PALETTE_BYTES = 768 };

struct png_chunks {
    uint32_t width, height;
    uint8_t depth;
    uint8_t colour_type;
    bool interlaced;
    const uint8_t *palette;      /* borrowed from the file; NULL where it has none */
    size_t palette_size;         /* bytes, at most PNG_PALETTE_BYTES */
    const uint8_t *transparency; /* tRNS; borrowed from the file; NULL where it has none */
    size_t transparency_size;
    size_t data_begin;    /* the first IDAT chunk, from the file's start */
    size_t data_end;      /* after the run of IDAT chunks, at most the file's size */
    size_t data_size;     /* compressed bytes in them, as far as the file has them */
    bool data_whole;      /* the run ends with another chunk, not with the file */
    uint32_t orientation; /* as in struct image_info */
};

/* ERROR_UNDECODABLE. */
must_check int png_chunks_read(const uint8_t *bytes, size_t size, struct png_chunks *ret_chunks,
                               struct error *error);

/* A position in the compressed data, which continues from chunk to chunk. */
struct png_data {
    size_t at;    /* of the next byte, from the file's start */
    size_t left;  /* bytes from there to the end of the chunk's data */
    size_t chunk; /* the next chunk */
};

/* The next bytes of one chunk, at most `size`, without a copy; 0 at the end. Start with {.chunk =
 * data_begin}. */
size_t png_chunks_piece(const uint8_t *bytes, const struct png_chunks *chunks,
                        struct png_data *place, size_t size, const uint8_t **ret_piece);

/* Copies the next bytes of compressed data, at most `size`; returns how many. Start with {.chunk =
 * data_begin}. */
size_t png_chunks_data(const uint8_t *bytes, const struct png_chunks *chunks,
                       struct png_data *place, uint8_t *to, size_t size);

/* Whether the checksums of all IDAT chunks of the run that end after `from` are right. */
bool png_chunks_intact(const uint8_t *bytes, const struct png_chunks *chunks, size_t from);

#endif
