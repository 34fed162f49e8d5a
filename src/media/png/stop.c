/* SPDX-License-Identifier: Apache-2.0
 *
 * Pillow's reading of PNG data, without the pixels: ImageFile.load, PngImageFile.load_read and
 * ZipDecode.c of Pillow 9.4, which 11.1 has unchanged.
 */
#include "media/png/stop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include <zlib.h>

enum { PIECE_BYTES = 65536, ADAM7_PASSES = 7 };

struct rows {
    const struct png_chunks *chunks;
    uint32_t bits;
    unsigned pass; /* of an interlaced image */
    uint32_t y;    /* of the next row; the image's height after the last one */
};

/* Bytes of a row of the current pass, without the filter byte. */
static size_t row_size(const struct rows *rows)
{
    static const uint8_t offset[ADAM7_PASSES] = {7, 3, 3, 1, 1, 0, 0};
    static const uint8_t step[ADAM7_PASSES] = {8, 8, 4, 4, 2, 2, 1};
    size_t pixels = rows->chunks->width;
    if (rows->chunks->interlaced) {
        pixels = (pixels + offset[rows->pass]) / step[rows->pass];
    }
    return (pixels * rows->bits + 7) / 8;
}

static void next_row(struct rows *rows)
{
    static const uint8_t first[ADAM7_PASSES] = {0, 0, 4, 0, 2, 0, 1};
    static const uint8_t step[ADAM7_PASSES] = {8, 8, 8, 4, 4, 2, 2};
    uint32_t height = rows->chunks->height;
    if (!rows->chunks->interlaced) {
        rows->y++;
        return;
    }
    rows->y += step[rows->pass];
    while (rows->y >= height || row_size(rows) == 0) {
        if (++rows->pass == ADAM7_PASSES) {
            rows->y = height;
            return;
        }
        rows->y = first[rows->pass];
    }
}

/* Inflates one piece: 1 once the last row is complete, 0 where more data are needed, -EBADMSG.
 * `row` has room for a row; `*filled` bytes of the current one are there. */
static int take_piece(z_stream *stream, struct rows *rows, uint8_t *row, size_t *filled)
{
    while (stream->avail_in > 0) {
        size_t size = row_size(rows) + 1;
        stream->next_out = row;
        stream->avail_out = (uInt)(size - *filled);
        int code = inflate(stream, Z_NO_FLUSH);
        if (code < 0 || code == Z_NEED_DICT) {
            return -EBADMSG;
        }
        if (stream->avail_out > 0) {
            *filled = size - stream->avail_out;
            return code == Z_STREAM_END ? -EBADMSG : 0;
        }
        *filled = 0;
        next_row(rows);
        if (rows->y >= rows->chunks->height) {
            return 1;
        }
        if (code == Z_STREAM_END) {
            return -EBADMSG;
        }
    }
    return 0;
}

static int find(const uint8_t *bytes, z_stream *stream, struct rows *rows, uint8_t *row,
                size_t *ret_size)
{
    struct png_data place = {.chunk = rows->chunks->data_begin};
    size_t filled = 0;
    size_t total = 0;
    int r = 0;
    while (r == 0) {
        const uint8_t *piece = NULL;
        size_t size = png_chunks_piece(bytes, rows->chunks, &place, PIECE_BYTES, &piece);
        if (size == 0) {
            return -EBADMSG;
        }
        total += size;
        stream->next_in = (z_const Bytef *)(uintptr_t)piece;
        stream->avail_in = (uInt)size;
        r = take_piece(stream, rows, row, &filled);
    }
    *ret_size = total;
    return r < 0 ? r : 0;
}

int png_stop_find(const uint8_t *bytes, const struct png_chunks *chunks, uint32_t bits,
                  size_t *ret_size)
{
    z_stream stream = {.zalloc = Z_NULL};
    struct rows rows = {.chunks = chunks, .bits = bits};
    cleanup_free uint8_t *row = malloc(((size_t)chunks->width * bits + 7) / 8 + 1);
    size_t size = 0;
    if (!row || inflateInit(&stream) != Z_OK) {
        return -ENOMEM;
    }
    int r = find(bytes, &stream, &rows, row, &size);
    (void)inflateEnd(&stream);
    if (r == 0) {
        *ret_size = size;
    }
    return r;
}
