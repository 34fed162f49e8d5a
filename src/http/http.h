/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP/1.1 server, on libmicrohttpd. Knows nothing of inference: it hands whole requests (or
 * streamed bodies) to one handler table, and takes answers from any thread, at once or later.
 *
 * Threads: each listener has one epoll thread of its own; all callbacks of a request come from its
 * listener's thread, and must not block. http_respond(), http_stream_*() may be called from any
 * thread. A suspended request costs no thread.
 */
#ifndef SITU_HTTP_HTTP_H
#define SITU_HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

struct http_server;
struct http_request; /* one request and its answer; reference counted inside */

struct http_config {
    unsigned connection_limit;
    int64_t header_ms; /* from a connection's start to its first whole head */
    int64_t body_ms; /* to a whole buffered body; a streamed one must move by 64 KiB a `body_ms` */
    int64_t idle_ms; /* kept-alive connection without request */
};

/* The handler. `begin` is called when the head is there; it says what to do with the body by
 * http_accept_body(), http_accept_stream() or answers at once by http_respond() (the body is then
 * read and dropped up to a bound, or the connection closed). A `begin` that does neither means "no
 * body": any body bytes are answered with 413. */
struct http_handler {
    void (*begin)(void *context, struct http_request *request);
    /* The body is complete: answer now or later. Called also where there is none. */
    void (*ready)(void *context, struct http_request *request);
    /* The request is over: answered whole (client_gone false), or its client is gone. Comes once,
     * after which only a holder of a reference may touch it. */
    void (*end)(void *context, struct http_request *request, bool client_gone);
    void *context;
};

/* A listening socket and how it is guarded. */
struct http_listener {
    int fd;                      /* owned by the server from http_server_listen on */
    const char *tls_certificate; /* PEM text, NULL for plain HTTP; borrowed during the call */
    const char *tls_key;         /* PEM text */
    void *user;                  /* http_request_listener_user() */
};

must_check int http_server_new(const struct http_config *config, const struct http_handler *handler,
                               struct http_server **ret_server, struct error *error);
must_check int http_server_listen(struct http_server *server, const struct http_listener *listener,
                                  struct error *error);
/* No new connections or requests (503 with Connection: close on kept-alive ones); running ones go
 * on. */
void http_server_quiesce(struct http_server *server);
/* Requests begun and not ended. */
size_t http_server_active(const struct http_server *server);
/* Ends every connection, joins the threads, frees. All suspended requests get `end` first. */
void http_server_free(struct http_server *server);

/* Totals since start, at the level of HTTP payload and heads (estimated head sizes are not good
 * enough: bytes are counted where they are exact; see http.c). */
struct http_totals {
    uint64_t requests;
    uint64_t bytes_received; /* body bytes plus request line and header fields */
    uint64_t bytes_sent;     /* body bytes plus status line and header fields */
    uint64_t connections;    /* open now */
    uint64_t timeouts;       /* connections ended by a deadline */
};
void http_server_totals(const struct http_server *server, struct http_totals *ret_totals);

/* The request. Strings are borrowed and live until `end` (longer for a holder of a reference). */
const char *http_request_method(const struct http_request *request);
const char *http_request_path(const struct http_request *request); /* decoded; a %00 is 400 */
const char *http_request_query(const struct http_request *request,
                               const char *name); /* decoded or NULL */
const char *http_request_header(const struct http_request *request, const char *name); /* or NULL */
const void *http_request_body(const struct http_request *request, size_t *ret_size);
uint64_t http_request_id(const struct http_request *request); /* for logs: counts from 1 */
void *http_request_listener_user(const struct http_request *request);
void http_request_set_user(struct http_request *request, void *user);
void *http_request_user(const struct http_request *request);
/* Bytes of this request as received: request line, header fields, body. */
uint64_t http_request_bytes(const struct http_request *request);

struct http_request *http_request_ref(struct http_request *request);
void http_request_unref(struct http_request *request); /* NULL is fine */

/* Body policy, from `begin` only. Buffered: up to `limit` bytes, else 413. Streamed: `sink` gets
 * each piece on the listener's thread and returns 0 or a negative errno, after which `ready` comes
 * at once and the rest of the body is dropped. */
void http_accept_body(struct http_request *request, size_t limit);
typedef int (*http_sink)(void *context, const void *bytes, size_t size);
void http_accept_stream(struct http_request *request, uint64_t limit, http_sink sink,
                        void *context);

/* The answer: exactly once a request, from `begin`, `ready` or any thread later. `headers` is a
 * NULL-terminated list of name, value, name, value..., or NULL. The body is copied; where the
 * client asked for HEAD it is not sent. */
void http_respond(struct http_request *request, unsigned status, const char *content_type,
                  const void *body, size_t size, const char *const *headers);
/* The same; takes the buffer's memory over (it is BUFFER_INIT afterwards) instead of copying. */
void http_respond_buffer(struct http_request *request, unsigned status, const char *content_type,
                         struct buffer *body, const char *const *headers);
/* {"error": message} with that status; adds Retry-After: 1 to 429 and 503. */
void http_respond_error(struct http_request *request, unsigned status, const char *message);

/* A streamed answer (chunked). http_stream_begin() answers the request with 200; the producer then
 * appends pieces from any thread; they are sent as the client takes them. http_stream_pending()
 * tells how many bytes wait, so that a producer can hold back; `drained` (may be NULL) is called on
 * the listener's thread whenever the pending bytes fall to `low_water` or less, or the client goes
 * (then http_stream_append returns -EPIPE). http_stream_end() closes it; `aborted` breaks
 * the connection instead, so that the client sees the answer is not whole. */
typedef void (*http_drained)(void *context);
void http_stream_begin(struct http_request *request, const char *content_type,
                       const char *const *headers, size_t low_water, http_drained drained,
                       void *context);
must_check int http_stream_append(struct http_request *request, const void *bytes, size_t size);
size_t http_stream_pending(const struct http_request *request);
void http_stream_end(struct http_request *request, bool aborted);

#endif
