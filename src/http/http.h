/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP/1.1 server. Independent of inference: it passes whole requests (or streamed bodies) to
 * one handler table, and takes answers from any thread, at once or later.
 *
 * Threads: each listener has its own epoll thread; all callbacks of a request run on its listener's
 * thread and must not block. http_respond*() and http_stream_*() may be called from any thread,
 * also from a callback. A request that waits for its answer needs no thread. The threads of this
 * room have all signals blocked.
 *
 * Clients: the server notices at once when a client leaves while its request waits, and the request
 * ends with client_gone. Over TCP, closing only the sending side counts as leaving, since it looks
 * the same. A connection is ended if it is too slow to send its head or body or to read its answer,
 * or idle too long (http_config). At the connection limit, the one that has waited longest for a
 * whole head is ended to let a new one in; the new one is closed only if every connection has a
 * request running.
 *
 * The server itself answers: 400 (malformed head, target or escape, %00, two lengths), 414 and 431
 * (heads above the limits of limits.h), 405 and 501 (methods other than GET, HEAD, POST, PUT,
 * DELETE), 505, 413, 415 and 503 (bodies, their coding, stopping). Each head gets exactly one
 * answer. After a refused head or framing the connection is closed. RFC 9110 (6.6.1) asks a server
 * with a clock for a Date field; there is none, as for a clock that is not reliable: no answer may
 * be cached, and 37 bytes are a tenth of the smallest exchange.
 *
 * Each connection needs a descriptor, and up to 64 above the limit are open for moments: the
 * program must set RLIMIT_NOFILE. A connection that has had a request holds 4 KiB.
 */
#ifndef SITU_HTTP_HTTP_H
#define SITU_HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/budget.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_write.h"

struct http_server;
struct http_request; /* one request and its answer; reference counted inside */

struct http_config {
    unsigned connection_limit; /* of all listeners together; at least 1 */
    int64_t header_ms; /* from a connection's start to its first whole head, TLS handshake included;
                        * later heads: from their first byte */
    int64_t body_ms; /* to a whole buffered body; a streamed one, and an answer that is being sent,
                        must progress by 64 KiB in each `body_ms` */
    int64_t idle_ms; /* a kept-alive connection without a request */
    /* Limit on the buffered bodies of all running requests together. A body without room waits up
     * to `body_ms` and then gets 503; so does one that has a place and stalls for `stall_ms` while
     * another waits. 0: no limit. */
    uint64_t bodies_bytes;
    struct budget *answers; /* borrowed; whole answers above 4 KiB count in it until they are sent,
                               and become 503 if it has no room. NULL: no limit */
    int64_t stall_ms;
    bool identify; /* answers have X-Request-Id: the client's, if it is valid, or a new one */
};

/* The outcome of a request, for an access log. Strings are valid during the call. */
struct http_served {
    const char *id; /* http_request_label() */
    const char *method;
    const char *target; /* as received, "" if it could not be read */
    unsigned status;    /* 0: no answer */
    uint64_t bytes_received;
    uint64_t bytes_sent;
    int64_t duration_ns; /* from the end of the head on */
    bool client_gone;
    int fd; /* of the connection, to get the peer's address */
    void *listener_user;
};

/* The handler. `begin` is called after the head; it decides about the body with http_accept_body()
 * or http_accept_stream(), or answers at once. In that case `ready` is not called, and the body is
 * dropped: one of up to 64 KiB is read and the connection kept; otherwise
 * the answer is sent before the body and the connection is closed after it (gently: further input
 * is dropped for two seconds, and for up to 30 while the client reads the answer). A client that
 * waits for `100 Continue` has then sent nothing. A `begin` that does neither means "no body": a
 * request with one gets 413. */
struct http_handler {
    void (*begin)(void *context, struct http_request *request);
    /* The body is complete: answer now or later. Also called if there is none. To answer later,
     * take a reference first: the request may end at any time. */
    void (*ready)(void *context, struct http_request *request);
    /* The request is over: answered completely (client_gone false), or its client is gone, the
     * server stops, or the stream was aborted (true). Called once for each `begin`, on the
     * listener's thread or that of http_server_free(). Afterwards only a holder of a reference may
     * use the request; answers are then ignored. */
    void (*end)(void *context, struct http_request *request, bool client_gone);
    /* Called for every request that had a head, also one that the server refused: after its end, on
     * the same thread. May be NULL. */
    void (*served)(void *context, const struct http_served *served);
    void *context;
};

/* A listening socket and its protection. */
struct http_listener {
    int fd;                      /* owned by the server from http_server_listen on */
    const char *tls_certificate; /* PEM text, NULL for plain HTTP; borrowed during the call */
    const char *tls_key;         /* PEM text */
    void *user;                  /* http_request_listener_user() */
};

/* Copies both. One thread owns the server: it calls all of these except http_server_active() and
 * http_server_totals(), which any thread may call. */
must_check int http_server_new(const struct http_config *config, const struct http_handler *handler,
                               struct http_server **ret_server, struct error *error);
must_check int http_server_listen(struct http_server *server, const struct http_listener *listener,
                                  struct error *error);
/* The certificate and key for new connections to TLS listeners; open ones keep theirs. PEM text,
 * copied. ERROR_MALFORMED: they cannot be used, and the earlier ones stay. Does nothing without a
 * TLS listener. */
must_check int http_server_certify(struct http_server *server, const char *certificate,
                                   const char *key, struct error *error);
/* Running requests continue; new ones, also on new connections, get 503 with Connection: close. */
void http_server_quiesce(struct http_server *server);
/* Requests that have begun and not ended. */
size_t http_server_active(const struct http_server *server);
/* Ends every connection, joins the threads, frees. All running requests get `end` first. A holder
 * of a reference may still answer (which is ignored) and then drop it. NULL is fine. */
void http_server_free(struct http_server *server);

/* Totals since the start. For TCP the bytes are the kernel's counts: all payload of the TCP
 * segments, including TLS and retransmitted segments, without TCP and IP headers. For unix sockets
 * they are computed when a request ends: the head as received, the body without chunk framing, sent
 * bytes exactly. */
struct http_totals {
    uint64_t requests; /* whole heads received */
    uint64_t bytes_received;
    uint64_t bytes_sent;
    uint64_t connections; /* open now */
    uint64_t timeouts;    /* connections ended by a deadline */
};
/* For tests. */
void http_server_totals(const struct http_server *server, struct http_totals *ret_totals);
/* The same for /v1/status and /metrics; `server` is the server. */
void http_server_write_bytes(void *server, struct json_writer *w);
void http_server_write_connections(void *server, struct json_writer *w);
void http_server_write_metrics(void *server, struct buffer *out);

/* The request. Strings are borrowed and valid until `end` (longer for a holder of a reference). */
const char *http_request_method(const struct http_request *request);
const char *http_request_path(const struct http_request *request); /* decoded; a %00 is 400 */
/* Decoded (`+` is a space), "" if the parameter has no value, NULL if there is none. If there are
 * several with that name, the first. */
const char *http_request_query(const struct http_request *request, const char *name);
/* The first field of that name; NULL if there is none. */
const char *http_request_header(const struct http_request *request, const char *name);
/* A buffered body; complete from `ready` on. May be NULL if the size is 0. */
const void *http_request_body(const struct http_request *request, size_t *ret_size);
/* X-Request-Id of the answer: 1 to 64 bytes that need no quotes in a log line; "" without
 * http_config.identify. */
const char *http_request_label(const struct http_request *request);
/* Closes the connection, now: the client is gone for all who work for it. A holder of a reference;
 * once the request is over it does nothing. */
void http_request_cut(struct http_request *request);
/* The descriptor of the connection, to ask for its other end; in `begin` only. */
int http_request_descriptor(const struct http_request *request);
void *http_request_listener_user(const struct http_request *request);
void http_request_set_user(struct http_request *request, void *user);
void *http_request_user(const struct http_request *request);

struct http_request *http_request_ref(struct http_request *request);
void http_request_unref(struct http_request *request); /* NULL is fine */

/* Body policy, only from `begin`. A body with a Content-Encoding is decoded, and limits apply to
 * the decoded size. Buffered: up to `limit` bytes, otherwise 413. Streamed: `sink` gets each piece
 * on the listener's thread and returns 0 or a negative errno; after an errno `ready` is called at
 * once, the rest of the body is dropped, and then the answer is sent. A body longer than `limit`
 * gets 413 without `ready`, at once if its length was announced.
 *
 * A sink that has no room returns HTTP_SINK_FULL and takes nothing: no more is read from the
 * client, whose time limit is suspended, and the same piece is passed again after
 * http_body_resume(). Any thread with a reference may call that, even before the sink has returned.
 */
enum { HTTP_SINK_FULL = 1 };
void http_accept_body(struct http_request *request, size_t limit);
typedef int (*http_sink)(void *context, const void *bytes, size_t size);
void http_accept_stream(struct http_request *request, uint64_t limit, http_sink sink,
                        void *context);
void http_body_resume(struct http_request *request);

/* Answers of JSON, NDJSON and text are encoded with zstd or gzip if the client's Accept-Encoding
 * allows: streams, and whole bodies from 1 KiB to 8 MiB that become smaller. They have a Vary
 * field, encoded or not; shorter bodies and other types have none. An answer with a
 * Content-Encoding of its own is not changed. Encoding runs on the caller's thread, for up to 70
 * ms; what a stream has held back for long is flushed on the listener's.
 *
 * The answer: exactly once for each request, from `begin`, `ready` or any thread later; a second
 * one is ignored. `headers` is a NULL-terminated list of name, value, name, value..., or NULL.
 * After HEAD the body is not sent. `content_type` may be NULL.
 *
 * A whole body, in two steps, for callers that must know the status before the answer is sent. The
 * first takes over the buffer's memory (it is BUFFER_INIT afterwards) and returns the status: 503
 * for a failed buffer, or if the answer's budget or memory has no room. Called by one thread for
 * each request. */
unsigned http_prepare_buffer(struct http_request *request, unsigned status,
                             const char *content_type, struct buffer *body,
                             const char *const *headers);
void http_respond_prepared(struct http_request *request);
/* A 200 whose body is made while the client reads it, and is not encoded: `read` fills up to `room`
 * bytes, on the listener's thread, and must not block; it returns their number, 0 at the end, or a
 * negative errno, which closes the connection. `size` is HTTP_SIZE_UNKNOWN (the answer is chunked)
 * or exactly what `read` returns in total. `free` is called once, by any thread, when nothing more
 * will be read, also if the request can no longer be answered. A client that reads less than 64 KiB
 * in a `body_ms` is disconnected. */
#define HTTP_SIZE_UNKNOWN UINT64_MAX
struct http_source {
    long (*read)(void *context, char *to, size_t room);
    void (*free)(void *context);
    void *context;
    uint64_t size;
};
void http_respond_source(struct http_request *request, const char *content_type,
                         const struct http_source *source, const char *const *headers);

/* {"error": message, "code": word} with that status; 429 and 503 have Retry-After: 1. */
void http_respond_error(struct http_request *request, unsigned status, const char *message);

/* A streamed answer (chunked). http_stream_begin() answers the request with 200; the producer then
 * appends pieces from any thread; they are sent as the client reads them. http_stream_pending()
 * returns the number of waiting bytes, for back-pressure; `drained` (may be NULL) is called on the
 * listener's thread whenever the pending bytes fall to `low_water` or less, or the client is gone
 * (then nothing is pending any more and http_stream_append returns -EPIPE). A producer that stops
 * first notes this and then checks http_stream_pending() once more, otherwise it would miss a drain
 * between the two. http_stream_end() closes the stream; `aborted` breaks the connection instead, so
 * that the client sees that the answer is incomplete; so does a lack of memory, which
 * http_stream_append reports with -ENOMEM. After it no new call of `drained` begins, but one may
 * still run: `context` must live until `end`.
 *
 * In an encoded stream a piece is held back for up to 0.1 s or 16 KiB, so that many small ones are
 * encoded together: each flush costs some 25 bytes, about one line of results. Held pieces are sent
 * without further calls. http_stream_flush() sends them at once, for a client that waits for them;
 * unnecessary calls make the stream larger. Held bytes count as pending with their size before
 * encoding, encoded ones with their size after it. */
typedef void (*http_drained)(void *context);
void http_stream_begin(struct http_request *request, const char *content_type,
                       const char *const *headers, size_t low_water, http_drained drained,
                       void *context);
must_check int http_stream_append(struct http_request *request, const void *bytes, size_t size);
void http_stream_flush(struct http_request *request); /* for tests */
size_t http_stream_pending(const struct http_request *request);
void http_stream_end(struct http_request *request, bool aborted);

#endif
