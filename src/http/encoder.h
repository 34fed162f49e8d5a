/* SPDX-License-Identifier: Apache-2.0
 *
 * Encoders of content, on zstd and zlib: whole bodies, and streams that can be flushed. The
 * libraries' headers are included by encoder.c alone. An encoder is used by one thread at a time.
 */
#ifndef SITU_HTTP_ENCODER_H
#define SITU_HTTP_ENCODER_H

#include "base/buffer.h"
#include "base/cleanup.h"
#include "http/coding.h"

/* Of a stream: up to 350 KB with zstd, 270 KB with gzip; lines of results touch 80 and 220 of it.
 */
struct http_encoder;

enum http_encode {
    HTTP_ENCODE_MORE,  /* what comes out may lag behind what went in */
    HTTP_ENCODE_FLUSH, /* all that went in can be decoded from what came out */
    HTTP_ENCODE_END,   /* and nothing follows */
};

/* `fast`: for much at once; three to six times as fast, up to a fifth larger. NULL where there is
 * no memory. The identity has no encoder. */
struct http_encoder *http_encoder_new(enum http_coding coding, bool fast);
void http_encoder_free(struct http_encoder *encoder); /* NULL is fine */

/* Appends to `out`. -ENOMEM where memory failed: the encoder, and what came out, are then of no
 * use. */
must_check int http_encoder_put(struct http_encoder *encoder, const void *bytes, size_t size,
                                enum http_encode how, struct buffer *out);

#endif
