/* SPDX-License-Identifier: Apache-2.0
 *
 * Encoders of content, with zstd and zlib: for whole bodies, and for streams that can be flushed.
 * Only encoder.c includes the libraries' headers. An encoder is used by one thread at a time.
 */
#ifndef SITU_HTTP_ENCODER_H
#define SITU_HTTP_ENCODER_H

#include "base/buffer.h"
#include "base/cleanup.h"
#include "http/coding.h"

/* For a stream: up to 350 KB with zstd, 270 KB with gzip; lines of results use 80 and 220 of it. */
struct http_encoder;

enum http_encode {
    HTTP_ENCODE_MORE,  /* output may lag behind the input */
    HTTP_ENCODE_FLUSH, /* the output can be decoded to all of the input */
    HTTP_ENCODE_END,   /* and nothing follows */
};

/* `fast`: for large inputs; three to six times as fast, with up to a fifth more output. NULL if out
 * of memory. The identity has no encoder. */
struct http_encoder *http_encoder_new(enum http_coding coding, bool fast);
void http_encoder_free(struct http_encoder *encoder); /* NULL is fine */

/* Appends to `out`. After -ENOMEM neither the encoder nor its output can be used. */
must_check int http_encoder_put(struct http_encoder *encoder, const void *bytes, size_t size,
                                enum http_encode how, struct buffer *out);

#endif
