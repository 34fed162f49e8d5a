/* SPDX-License-Identifier: Apache-2.0
 *
 * Parses the chunks of a request's body as they arrive. As strict as head.h: sizes are hexadecimal
 * digits, lines end with CRLF, extensions and the trailer are short and ignored. Pure; not shared
 * between threads.
 */
#ifndef SITU_HTTP_BODY_CHUNKS_H
#define SITU_HTTP_BODY_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

#include "http/head.h"

enum http_chunk_state {
    CHUNK_SIZE, /* in the line with the size */
    CHUNK_EXTENSION,
    CHUNK_LINE_FEED, /* of that line */
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER, /* at the start of a line or inside it */
    CHUNK_TRAILER_LF,
    CHUNK_END,
};

struct http_chunks {
    enum http_chunk_state state;
    uint64_t left;   /* of the chunk's data; the size, while it is read */
    unsigned digits; /* of the size */
    unsigned extra;  /* bytes of this extension, or of the trailer */
    size_t line;     /* bytes of this line of the trailer */
    bool named;      /* the colon after that line's field name was read */
};

#define HTTP_CHUNKS_INIT ((struct http_chunks){.state = CHUNK_SIZE})

/* Reads framing. Returns the number of bytes used: all of them, unless data or the end is next:
 * then state is CHUNK_DATA, with `left` bytes of data, or CHUNK_END. -EINVAL: refused. */
must_check ptrdiff_t http_chunks_skip(struct http_chunks *chunks, const char *bytes, size_t size,
                                      struct http_refusal *ret_refusal);

/* `size` bytes of data were used, at most `left`. */
void http_chunks_took(struct http_chunks *chunks, uint64_t size);

#endif
