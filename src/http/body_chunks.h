/* SPDX-License-Identifier: Apache-2.0
 *
 * The chunks of a request's body, taken apart as they come. As strict as head.h: sizes are
 * hexadecimal digits, lines end with CRLF, an extension and the trailer are short and dropped.
 * Pure; not shared between threads.
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
    CHUNK_TRAILER, /* at a line's start, or within */
    CHUNK_TRAILER_LF,
    CHUNK_END,
};

struct http_chunks {
    enum http_chunk_state state;
    uint64_t left;   /* of the chunk's data; the size, while it is read */
    unsigned digits; /* of the size */
    unsigned extra;  /* bytes of this extension, or of the trailer */
    size_t line;     /* bytes of this line of the trailer */
    bool named;      /* the colon behind that line's field name has come */
};

#define HTTP_CHUNKS_INIT ((struct http_chunks){.state = CHUNK_SIZE})

/* Reads framing. Returns how many bytes of it were used, all of them unless data or the end comes
 * next: then state is CHUNK_DATA, with `left` bytes of it to come, or CHUNK_END. -EINVAL: refused.
 */
must_check ptrdiff_t http_chunks_skip(struct http_chunks *chunks, const char *bytes, size_t size,
                                      struct http_refusal *ret_refusal);

/* So many bytes of data were taken, at most `left`. */
void http_chunks_took(struct http_chunks *chunks, uint64_t size);

#endif
