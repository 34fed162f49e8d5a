/* SPDX-License-Identifier: Apache-2.0
 *
 * One interface to zlib and zstd for decoding, as encoder.c is for encoding. Runs on a listener's
 * thread.
 */
#define ZLIB_CONST /* zlib's input is const */
#include "http/body_decoder.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

enum {
    BLOCK = 32 * 1024,
    INPUT_MOST = 1 << 20, /* for one call */
    GZIP_FRAME = 15 + 16, /* in the form that inflateInit2() takes */
    ZLIB_FRAME = 15,
    NO_FRAME = -15,
    MAGIC_BYTES = 4,      /* of a zstd frame */
    WINDOW_LOG_MOST = 23, /* RFC 8878 recommends to support 8 MiB */
};

enum kind { KIND_GZIP, KIND_DEFLATE, KIND_ZSTD };

struct http_decoder {
    enum kind kind;
    z_stream zlib;
    bool has_zlib;
    ZSTD_DCtx *zstd;     /* owned; or NULL */
    unsigned magic;      /* bytes of its frame that were used, counted up to 4 */
    unsigned char first; /* the first of them */
    bool any;            /* there was input */
    bool whole;          /* a frame has ended, and no other has begun */
    size_t size;         /* of output */
    char output[BLOCK];
};

static bool init_zlib(struct http_decoder *decoder, int frame)
{
    decoder->has_zlib = inflateInit2(&decoder->zlib, frame) == Z_OK;
    return decoder->has_zlib;
}

static bool init(struct http_decoder *decoder)
{
    switch (decoder->kind) {
    case KIND_GZIP:
        return init_zlib(decoder, GZIP_FRAME);
    case KIND_DEFLATE:
        return true; /* the first byte tells which frame it has */
    case KIND_ZSTD:
        decoder->zstd = ZSTD_createDCtx();
        return decoder->zstd && !ZSTD_isError(ZSTD_DCtx_setParameter(
                                    decoder->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MOST));
    }
    return false;
}

int http_decoder_new(const char *coding, struct http_decoder **ret_decoder)
{
    static const struct {
        const char *name;
        enum kind kind;
    } kinds[] = {
        {"gzip", KIND_GZIP}, {"x-gzip", KIND_GZIP}, {"deflate", KIND_DEFLATE}, {"zstd", KIND_ZSTD}};
    *ret_decoder = NULL;
    if (!coding || !*coding || strcasecmp(coding, "identity") == 0) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcasecmp(coding, kinds[i].name) != 0) {
            continue;
        }
        struct http_decoder *decoder = calloc(1, sizeof(*decoder));
        if (!decoder) {
            return -ENOMEM;
        }
        decoder->kind = kinds[i].kind;
        if (!init(decoder)) {
            http_decoder_free(decoder);
            return -ENOMEM;
        }
        *ret_decoder = decoder;
        return 0;
    }
    return -ENOTSUP;
}

void http_decoder_free(struct http_decoder *decoder)
{
    if (decoder) {
        if (decoder->has_zlib) {
            (void)inflateEnd(&decoder->zlib);
        }
        (void)ZSTD_freeDCtx(decoder->zstd);
        free(decoder);
    }
}

const char *http_decoder_output(const struct http_decoder *decoder, size_t *ret_size)
{
    *ret_size = decoder->size;
    return decoder->output;
}

void http_decoder_taken(struct http_decoder *decoder)
{
    decoder->size = 0;
}

/* By RFC 9110, `deflate` means zlib's frame; some clients send the bare stream. The first byte of a
 * frame names method 8 and a window of at most 32 KiB; in a bare stream these bits would be a
 * stored or dynamic block that no encoder begins with. */
static bool choose_frame(struct http_decoder *decoder, unsigned char first)
{
    bool framed = (first & 0x0f) == Z_DEFLATED && (first >> 4) <= 7;
    return init_zlib(decoder, framed ? ZLIB_FRAME : NO_FRAME);
}

static int put_zlib(struct http_decoder *decoder, const char *input, size_t size, size_t *ret_used)
{
    if (!decoder->has_zlib) {
        if (size == 0) {
            return 0;
        }
        if (!choose_frame(decoder, (unsigned char)input[0])) {
            return -ENOMEM;
        }
    }
    if (decoder->whole) {
        if (size == 0) {
            return 0;
        }
        if (decoder->kind != KIND_GZIP || inflateReset(&decoder->zlib) != Z_OK) {
            return -EINVAL; /* only gzip allows several frames in sequence */
        }
        decoder->whole = false;
    }
    z_stream *zlib = &decoder->zlib;
    zlib->next_in = (const unsigned char *)input;
    zlib->avail_in = (unsigned)size;
    zlib->next_out = (unsigned char *)decoder->output;
    zlib->avail_out = BLOCK;
    int r = inflate(zlib, Z_NO_FLUSH);
    *ret_used = size - zlib->avail_in;
    decoder->size = BLOCK - zlib->avail_out;
    if (r == Z_MEM_ERROR) {
        return -ENOMEM;
    }
    if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR) {
        return -EINVAL;
    }
    decoder->whole = r == Z_STREAM_END;
    return 0;
}

/* Whether byte `at` of a frame may have this value: a frame of RFC 8878, or one to skip. Depending
 * on its build, the library also accepts frames of zstd's drafts, without a limit for windows. */
static bool is_magic(unsigned at, unsigned char byte, unsigned char first)
{
    static const unsigned char frame[MAGIC_BYTES] = {0x28, 0xb5, 0x2f, 0xfd};
    static const unsigned char skipped[MAGIC_BYTES] = {0x50, 0x2a, 0x4d, 0x18};
    return (first == frame[0] && byte == frame[at]) ||
           ((first & 0xf0) == skipped[0] && (at == 0 || byte == skipped[at]));
}

static bool check_magic(const struct http_decoder *decoder, const char *input, size_t size)
{
    unsigned char first = decoder->magic || size == 0 ? decoder->first : (unsigned char)input[0];
    for (size_t i = 0; i < size && decoder->magic + i < MAGIC_BYTES; i++) {
        if (!is_magic(decoder->magic + (unsigned)i, (unsigned char)input[i], first)) {
            return false;
        }
    }
    return true;
}

static void count_magic(struct http_decoder *decoder, const char *input, size_t used)
{
    if (decoder->magic == 0 && used > 0) {
        decoder->first = (unsigned char)input[0];
    }
    size_t left = MAGIC_BYTES - decoder->magic;
    decoder->magic = decoder->whole ? 0 : decoder->magic + (unsigned)(used < left ? used : left);
}

static int error_of(size_t result)
{
    switch (ZSTD_getErrorCode(result)) {
    case ZSTD_error_memory_allocation:
        return -ENOMEM;
    case ZSTD_error_frameParameter_windowTooLarge:
        return -EFBIG;
    default:
        return -EINVAL;
    }
}

static int put_zstd(struct http_decoder *decoder, const char *input, size_t size, size_t *ret_used)
{
    if (decoder->whole && size == 0) {
        return 0;
    }
    if (!check_magic(decoder, input, size)) {
        return -EINVAL;
    }
    ZSTD_inBuffer in = {.src = input, .size = size};
    ZSTD_outBuffer out = {.dst = decoder->output, .size = BLOCK};
    size_t r = ZSTD_decompressStream(decoder->zstd, &out, &in);
    *ret_used = in.pos;
    decoder->size = out.pos;
    if (ZSTD_isError(r)) {
        return error_of(r);
    }
    decoder->whole = r == 0;
    count_magic(decoder, input, in.pos);
    return 0;
}

int http_decoder_put(struct http_decoder *decoder, const char *input, size_t size, size_t *ret_used)
{
    *ret_used = 0;
    size = size < INPUT_MOST ? size : INPUT_MOST;
    decoder->any = decoder->any || size > 0;
    return decoder->kind == KIND_ZSTD ? put_zstd(decoder, input, size, ret_used)
                                      : put_zlib(decoder, input, size, ret_used);
}

bool http_decoder_is_whole(const struct http_decoder *decoder)
{
    return decoder->whole || !decoder->any;
}
