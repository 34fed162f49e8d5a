/* SPDX-License-Identifier: Apache-2.0
 *
 * One interface to zstd and gzip.
 *
 * The settings of zstd are not those of a level: lines of results repeat parts of recent lines, so
 * a window of 32 KiB is enough, and small tables with a thorough search give smaller output than
 * level 3's large ones (6 %) with a third of the memory, for 2 us a line.
 */
#define ZLIB_CONST /* zlib's input is const */
#include "http/encoder.h"

#include <errno.h>
#include <limits.h>
#include <zlib.h>
#include <zstd.h>

enum {
    ROOM_LEAST = 1024, /* above the 6 bytes that zlib needs; with less it repeats a flush */
    GZIP_LEVEL = 6,
    GZIP_LEVEL_FAST = 1,
    GZIP_WINDOW = 15 + 16, /* 32 KiB, and a gzip frame */
    GZIP_MEMORY = 8,       /* zlib's default */
    ZSTD_LEVEL_FAST = 1,
};

struct http_encoder {
    enum http_coding coding;
    ZSTD_CCtx *zstd; /* owned; or NULL */
    z_stream gzip;
};

static bool zstd_init(struct http_encoder *encoder, bool fast)
{
    static const struct {
        ZSTD_cParameter name;
        int value;
    } parameters[] = {
        {ZSTD_c_windowLog, 15},        {ZSTD_c_hashLog, 14}, {ZSTD_c_chainLog, 15},
        {ZSTD_c_searchLog, 4},         {ZSTD_c_minMatch, 4}, {ZSTD_c_targetLength, 16},
        {ZSTD_c_strategy, ZSTD_lazy2},
    };
    encoder->zstd = ZSTD_createCCtx();
    if (!encoder->zstd) {
        return false;
    }
    if (fast) {
        return !ZSTD_isError(
            ZSTD_CCtx_setParameter(encoder->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL_FAST));
    }
    for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
        if (ZSTD_isError(
                ZSTD_CCtx_setParameter(encoder->zstd, parameters[i].name, parameters[i].value))) {
            return false;
        }
    }
    return true;
}

struct http_encoder *http_encoder_new(enum http_coding coding, bool fast)
{
    struct http_encoder *encoder = calloc(1, sizeof(*encoder));
    if (!encoder) {
        return NULL;
    }
    encoder->coding = HTTP_CODING_IDENTITY; /* nothing to end yet */
    bool ok = false;
    if (coding == HTTP_CODING_ZSTD) {
        ok = zstd_init(encoder, fast);
    } else if (coding == HTTP_CODING_GZIP) {
        ok = deflateInit2(&encoder->gzip, fast ? GZIP_LEVEL_FAST : GZIP_LEVEL, Z_DEFLATED,
                          GZIP_WINDOW, GZIP_MEMORY, Z_DEFAULT_STRATEGY) == Z_OK;
    }
    if (!ok) {
        http_encoder_free(encoder);
        return NULL;
    }
    encoder->coding = coding;
    return encoder;
}

void http_encoder_free(struct http_encoder *encoder)
{
    if (!encoder) {
        return;
    }
    (void)ZSTD_freeCCtx(encoder->zstd);
    if (encoder->coding == HTTP_CODING_GZIP) {
        (void)deflateEnd(&encoder->gzip);
    }
    free(encoder);
}

/* Output is usually at most a fourth of the input; otherwise more is reserved. */
static size_t room_for(size_t size)
{
    return ROOM_LEAST + size / 4;
}

static int zstd_put(struct http_encoder *encoder, const void *bytes, size_t size,
                    enum http_encode how, struct buffer *out)
{
    static const ZSTD_EndDirective directives[] = {
        [HTTP_ENCODE_MORE] = ZSTD_e_continue,
        [HTTP_ENCODE_FLUSH] = ZSTD_e_flush,
        [HTTP_ENCODE_END] = ZSTD_e_end,
    };
    ZSTD_inBuffer from = {.src = bytes, .size = size};
    size_t left = 0;
    do {
        size_t room = room_for(from.size - from.pos);
        ZSTD_outBuffer to = {.dst = buffer_reserve(out, room), .size = room};
        if (!to.dst) {
            return -ENOMEM;
        }
        left = ZSTD_compressStream2(encoder->zstd, &to, &from, directives[how]);
        if (ZSTD_isError(left)) {
            return -ENOMEM; /* the only reason for a failure */
        }
        out->size += to.pos;
    } while (from.pos < from.size || (how != HTTP_ENCODE_MORE && left > 0));
    return 0;
}

/* At most UINT_MAX / 2 bytes. */
static int gzip_piece(z_stream *gzip, const void *bytes, size_t size, int flush, struct buffer *out)
{
    gzip->next_in = bytes;
    gzip->avail_in = (unsigned)size;
    int r = Z_OK;
    do {
        size_t room = room_for(gzip->avail_in);
        gzip->next_out = (unsigned char *)buffer_reserve(out, room);
        if (!gzip->next_out) {
            return -ENOMEM;
        }
        gzip->avail_out = (unsigned)room;
        r = deflate(gzip, flush);
        if (r == Z_STREAM_ERROR) {
            return -ENOMEM;
        }
        out->size += room - gzip->avail_out;
    } while (gzip->avail_out == 0 || (flush == Z_FINISH && r != Z_STREAM_END));
    return 0;
}

static int gzip_put(struct http_encoder *encoder, const void *bytes, size_t size,
                    enum http_encode how, struct buffer *out)
{
    static const int flushes[] = {
        [HTTP_ENCODE_MORE] = Z_NO_FLUSH,
        [HTTP_ENCODE_FLUSH] = Z_SYNC_FLUSH,
        [HTTP_ENCODE_END] = Z_FINISH,
    };
    const size_t most = UINT_MAX / 2;
    const char *at = bytes;
    while (size > most) {
        int r = gzip_piece(&encoder->gzip, at, most, Z_NO_FLUSH, out);
        if (r < 0) {
            return r;
        }
        at += most;
        size -= most;
    }
    return gzip_piece(&encoder->gzip, at, size, flushes[how], out);
}

int http_encoder_put(struct http_encoder *encoder, const void *bytes, size_t size,
                     enum http_encode how, struct buffer *out)
{
    return encoder->coding == HTTP_CODING_ZSTD ? zstd_put(encoder, bytes, size, how, out)
                                               : gzip_put(encoder, bytes, size, how, out);
}
