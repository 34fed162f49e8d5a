/* SPDX-License-Identifier: Apache-2.0
 *
 * The chunks of a PNG file, walked without decoding, with Pillow's judgement of what is a usable
 * file: checksums count before the image data and not within or behind it, a missing IEND is
 * forgiven, a segment cut off by the file's end is not. Pure functions over hostile bytes; any
 * thread.
 */
#ifndef SITU_MEDIA_PNG_CHUNKS_H
#define SITU_MEDIA_PNG_CHUNKS_H

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
    size_t data_begin;    /* the first IDAT chunk, from the file's begin */
    size_t data_end;      /* behind the run of IDAT chunks, at most the file's size */
    size_t data_size;     /* compressed bytes in them, as far as the file has them */
    bool data_whole;      /* the run ends with another chunk, not with the file */
    uint32_t orientation; /* as in struct image_info */
};

/* ERROR_UNDECODABLE. */
must_check int png_chunks_read(const uint8_t *bytes, size_t size, struct png_chunks *ret_chunks,
                               struct error *error);

/* A place in the compressed data, which runs on from chunk to chunk. */
struct png_data {
    size_t at;    /* of the next byte, from the file's begin */
    size_t left;  /* bytes from there to the end of the chunk's data */
    size_t chunk; /* the chunk behind this one */
};

/* The next bytes of one chunk, at most `size`, in their place; 0 at the end. Begin with {.chunk =
 * data_begin}. */
size_t png_chunks_piece(const uint8_t *bytes, const struct png_chunks *chunks,
                        struct png_data *place, size_t size, const uint8_t **ret_piece);

/* The next bytes of compressed data, at most `size`; returns how many. Begin with {.chunk =
 * data_begin}. */
size_t png_chunks_data(const uint8_t *bytes, const struct png_chunks *chunks,
                       struct png_data *place, uint8_t *to, size_t size);

/* Whether all IDAT chunks of the run that end behind `from` have the checksum they tell. */
bool png_chunks_intact(const uint8_t *bytes, const struct png_chunks *chunks, size_t from);

#endif
