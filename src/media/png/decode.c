/* SPDX-License-Identifier: Apache-2.0
 *
 * PNG by libspng. The file's chunks are judged as Pillow judges them (png_chunks.h); libspng is
 * given a stream of just the header, a palette and the image data, and returns the samples as they
 * are stored, which are then turned to RGB as Pillow does: alpha and tRNS dropped, 16-bit colour by
 * its high byte, 16-bit grey clipped at 255, a colour beyond the palette as the grey of its index.
 * Rows after the window are not inflated where all checksums of the data are right.
 *
 * What follows the last row is treated as Pillow does (stop.h).
 *
 * Where accepting or refusing a file differs from Pillow: compressed data that ends well formed
 * before the last row is refused here (Pillow leaves the rest black), as is an animation whose
 * first frame is not the whole image; data that end with the last row, without a checksum, are
 * accepted here (Pillow refuses some); frame numbers of an animation and the contents of compressed
 * text are not checked here.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <spng.h>
#include <zlib.h>

#include "base/limits.h"
#include "media/codec.h"
#include "media/png/png_chunks.h"
#include "media/png/stop.h"
#include "media/scratch.h"

enum {
    IHDR_SIZE = 13,
    LEAD_SIZE = 33 + 780 + 8, /* signature, IHDR, PLTE of 256 colours, IDAT's length and name */
    INFLATE_RATIO = 1032,     /* at most so many bytes from one */
    INFLATE_SLACK = 1032,
    KEY_SIZE = 6,        /* three samples of 16 bits */
    SPNG_PIECE = 8192,   /* libspng reads and inflates pieces of this size */
    CHECKSUM_REACH = 32, /* the checksum, and the bits before it that produce no byte */
};

/* How a stored pixel's transparency is found; NONE also where it is ignored. */
enum transparency {
    TRANSPARENCY_NONE,
    TRANSPARENCY_ALPHA, /* its last channel */
    TRANSPARENCY_KEY,   /* one colour is transparent */
};

static const uint8_t png_signature[PNG_SIGNATURE_SIZE] = {137, 'P', 'N', 'G', 13, 10, 26, 10};

struct png_state {
    const uint8_t *bytes; /* borrowed until close */
    struct png_chunks chunks;
    spng_ctx *spng; /* owned */
    uint8_t lead[LEAD_SIZE];
    size_t lead_size;
    size_t lead_read;
    struct png_data data; /* what libspng reads next */
    bool stop_known;      /* png_stop_find() was called; the data for libspng end there */
    size_t stop;          /* compressed bytes before it */
    uint32_t channels;
    size_t row_size; /* of stored samples */
    struct image_window window;
    uint32_t next_row; /* of the image */
    uint8_t palette[PNG_PALETTE_BYTES];
    enum transparency transparency;
    uint8_t key[KEY_SIZE]; /* TRANSPARENCY_KEY: the samples of a transparent pixel, as stored */
    struct scratch row;    /* one stored row */
    struct scratch whole;  /* the window's pixels, where the image is interlaced */
};

static void write_32(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)(value >> 24);
    to[1] = (uint8_t)(value >> 16);
    to[2] = (uint8_t)(value >> 8);
    to[3] = (uint8_t)value;
}

/* Channels of the pixel types that Pillow opens; 0 for others. */
static uint32_t channel_count(const struct png_chunks *chunks)
{
    bool whole_bytes = chunks->depth == 8 || chunks->depth == 16;
    bool packed = chunks->depth == 1 || chunks->depth == 2 || chunks->depth == 4;
    switch (chunks->colour_type) {
    case SPNG_COLOR_TYPE_GRAYSCALE:
        return whole_bytes || packed ? 1 : 0;
    case SPNG_COLOR_TYPE_INDEXED:
        return chunks->depth == 8 || packed ? 1 : 0;
    case SPNG_COLOR_TYPE_TRUECOLOR:
        return whole_bytes ? 3 : 0;
    case SPNG_COLOR_TYPE_GRAYSCALE_ALPHA:
        return whole_bytes ? 2 : 0;
    case SPNG_COLOR_TYPE_TRUECOLOR_ALPHA:
        return whole_bytes ? 4 : 0;
    default:
        return 0;
    }
}

/* Writes length and name of a chunk; returns the position of its body. */
static uint8_t *begin_chunk(uint8_t *to, const char *name, uint32_t size)
{
    write_32(to, size);
    for (unsigned i = 0; i < 4; i++) {
        to[4 + i] = (uint8_t)name[i];
    }
    return to + 8;
}

/* Writes the checksum after a body of `size` bytes; returns the next position. */
static uint8_t *end_chunk(uint8_t *body, uint32_t size)
{
    write_32(body + size, (uint32_t)crc32(0, body - 4, size + 4));
    return body + size + 4;
}

/* Signature, IHDR and, for indexed colour, a PLTE that libspng requires but does not use (the
 * colours are looked up here), then one IDAT of all the data. libspng would check its checksum only
 * where it needs more data than there are. */
static void write_lead(struct png_state *png, size_t data_size)
{
    const struct png_chunks *chunks = &png->chunks;
    memset(png->lead, 0, LEAD_SIZE);
    memcpy(png->lead, png_signature, PNG_SIGNATURE_SIZE);
    uint8_t *head = begin_chunk(png->lead + PNG_SIGNATURE_SIZE, "IHDR", IHDR_SIZE);
    write_32(head, chunks->width);
    write_32(head + 4, chunks->height);
    head[8] = chunks->depth;
    head[9] = chunks->colour_type;
    head[12] = chunks->interlaced;
    uint8_t *next = end_chunk(head, IHDR_SIZE);
    if (chunks->colour_type == SPNG_COLOR_TYPE_INDEXED) {
        uint32_t size = 3u << chunks->depth;
        next = end_chunk(begin_chunk(next, "PLTE", size), size);
    }
    next = begin_chunk(next, "IDAT", (uint32_t)data_size);
    png->lead_size = (size_t)(next - png->lead);
    png->lead_read = 0;
    png->data = (struct png_data){.chunk = chunks->data_begin};
}

/* libspng's view of the file: the lead, the compressed data, nothing more. */
static int give_bytes(spng_ctx *spng, void *user, void *to, size_t size)
{
    struct png_state *png = user;
    (void)spng;
    size_t left = png->lead_size - png->lead_read;
    size_t done = left < size ? left : size;
    memcpy(to, png->lead + png->lead_read, done);
    png->lead_read += done;
    done +=
        png_chunks_data(png->bytes, &png->chunks, &png->data, (uint8_t *)to + done, size - done);
    return done == size ? 0 : SPNG_IO_EOF;
}

static int report(int code, struct error *error)
{
    switch (code) {
    case SPNG_EMEM:
        return error_memory(error, "a PNG image");
    case SPNG_IO_EOF:
    case SPNG_EIDAT_TOO_SHORT:
    case SPNG_ECHUNK_TYPE:
        return error_set(error, ERROR_UNDECODABLE, "PNG image: file is truncated");
    default:
        return error_set(error, ERROR_UNDECODABLE, "PNG image: %s", spng_strerror(code));
    }
}

/* The palette as Pillow has it: colours that the file lacks are a ramp of greys. */
static void fill_palette(struct png_state *png)
{
    for (unsigned i = 0; i < PNG_PALETTE_BYTES; i++) {
        png->palette[i] = (uint8_t)(i / 3);
    }
    if (png->chunks.palette) {
        memcpy(png->palette, png->chunks.palette, png->chunks.palette_size / 3 * 3);
    }
}

static int png_open(void *state, const uint8_t *bytes, size_t size, struct image_info *info,
                    struct error *error)
{
    struct png_state *png = state;
    struct png_chunks *chunks = &png->chunks;
    int r = png_chunks_read(bytes, size, chunks, error);
    if (r < 0) {
        return r;
    }
    png->bytes = bytes;
    png->transparency = TRANSPARENCY_NONE;
    png->channels = channel_count(chunks);
    if (png->channels == 0) {
        return error_set(error, ERROR_UNDECODABLE, "PNG image of colour type %u with %u bits",
                         chunks->colour_type, chunks->depth);
    }
    r = codec_check_size(info->format, chunks->width, chunks->height, error);
    if (r < 0) {
        return r;
    }
    if (chunks->data_size > INT32_MAX) {
        return error_set(error, ERROR_TOO_LARGE, "PNG image of %zu compressed bytes",
                         chunks->data_size);
    }
    png->row_size = ((size_t)chunks->width * png->channels * chunks->depth + 7) / 8;
    uint64_t stored = (uint64_t)png->row_size * chunks->height;
    if (stored > (uint64_t)INFLATE_RATIO * chunks->data_size + INFLATE_SLACK) {
        return error_set(error, ERROR_UNDECODABLE,
                         "PNG image of %u x %u pixels with %zu bytes of data: file is truncated",
                         chunks->width, chunks->height, chunks->data_size);
    }
    fill_palette(png);
    info->width = chunks->width;
    info->height = chunks->height;
    info->orientation = chunks->orientation;
    return 0;
}

/* tRNS of an indexed image has an alpha for each of the first colours. */
static void whiten_palette(struct png_state *png)
{
    const struct png_chunks *chunks = &png->chunks;
    for (size_t i = 0; i < chunks->transparency_size && i < PNG_PALETTE_BYTES / 3; i++) {
        for (size_t c = 0; c < 3; c++) {
            uint8_t *value = &png->palette[3 * i + c];
            *value = codec_on_white(*value, chunks->transparency[i]);
        }
    }
}

/* tRNS of grey and true colour has a colour, in samples of two bytes each. */
static void find_key(struct png_state *png)
{
    const struct png_chunks *chunks = &png->chunks;
    if (!chunks->transparency || chunks->transparency_size < (size_t)2 * png->channels) {
        return;
    }
    png->transparency = TRANSPARENCY_KEY;
    for (size_t c = 0; c < png->channels; c++) {
        const uint8_t *sample = chunks->transparency + 2 * c;
        if (chunks->depth == 16) {
            memcpy(png->key + 2 * c, sample, 2);
        } else {
            png->key[c] = sample[1];
        }
    }
}

static void png_flatten(void *state)
{
    struct png_state *png = state;
    if (png->chunks.colour_type == SPNG_COLOR_TYPE_INDEXED) {
        whiten_palette(png);
    } else if (png->channels == 2 || png->channels == 4) {
        png->transparency = TRANSPARENCY_ALPHA;
    } else {
        find_key(png);
    }
}

/* A run of stored samples that becomes pixels: all of a window's row, or the pixels of one pass of
 * an interlaced image that lie in it. */
struct run {
    const uint8_t *from; /* the stored row's first byte */
    uint32_t begin, end; /* pixels of the stored row */
    uint8_t *rgb;        /* where pixel `begin` goes */
    uint32_t step;       /* bytes from one to the next */
};

static void convert_packed(const struct png_state *png, const struct run *run)
{
    uint32_t depth = png->chunks.depth;
    uint32_t mask = (1u << depth) - 1;
    bool indexed = png->chunks.colour_type == SPNG_COLOR_TYPE_INDEXED;
    uint8_t *rgb = run->rgb;
    for (uint32_t x = run->begin; x < run->end; x++, rgb += run->step) {
        uint32_t bit = x * depth;
        uint32_t sample = (uint32_t)run->from[bit / 8] >> (8 - depth - bit % 8) & mask;
        if (indexed) {
            memcpy(rgb, png->palette + (size_t)3 * sample, 3);
        } else {
            memset(rgb, (int)(sample * 255 / mask), 3);
        }
    }
}

static void convert_grey(const struct png_state *png, const struct run *run)
{
    uint32_t size = png->channels * png->chunks.depth / 8;
    /* 16-bit grey without alpha is an integer image to Pillow, and is clipped. */
    bool clip = png->chunks.depth == 16 && png->channels == 1;
    const uint8_t *from = run->from + (size_t)run->begin * size;
    uint8_t *rgb = run->rgb;
    for (uint32_t x = run->begin; x < run->end; x++, rgb += run->step, from += size) {
        uint8_t value = from[0];
        if (clip) {
            value = from[0] ? 255 : from[1];
        }
        rgb[0] = value;
        rgb[1] = value;
        rgb[2] = value;
    }
}

static void convert_indexed(const struct png_state *png, const struct run *run)
{
    uint8_t *rgb = run->rgb;
    for (uint32_t x = run->begin; x < run->end; x++, rgb += run->step) {
        memcpy(rgb, png->palette + (size_t)3 * run->from[x], 3);
    }
}

static void convert_colour(const struct png_state *png, const struct run *run)
{
    uint32_t sample = png->chunks.depth / 8;
    uint32_t size = png->channels * sample;
    const uint8_t *from = run->from + (size_t)run->begin * size;
    if (size == 3 && run->step == 3) {
        memcpy(run->rgb, from, (size_t)3 * (run->end - run->begin));
        return;
    }
    uint8_t *rgb = run->rgb;
    for (uint32_t x = run->begin; x < run->end; x++, rgb += run->step, from += size) {
        rgb[0] = from[0];
        rgb[1] = from[sample];
        rgb[2] = from[(size_t)2 * sample];
    }
}

static uint8_t alpha_at(const struct png_state *png, const uint8_t *row, uint32_t x)
{
    uint32_t depth = png->chunks.depth;
    if (depth < 8) {
        uint32_t bit = x * depth;
        uint32_t sample = (uint32_t)row[bit / 8] >> (8 - depth - bit % 8) & ((1u << depth) - 1);
        return sample == png->key[0] ? 0 : 255;
    }
    size_t sample = depth / 8;
    size_t size = png->channels * sample;
    const uint8_t *pixel = row + x * size;
    if (png->transparency == TRANSPARENCY_ALPHA) {
        return pixel[size - sample];
    }
    return memcmp(pixel, png->key, size) == 0 ? 0 : 255;
}

/* Blends the run's pixels with white. */
static void whiten_run(const struct png_state *png, const struct run *run)
{
    uint8_t *rgb = run->rgb;
    for (uint32_t x = run->begin; x < run->end; x++, rgb += run->step) {
        uint8_t alpha = alpha_at(png, run->from, x);
        for (unsigned i = 0; i < 3 && alpha != 255; i++) {
            rgb[i] = codec_on_white(rgb[i], alpha);
        }
    }
}

static void convert_samples(const struct png_state *png, const struct run *run)
{
    if (png->chunks.depth < 8) {
        convert_packed(png, run);
    } else if (png->chunks.colour_type == SPNG_COLOR_TYPE_INDEXED) {
        convert_indexed(png, run);
    } else if (png->channels < 3) {
        convert_grey(png, run);
    } else {
        convert_colour(png, run);
    }
}

static void convert_run(const struct png_state *png, const struct run *run)
{
    convert_samples(png, run);
    if (png->transparency != TRANSPARENCY_NONE) {
        whiten_run(png, run);
    }
}

static int begin_spng(struct png_state *png, struct error *error)
{
    png->spng = spng_ctx_new(0);
    if (!png->spng) {
        return report(SPNG_EMEM, error);
    }
    int code = spng_set_image_limits(png->spng, LIMIT_IMAGE_EDGE, LIMIT_IMAGE_EDGE);
    if (code == 0) {
        code = spng_set_chunk_limits(png->spng, LIMIT_OBJECT_BYTES, LIMIT_OBJECT_BYTES);
    }
    if (code == 0) {
        code = spng_set_png_stream(png->spng, give_bytes, png);
    }
    return code == 0 ? 0 : report(code, error);
}

/* Starts at the first stored row, with `data_size` compressed bytes. */
static int begin_rows(struct png_state *png, size_t data_size, struct error *error)
{
    spng_ctx_free(take_ptr(png->spng));
    write_lead(png, data_size);
    int r = begin_spng(png, error);
    if (r < 0) {
        return r;
    }
    int code = spng_decode_image(png->spng, NULL, 0, SPNG_FMT_RAW, SPNG_DECODE_PROGRESSIVE);
    return code == 0 ? 0 : report(code, error);
}

/* After all rows, or all but the last: whether Pillow accepts the data that follow. libspng has
 * read more of these than Pillow, or less; `code` is its result. */
static int find_stop(struct png_state *png, int code, struct error *error)
{
    png->stop_known = true;
    int r = png_stop_find(png->bytes, &png->chunks, png->channels * png->chunks.depth, &png->stop);
    if (r == -ENOMEM) {
        return report(SPNG_EMEM, error);
    }
    return r < 0 ? report(code, error) : 0;
}

/* After the last row. libspng inflates piece by piece, and stops with the piece that completes the
 * row: where the last piece is so short that it may be another one, libspng has not read the whole
 * checksum, while Pillow may have. */
static int check_end(struct png_state *png, struct error *error)
{
    size_t last = png->chunks.data_size % SPNG_PIECE;
    bool seen = last == 0 || last > CHECKSUM_REACH;
    return png->stop_known || seen ? 0 : find_stop(png, SPNG_EIDAT_STREAM, error);
}

/* The stored row `png->next_row`. */
static int decode_row(struct png_state *png, struct error *error)
{
    int code = spng_decode_scanline(png->spng, png->row.data, png->row_size);
    if (code == SPNG_EIDAT_STREAM && png->next_row == png->chunks.height - 1 && !png->stop_known) {
        int r = find_stop(png, code, error);
        if (r == 0) {
            r = begin_rows(png, png->stop, error);
        }
        for (uint32_t y = 0; y <= png->next_row && r == 0; y++) {
            code = spng_decode_scanline(png->spng, png->row.data, png->row_size);
            r = code == 0 || code == SPNG_EOI ? 0 : report(code, error);
        }
        return r;
    }
    return code == 0 || code == SPNG_EOI ? 0 : report(code, error);
}

static int read_row(struct png_state *png, struct error *error)
{
    int r = decode_row(png, error);
    png->next_row += r == 0;
    return r == 0 && png->next_row == png->chunks.height ? check_end(png, error) : r;
}

/* The first sample of a pass at or after `edge`; samples are at first, first + step, ... */
static uint32_t pass_index(uint32_t edge, uint32_t first, uint32_t step)
{
    return edge > first ? (edge - first + step - 1) / step : 0;
}

/* Adam7 (PNG specification, 8.2): copies the pixels of one stored row to their positions in the
 * window. */
static void place_row(struct png_state *png, unsigned pass, uint32_t y)
{
    static const uint8_t first[7] = {0, 4, 0, 2, 0, 1, 0};
    static const uint8_t step[7] = {8, 8, 4, 4, 2, 2, 1};
    const struct image_window *window = &png->window;
    if (y < window->top || y >= window->bottom) {
        return;
    }
    struct run run = {.from = png->row.data, .step = 3u * step[pass]};
    run.begin = pass_index(window->left, first[pass], step[pass]);
    run.end = pass_index(window->right, first[pass], step[pass]);
    uint32_t x = first[pass] + run.begin * step[pass];
    size_t width = window->right - window->left;
    run.rgb = png->whole.data + 3 * ((y - window->top) * width + (x - window->left));
    if (run.begin < run.end) {
        convert_run(png, &run);
    }
}

/* Returns libspng's code: 0 once all rows of all passes are placed. */
static int place_rows(struct png_state *png)
{
    for (;;) {
        struct spng_row_info row;
        int code = spng_get_row_info(png->spng, &row);
        if (code != 0) {
            return code == SPNG_EOI ? 0 : code;
        }
        code = spng_decode_scanline(png->spng, png->row.data, png->row_size);
        if (code != 0 && code != SPNG_EOI) {
            return code;
        }
        place_row(png, (unsigned)row.pass, row.row_num);
        if (code == SPNG_EOI) {
            return 0;
        }
    }
}

/* An interlaced image: all passes into the window's pixels at once. */
static int read_passes(struct png_state *png, struct error *error)
{
    size_t width = png->window.right - png->window.left;
    size_t size = 3 * width * (png->window.bottom - png->window.top);
    int r = scratch_reserve_plain(&png->whole, size, error);
    if (r < 0) {
        return r;
    }
    int code = place_rows(png);
    if (code == SPNG_EIDAT_STREAM && !png->stop_known) {
        r = find_stop(png, code, error);
        r = r < 0 ? r : begin_rows(png, png->stop, error);
        if (r < 0) {
            return r;
        }
        code = place_rows(png);
    }
    return code == 0 ? check_end(png, error) : report(code, error);
}

static int png_start(void *state, const struct image_window *window, struct error *error)
{
    struct png_state *png = state;
    png->window = *window;
    png->next_row = 0;
    png->stop_known = false;
    int r = scratch_reserve_plain(&png->row, png->row_size, error);
    r = r < 0 ? r : begin_rows(png, png->chunks.data_size, error);
    if (r < 0) {
        return r;
    }
    if (png->chunks.interlaced) {
        png->next_row = window->top;
        return read_passes(png, error);
    }
    while (png->next_row < window->top) {
        r = read_row(png, error);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int png_read(void *state, uint8_t *rows, size_t stride, uint32_t count, struct error *error)
{
    struct png_state *png = state;
    const struct image_window *window = &png->window;
    size_t row_bytes = (size_t)3 * (window->right - window->left);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *to = rows + (size_t)i * stride;
        if (png->chunks.interlaced) {
            memcpy(to, png->whole.data + (png->next_row - window->top) * row_bytes, row_bytes);
            png->next_row++;
            continue;
        }
        int r = read_row(png, error);
        if (r < 0) {
            return r;
        }
        const struct run run = {png->row.data, window->left, window->right, to, 3};
        convert_run(png, &run);
    }
    return 0;
}

static int png_finish(void *state, struct error *error)
{
    struct png_state *png = state;
    const struct png_chunks *chunks = &png->chunks;
    if (chunks->interlaced || png->next_row == chunks->height) {
        return 0;
    }
    if (chunks->data_whole && png_chunks_intact(png->bytes, chunks, png->data.at)) {
        return 0;
    }
    while (png->next_row < chunks->height) {
        int r = read_row(png, error);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static void png_close(void *state)
{
    struct png_state *png = state;
    spng_ctx_free(png->spng);
    png->spng = NULL;
    png->bytes = NULL;
    scratch_trim(&png->whole, CODEC_KEEP_BYTES);
}

static void png_trim(void *state)
{
    struct png_state *png = state;
    scratch_done(&png->row);
    scratch_done(&png->whole);
}

const struct codec codec_png = {
    .format = "PNG",
    .state_size = sizeof(struct png_state),
    .open = png_open,
    .flatten = png_flatten,
    .start = png_start,
    .read = png_read,
    .finish = png_finish,
    .close = png_close,
    .trim = png_trim,
};
