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
    int64_t body_ms;   /* to a whole buffered body; a streamed one, and an answer on its way to the
                        * client, must move by 64 KiB a `body_ms` */
    int64_t idle_ms;   /* kept-alive connection without request */
    /* Buffered bodies of all running requests together. A body for which there is no room waits for
     * it, up to `body_ms`, and is then answered with 503; so is one that has its place and does not
     * move for `stall_ms` while another waits. 0: no bound. */
    uint64_t bodies_bytes;
    struct budget *answers; /* borrowed; whole answers above 4 KiB count in it until they are sent,
                             * and are 503 where it has no room. NULL: no bound */
    int64_t stall_ms;
    bool identify; /* answers carry X-Request-Id: the client's, where it can be taken, or one made
                      here */
};

/* What became of a request, for a log of accesses. Strings end with the call. */
struct http_served {
    const char *id; /* http_request_label() */
    const char *method;
    const char *target; /* as it came, "" where it could not be read */
    unsigned status;    /* 0: there was no answer */
    uint64_t bytes_received;
    uint64_t bytes_sent;
    int64_t duration_ns; /* from the whole head on */
    bool client_gone;
    int fd; /* of the connection, to ask for its other end */
    void *listener_user;
};

/* The handler. `begin` is called when the head is there; it says what to do with the body by
 * http_accept_body(), http_accept_stream() or answers at once by http_respond(); then `ready` does
 * not come, and the body is dropped: one of up to 64 KiB is read and the connection kept, else the
 * answer goes out before the body and the connection is closed behind it (gently: what the client
 * still sends is dropped for two seconds, and for up to 30 while it takes the answer). Where the
 * client waits for `100 Continue`, it has then sent nothing. A `begin` that does neither means "no
 * body": a request with one gets 413. */
struct http_handler {
    void (*begin)(void *context, struct http_request *request);
    /* The body is complete: answer now or later. Called also where there is none. To answer later,
     * take a reference first: the request may end at any time. */
    void (*ready)(void *context, struct http_request *request);
    /* The request is over: answered whole (client_gone false); or its client is gone, the server
     * stops, or the stream was aborted (true). Comes once for each `begin`, on the listener's
     * thread or that of http_server_free(), after which only a holder of a reference may touch the
     * request; answers are then ignored. */
    void (*end)(void *context, struct http_request *request, bool client_gone);
    /* Every request that had a head, also one that was refused here: after its end, on the same
     * thread. May be NULL. */
    void (*served)(void *context, const struct http_served *served);
    void *context;
};

/* A listening socket and how it is guarded. */
struct http_listener {
    int fd;                      /* owned by the server from http_server_listen on */
    const char *tls_certificate; /* PEM text, NULL for plain HTTP; borrowed during the call */
    const char *tls_key;         /* PEM text */
    void *user;                  /* http_request_listener_user() */
};

/* Copies both. One thread owns the server: it calls all of these but http_server_active() and
 * http_server_totals(), which any thread may. */
must_check int http_server_new(const struct http_config *config, const struct http_handler *handler,
                               struct http_server **ret_server, struct error *error);
must_check int http_server_listen(struct http_server *server, const struct http_listener *listener,
                                  struct error *error);
/* New connections to TLS listeners get these from now on; open ones go on with what they have. PEM
 * text, copied. ERROR_MALFORMED: they cannot be used, and the earlier ones stay. Without a TLS
 * listener nothing is done. */
must_check int http_server_certify(struct http_server *server, const char *certificate,
                                   const char *key, struct error *error);
/* Running requests go on; new ones, on new connections too, get 503 with Connection: close. */
void http_server_quiesce(struct http_server *server);
/* Requests begun and not ended. */
size_t http_server_active(const struct http_server *server);
/* Ends every connection, joins the threads, frees. All requests that run get `end` first. A holder
 * of a reference may still answer (it is ignored) and drop it afterwards. NULL is fine. */
void http_server_free(struct http_server *server);

/* Totals since start. Bytes over TCP are those that the kernel counted on the connections: all
 * payload of the TCP segments, TLS included, and sent segments as often as they went out; TCP and
 * IP headers are not in it. Bytes over unix sockets are computed when a request ends: the head as
 * it was received, the body without chunk framing, sent bytes exactly. */
struct http_totals {
    uint64_t requests; /* whole heads received */
    uint64_t bytes_received;
    uint64_t bytes_sent;
    uint64_t connections; /* open now */
    uint64_t timeouts;    /* connections ended by a deadline */
};
/* For tests. */
void http_server_totals(const struct http_server *server, struct http_totals *ret_totals);
/* The same as a part of /v1/status and of /metrics; `server` is the server. */
void http_server_write_status(void *server, struct json_writer *w);
void http_server_write_metrics(void *server, struct buffer *out);

/* The request. Strings are borrowed and live until `end` (longer for a holder of a reference). */
const char *http_request_method(const struct http_request *request);
const char *http_request_path(const struct http_request *request); /* decoded; a %00 is 400 */
/* Decoded (`+` is a space), "" where the parameter has no value, NULL where there is none. Of
 * several with one name the first. */
const char *http_request_query(const struct http_request *request, const char *name);
/* Of several fields with one name the first; NULL where there is none. */
const char *http_request_header(const struct http_request *request, const char *name);
/* A buffered body; complete from `ready` on. May be NULL where the size is 0. */
const void *http_request_body(const struct http_request *request, size_t *ret_size);
/* X-Request-Id, as answers carry it: of 1 to 64 bytes that can stand in a log line unquoted; ""
 * without http_config.identify. */
const char *http_request_label(const struct http_request *request);
void *http_request_listener_user(const struct http_request *request);
void http_request_set_user(struct http_request *request, void *user);
void *http_request_user(const struct http_request *request);

struct http_request *http_request_ref(struct http_request *request);
void http_request_unref(struct http_request *request); /* NULL is fine */

/* Body policy, from `begin` only. A body with a Content-Encoding comes decoded, and limits hold for
 * what it was decoded to. Buffered: up to `limit` bytes, else 413. Streamed: `sink` gets
 * each piece on the listener's thread and returns 0 or a negative errno, after which `ready` comes
 * at once and the rest of the body is dropped; the answer goes out behind it. A body longer than
 * `limit` gets 413 without `ready`: at once where its length was announced.
 *
 * A sink that has no room returns HTTP_SINK_FULL and takes nothing: no more is read from the
 * client, whose time does not run meanwhile, and the same piece comes again after
 * http_body_resume(), which any thread that holds a reference may call, also before the sink has
 * returned. */
enum { HTTP_SINK_FULL = 1 };
void http_accept_body(struct http_request *request, size_t limit);
typedef int (*http_sink)(void *context, const void *bytes, size_t size);
void http_accept_stream(struct http_request *request, uint64_t limit, http_sink sink,
                        void *context);
void http_body_resume(struct http_request *request);

/* Answers of JSON, NDJSON and text are encoded with zstd or gzip where the client's Accept-Encoding
 * wants it: streams, and whole bodies from 1 KiB to 8 MiB that get smaller by it. They carry Vary,
 * encoded or not; shorter bodies and other types carry nothing. An answer that brings a
 * Content-Encoding of its own is left alone. Encoding takes place on the caller's thread, and takes
 * it up to 70 ms; what a stream held back for long is flushed on the listener's.
 *
 * The answer: exactly once a request, from `begin`, `ready` or any thread later; a second one is
 * ignored. `headers` is a NULL-terminated list of name, value, name, value..., or NULL. The body is
 * copied; where the client asked for HEAD it is not sent. `content_type` may be NULL. */
void http_respond(struct http_request *request, unsigned status, const char *content_type,
                  const void *body, size_t size, const char *const *headers); /* for tests */
/* The same, for tests; takes the buffer's memory over (it is BUFFER_INIT afterwards) instead of
 * copying. A failed buffer makes it 503. */
void http_respond_buffer(struct http_request *request, unsigned status, const char *content_type,
                         struct buffer *body, const char *const *headers);
/* The same in two steps, for who must know what is sent before it is: the first returns the status,
 * which is 503 where the answer's budget or memory has no room. By one thread of a request. */
unsigned http_prepare_buffer(struct http_request *request, unsigned status,
                             const char *content_type, struct buffer *body,
                             const char *const *headers);
void http_respond_prepared(struct http_request *request);
/* A 200 whose body is made as the client takes it, and is not encoded: `read` fills up to `room`
 * bytes, from the listener's thread, and must not block; it returns how many, 0 at the end, or a
 * negative errno, which cuts the connection. `size` is HTTP_SIZE_UNKNOWN (the answer is chunked) or
 * exactly what `read` gives in all. `free` is called once, by any thread, when nothing more will be
 * read; also where the request cannot be answered any more. A client that takes less than 64 KiB in
 * a `body_ms` is disconnected. */
#define HTTP_SIZE_UNKNOWN UINT64_MAX
struct http_source {
    long (*read)(void *context, char *to, size_t room);
    void (*free)(void *context);
    void *context;
    uint64_t size;
};
void http_respond_source(struct http_request *request, const char *content_type,
                         const struct http_source *source, const char *const *headers);

/* {"error": message, "code": word} with that status; adds Retry-After: 1 to 429 and 503. */
void http_respond_error(struct http_request *request, unsigned status, const char *message);

/* A streamed answer (chunked). http_stream_begin() answers the request with 200; the producer then
 * appends pieces from any thread; they are sent as the client takes them. http_stream_pending()
 * tells how many bytes wait, so that a producer can hold back; `drained` (may be NULL) is called on
 * the listener's thread whenever the pending bytes fall to `low_water` or less, or the client goes
 * (then nothing is pending any more and http_stream_append returns -EPIPE). A producer that holds
 * back notes so first and looks at http_stream_pending() again after that, else a drain between the
 * two would be lost on it. http_stream_end() closes the stream; `aborted` breaks the connection
 * instead, so that the client sees the answer is not whole; so does a want of memory, of which
 * http_stream_append tells with -ENOMEM. After it no new call of `drained` begins, but one may
 * still run: `context` lives until `end`.
 *
 * Where the stream is encoded, a piece is held back for up to 0.1 s or 16 KiB, so that many small
 * ones are encoded together: each flush costs some 25 bytes, about one line of results. Nothing
 * stays behind: what is held goes out by itself. http_stream_flush() sends it at once, for what
 * somebody waits for; without need it makes the stream larger. What is held counts as pending, as
 * it was appended; what is encoded, as encoded. */
typedef void (*http_drained)(void *context);
void http_stream_begin(struct http_request *request, const char *content_type,
                       const char *const *headers, size_t low_water, http_drained drained,
                       void *context);
must_check int http_stream_append(struct http_request *request, const void *bytes, size_t size);
void http_stream_flush(struct http_request *request); /* for tests */
size_t http_stream_pending(const struct http_request *request);
void http_stream_end(struct http_request *request, bool aborted);

#endif
