/* SPDX-License-Identifier: Apache-2.0
 *
 * The head of a request, read as strictly as RFC 9112 allows: two readers of one head, a proxy and
 * situd behind it, must never see two different requests in it. Lines end only with CRLF, there is
 * nothing between a field's name and its colon, no line is folded, and there are no control bytes
 * or NULs. Pure; any thread.
 */
#ifndef SITU_HTTP_HEAD_H
#define SITU_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/cleanup.h"

/* Why a head or a body's framing is refused, for the answer. */
struct http_refusal {
    unsigned status;     /* 0: not refused */
    const char *message; /* static */
};

/* Searches the bytes so far for the end of a head that begins at `bytes`; `*scanned` is the number
 * of bytes searched (0 at first). *ret_size includes the empty line; 0: more is needed. -EINVAL if
 * it cannot become a head: a control byte, a bare CR or LF, too long. */
must_check int http_head_find_end(const char *bytes, size_t size, size_t *scanned, size_t *ret_size,
                                  struct http_refusal *ret_refusal);

/* Offsets into the `text` that http_head_parse() appended to; each text there ends with NUL. */
struct http_head {
    size_t method;
    size_t target;
    size_t fields; /* name, value, name, value... */
    size_t field_count;
    bool old;        /* HTTP/1.0 */
    bool keep;       /* the client allows to keep the connection */
    bool chunked;    /* Transfer-Encoding */
    bool continues;  /* Expect: 100-continue */
    bool expects;    /* any Expect */
    uint64_t length; /* Content-Length; 0 if there is none */
};

/* Whether the character may be in a method or a field's name. */
bool http_head_is_token_byte(char c);

/* Parses a whole head. -EINVAL: refused; what was read before the fault is in *ret_head and in
 * `text`, for the answer. -ENOMEM. */
must_check int http_head_parse(const char *bytes, size_t size, struct buffer *text,
                               struct http_head *ret_head, struct http_refusal *ret_refusal);

/* The value of the first field of that name from number *place on, and sets *place to the number
 * after it; or NULL. */
const char *http_head_field(const struct buffer *text, const struct http_head *head,
                            const char *name, size_t *place);

#endif
