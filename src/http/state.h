/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this room share: the server, its connections, its requests.
 *
 * Threads: T1 a listener's thread (libmicrohttpd's, one a listener), T2 the watcher (watch.c), T3
 * any thread of the daemon. Locks, in the order they are taken: http_server.lock,
 * http_request.lock, then libmicrohttpd's own. No callback of the daemon runs under any of them.
 *
 * Suspending: a request without an answer suspends its connection under http_request.lock and says
 * so in `suspended`; whoever clears the flag under that lock resumes it, exactly once. While the
 * flag is up libmicrohttpd keeps the connection alive, so that the resume cannot meet a dead one.
 */
#ifndef SITU_HTTP_STATE_H
#define SITU_HTTP_STATE_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "http/encoder.h"
#include "http/http.h"
#include "http/target.h"
#include "http/tls.h"

enum {
    HTTP_LISTENERS = 16,         /* listening sockets of one server */
    HTTP_POOL_BYTES = 32 * 1024, /* a connection's memory: head and read buffer */
    HTTP_CONNECTION_SLACK = 64,  /* connections above the limit, while others are being closed */
    HTTP_DROP_BYTES = 64 * 1024, /* a refused body up to this is read, and the connection kept */
    HTTP_DROP_CHUNKED_BYTES =
        1 << 26, /* a chunked body may overrun its limit so far; then it is cut */
    HTTP_PROGRESS_BYTES = 64 * 1024,     /* what a streamed body or answer must move in `body_ms` */
    HTTP_STREAM_BLOCK = 16 * 1024,       /* the largest chunk of a streamed answer */
    HTTP_STREAM_KEPT_BYTES = 256 * 1024, /* a drained stream buffer above this is given back */
    HTTP_COUNTED_BYTES = 4096,           /* a whole answer up to this is not counted */
    HTTP_LONG_BYTES = 1 << 20,    /* the deadline of a longer one is put off by what is taken */
    HTTP_ENCODE_LEAST = 1024,     /* a smaller whole body is sent as it is */
    HTTP_ENCODE_MOST = 8 << 20,   /* and a larger one, which would hold the caller's thread */
    HTTP_ENCODE_FAST = 256 << 10, /* above this speed counts more than size */
    HTTP_HELD_BYTES = 16 * 1024,  /* what an encoder may hold back */
    HTTP_HELD_IDLE_BYTES = 4096,  /* the same while the socket is idle, above the low-water mark */
    HTTP_HELD_MS = 80,            /* and how long at first; the watcher adds up to 10 ms */
    HTTP_HELD_MOST_MS = 640, /* twice as long each time, up to this, until it is quiet so long */
    HTTP_LINGERING = 64,     /* closed connections whose input is still being dropped */
    HTTP_LINGER_MS = 2000,
};

/* Of libmicrohttpd's connection; allocated at its start, freed at its close, both by T1. */
struct http_connection {
    struct http_server *server; /* borrowed */
    void *user;                 /* the listener's; borrowed */
    int fd;              /* libmicrohttpd's; open as long as the connection is in the table */
    uint32_t generation; /* tells this connection from an earlier one on the same descriptor */
    bool tcp;
    bool counted;                 /* the kernel counts its bytes (TCP_INFO) */
    bool linger;                  /* T1: answered before its body was read */
    struct http_request *request; /* server->lock; the one begun and not ended, or NULL */
    bool doomed;                  /* server->lock; shut down by us, about to close */
    atomic_bool left;             /* the client closed its side; set by T2 */
    _Atomic int64_t waiting_ns;   /* since when it waits for a whole head; 0 while a request runs */
    _Atomic int64_t deadline_ns;  /* 0: none */
};

/* A closed connection whose socket is held open while the client still sends, so that the answer is
 * not lost to a reset. */
struct http_lingering {
    int fd; /* owned; -1 where free */
    int64_t deadline_ns;
};

struct http_daemon {
    struct MHD_Daemon *mhd; /* owned */
    struct http_server *server;
    void *user;
    int fd; /* owned; libmicrohttpd has a duplicate */
    bool tls;
    pthread_t starter;
    char message[256]; /* libmicrohttpd's last complaint on the starter's thread */
};

struct http_server {
    struct http_config config;
    struct http_handler handler;

    pthread_mutex_t lock;                 /* guards the next block */
    struct http_connection **connections; /* by descriptor */
    size_t connections_size;
    size_t connections_count; /* those in the table */
    size_t doomed_count;
    uint32_t generation;
    struct http_lingering lingering[HTTP_LINGERING];
    bool watcher_asleep;                   /* it waits without time-out */
    uint64_t closed_received, closed_sent; /* of closed connections that the kernel counted */

    struct http_tls *tls; /* owned; constant from the first TLS listener on; NULL: none */

    struct http_daemon daemons[HTTP_LISTENERS]; /* by the thread that starts and stops the server */
    size_t daemons_count;

    pthread_t watcher;
    bool watching; /* the thread runs */
    atomic_bool watcher_stop;
    int epoll_fd; /* owned */
    int event_fd; /* owned; wakes the watcher */

    atomic_bool holding; /* the watcher knows, or is told, that encoders hold something back */
    atomic_bool stopping;
    atomic_bool quiescing;
    _Atomic uint64_t next_id;
    _Atomic uint64_t requests;
    _Atomic uint64_t timeouts;
    _Atomic uint64_t computed_received,
        computed_sent;           /* of connections that the kernel does not count */
    _Atomic uint64_t body_bytes; /* buffered bodies of the requests that run */
    _Atomic size_t active;
};

enum http_body_policy { HTTP_BODY_NONE, HTTP_BODY_BUFFERED, HTTP_BODY_STREAMED };

struct http_request {
    _Atomic unsigned references;
    uint64_t id;
    void *user;             /* the holder's */
    void *listener_user;    /* borrowed */
    struct budget *answers; /* borrowed from the server's configuration; may be NULL */

    /* T1 only. */
    struct http_server *server;         /* borrowed; not touched after `end` */
    struct http_connection *connection; /* borrowed; not touched after `end` */
    bool entered;                       /* libmicrohttpd showed us the head */
    bool begun;                         /* handler.begin was called, so handler.end must be */
    bool readied;                       /* handler.ready was called, or must not be */
    bool has_body;
    bool close;    /* the connection must not be kept */
    bool dropping; /* what comes of the body is thrown away */
    bool paused;   /* the sink had no room */
    enum http_body_policy policy;
    uint64_t limit;
    uint64_t passed;   /* of a streamed body, to the sink */
    uint64_t budgeted; /* of http_server.body_bytes */
    http_sink sink;
    void *sink_context;
    uint64_t moved; /* bytes since the deadline was last put off */

    /* Written by T1 before `ready`, read by any holder afterwards. */
    struct buffer text; /* method, target, header fields: NUL-terminated, at the offsets below */
    struct target target;
    size_t method;
    size_t headers;
    size_t header_pairs;
    struct buffer body;
    _Atomic uint64_t bytes_received;

    pthread_mutex_t lock;          /* guards all below */
    struct MHD_Connection *mhd;    /* borrowed; NULL when the request is over */
    struct MHD_Response *response; /* owned; NULL when queued */
    unsigned status;
    bool answered;
    bool suspended;
    bool gone; /* no answer will reach the client */
    bool head_only;
    uint64_t bytes_sent; /* as computed */
    size_t answer_size;

    bool streaming;
    bool stream_ended;
    bool stream_aborted;
    bool has_room; /* http_body_resume() was called while nothing was suspended */
    struct buffer pending;
    size_t pending_taken; /* of `pending`, already sent */
    size_t low_water;
    bool above; /* more than `low_water` was pending since `drained` was last called */
    http_drained drained;
    void *drained_context;
    struct http_encoder *encoder;  /* owned; NULL where the stream is sent as it is */
    size_t held;                   /* bytes that the encoder took since its last flush */
    _Atomic int64_t held_until_ns; /* when they are flushed at the latest; 0: nothing held */
    int64_t held_last_ns;          /* what it was last; 0: nothing was ever held */
    uint32_t held_ms;              /* how long that was */
};

/* request.c: the callbacks that libmicrohttpd gets. */
void *http_request_open(void *cls, const char *target, struct MHD_Connection *mhd);
enum MHD_Result http_request_step(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **slot);
void http_request_close(void *cls, struct MHD_Connection *mhd, void **slot,
                        enum MHD_RequestTerminationCode code);
/* Gives up a request whose client is gone or whose server stops. Any thread; the caller makes sure
 * that it is not over (server->lock, by way of http_connection.request). */
void http_request_abandon(struct http_request *request);
/* The client closed its side: gives up the request if it is suspended, else its thread finds out by
 * http_connection.left. The watcher, under server->lock. */
void http_request_leave(struct http_request *request);

/* answer.c. The bytes of status line and fields on the wire, which it adds to the response: */
uint64_t http_answer_head(struct MHD_Response *response, unsigned status, const char *content_type,
                          const char *const *headers);
/* Whether content of that type and with these fields may be encoded for a client that wants it;
 * *ret_coding is what this client wants. */
bool http_answer_may_encode(const struct http_request *request, const char *content_type,
                            const char *const *headers, enum http_coding *ret_coding);
/* The fields that say so; returns their bytes. */
uint64_t http_answer_coding(struct MHD_Response *response, enum http_coding coding);
/* Makes it the request's answer (taken over) and wakes its connection; any thread. Destroyed where
 * the request is answered already or over. `bytes` on the wire as computed, `size` of the body. */
void http_answer_give(struct http_request *request, struct MHD_Response *response, unsigned status,
                      uint64_t bytes, size_t size);
/* Hands the answer to libmicrohttpd. T1. */
enum MHD_Result http_answer_queue(struct http_request *request);

/* source.c: a response whose body is read from `source`, which it owns. NULL: no memory, and the
 * source is freed. */
struct MHD_Response *http_source_response(struct http_request *request,
                                          const struct http_source *source);
/* stream.c: a byte to send to a socket that takes none, for a client that gets nothing more. */
ssize_t http_stream_break(const struct http_request *request, char *to);

/* stream.c. Wakes a stream whose held bytes are due at `now_ns`; returns when they will be (it need
 * not be asked again before), or 0. The watcher, under server->lock. */
int64_t http_stream_wake(struct http_request *request, int64_t now_ns);
/* Frees what the stream holds; nothing is pending any more. request->lock is held. */
void http_stream_drop(struct http_request *request);

/* connections.c: libmicrohttpd tells of a connection's start and close. */
void http_connection_notify(void *cls, struct MHD_Connection *mhd, void **slot,
                            enum MHD_ConnectionNotificationCode code);
/* Shuts the connection's socket down, once. server->lock is held. */
void http_connection_doom(struct http_server *server, struct http_connection *connection);

/* watch.c */
must_check int http_watch_start(struct http_server *server, struct error *error);
void http_watch_stop(struct http_server *server);
void http_watch_wake(const struct http_server *server);
/* Counts bytes that moved; every HTTP_PROGRESS_BYTES the deadline is put off. T1. */
void http_deadline_progress(struct http_request *request, size_t size);

static inline void http_deadline_set(struct http_connection *connection, int64_t after_ms)
{
    atomic_store_explicit(&connection->deadline_ns, clock_now_ns() + after_ms * NS_PER_MS,
                          memory_order_relaxed);
}

static inline void http_deadline_clear(struct http_connection *connection)
{
    atomic_store_explicit(&connection->deadline_ns, 0, memory_order_relaxed);
}

/* request.c: the fields of one name, one after another; start with *place 0. NULL: no more. */
const char *http_request_next_header(const struct http_request *request, const char *name,
                                     size_t *place);

/* The watcher's epoll data of a connection: generation above, descriptor below. */
static inline uint64_t http_event_key(uint32_t generation, int fd)
{
    return ((uint64_t)generation << 32) | (uint32_t)fd;
}

/* bytes.c: what the kernel counted on a TCP connection; false where it does not. */
bool http_bytes_counted(int fd, uint64_t *ret_received, uint64_t *ret_sent);

#endif
