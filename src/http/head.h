/* SPDX-License-Identifier: Apache-2.0
 *
 * The head of a request, read as strictly as RFC 9112 lets a server be: two readers of one head, a
 * proxy before situd and situd, must never see two different requests in it. Lines end with CRLF
 * only, nothing stands between a field's name and its colon, no line is folded, control bytes and
 * NUL are nowhere. Pure; any thread.
 */
#ifndef SITU_HTTP_HEAD_H
#define SITU_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/cleanup.h"

/* Why a head or a body's framing is refused, as its answer says it. */
struct http_refusal {
    unsigned status;     /* 0: not refused */
    const char *message; /* static */
};

/* Looks for the end of a head that begins at `bytes`, as far as it has come; `*scanned` says how
 * far was looked (0 at first). *ret_size: with its empty line; 0: more is to come. -EINVAL where it
 * cannot become a head: a control byte, a bare CR or LF, too long. */
must_check int http_head_find_end(const char *bytes, size_t size, size_t *scanned, size_t *ret_size,
                                  struct http_refusal *ret_refusal);

/* Offsets are those of the `text` that http_head_parse() appended to; what stands there ends in
 * NUL. */
struct http_head {
    size_t method;
    size_t target;
    size_t fields; /* name, value, name, value... */
    size_t field_count;
    bool old;        /* HTTP/1.0 */
    bool keep;       /* the client lets the connection be kept */
    bool chunked;    /* Transfer-Encoding */
    bool continues;  /* Expect: 100-continue */
    bool expects;    /* any Expect */
    uint64_t length; /* Content-Length; 0 where there is none */
};

/* Whether it may stand in a method or a field's name. */
bool http_head_is_token_byte(char c);

/* Takes a whole head apart. -EINVAL: refused; what was read before the fault is in *ret_head and in
 * `text`, so that an answer can go by it. -ENOMEM. */
must_check int http_head_parse(const char *bytes, size_t size, struct buffer *text,
                               struct http_head *ret_head, struct http_refusal *ret_refusal);

/* The value of the first field of that name at or behind number *place, which becomes the number
 * behind it; NULL. */
const char *http_head_field(const struct buffer *text, const struct http_head *head,
                            const char *name, size_t *place);

#endif
