/* SPDX-License-Identifier: Apache-2.0
 *
 * The structs that the files of this room share: the server, its listeners, connections and
 * requests.
 *
 * Threads: T1 a listener's thread (loop.c, one for each listener), T2 the watcher (watcher.c), T3
 * any thread of the daemon. Locks, in the order they are taken: http_server.lock,
 * http_request.lock, http_loop.lock. No callback of the daemon runs under any of them.
 *
 * Waiting: if a connection can do nothing until another thread has done something, its request has
 * `suspended` set, under http_request.lock; the thread that clears the flag under that lock wakes
 * the connection, exactly once. A connection lives at least as long as its request. Under
 * http_server.lock any connection of the table may be woken.
 */
#ifndef SITU_HTTP_STATE_H
#define SITU_HTTP_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/limits.h"
#include "http/body_chunks.h"
#include "http/body_decoder.h"
#include "http/encoder.h"
#include "http/head.h"
#include "http/http.h"
#include "http/target.h"
#include "http/tls.h"

enum {
    HTTP_LISTENERS = 16,         /* listening sockets of one server */
    HTTP_READ_BYTES = 64 * 1024, /* one read of a body */
    HTTP_HEAD_READ_BYTES = 4096, /* one read of a head */
    HTTP_CONNECTION_SLACK = 64,  /* connections above the limit, while others are being closed */
    HTTP_DROP_BYTES = 64 * 1024, /* a refused body up to this is read, and the connection kept */
    HTTP_DROP_REFUSED_BYTES =
        1 << 26, /* of a body that was refused halfway; then the connection is closed */
    HTTP_DECODE_BYTES = 1 << 20,     /* what a connection decodes of a body in its turn */
    HTTP_PROGRESS_BYTES = 64 * 1024, /* what a streamed body or answer must progress in `body_ms` */
    HTTP_STREAM_BLOCK = 16 * 1024,   /* the largest chunk of a streamed answer */
    HTTP_STREAM_KEPT_BYTES = 256 * 1024, /* a drained stream buffer above this is freed */
    HTTP_COUNTED_BYTES = 4096,           /* a whole answer up to this is not counted */
    HTTP_ENCODE_LEAST = 1024,            /* a smaller whole body is sent as it is */
    HTTP_ENCODE_MOST = 8 << 20,   /* and a larger one, which would block the caller's thread */
    HTTP_ENCODE_FAST = 256 << 10, /* above this, speed matters more than size */
    HTTP_HELD_BYTES = 16 * 1024,  /* what an encoder may hold back */
    HTTP_HELD_IDLE_BYTES = 4096,  /* the same while the socket is idle, above the low-water mark */
    HTTP_HELD_MS = 80,            /* and how long at first; the watcher adds up to 10 ms */
    HTTP_HELD_MOST_MS =
        640,               /* doubled each time up to this, until there is a pause of that length */
    HTTP_LINGERING = 64,   /* closed connections whose input is still being dropped */
    HTTP_LINGER_MS = 2000, /* while the client reads nothing of the answer */
    HTTP_LINGER_MOST_MS = 30000,
};

/* The phase of a connection in its exchange of request and answer (exchange.c). */
enum http_phase {
    HTTP_PHASE_HANDSHAKE, /* TLS */
    HTTP_PHASE_HEAD,      /* waits for a head, or for the rest of it */
    HTTP_PHASE_PLACE,     /* its body waits for a place in memory */
    HTTP_PHASE_BODY,
    HTTP_PHASE_ANSWER, /* the request is complete or refused, and waits for its answer */
    HTTP_PHASE_SEND,   /* sends a whole answer */
    HTTP_PHASE_STREAM, /* sends a streamed one */
    HTTP_PHASE_SOURCE, /* sends one that is made meanwhile */
};

/* Allocated when accepted, freed when closed, both by T1. */
struct http_connection {
    struct http_server *server; /* borrowed */
    struct http_loop *loop;     /* borrowed */
    void *user;                 /* the listener's; borrowed */
    int fd;                     /* owned */
    uint32_t generation;        /* distinguishes it from an earlier one on the same descriptor */
    bool tcp;
    bool counted;                 /* the kernel counts its bytes (TCP_INFO) */
    struct http_request *request; /* server->lock; the one that has begun and not ended, or NULL */
    bool doomed;                  /* server->lock; shut down by the server, about to close */
    atomic_bool left;             /* the client closed its side; set by T2 */
    _Atomic int64_t waiting_ns;   /* since when it waits for a whole head; 0 while a request runs */
    _Atomic int64_t deadline_ns;  /* 0: none */

    struct http_connection *woken_next; /* loop->lock */
    bool woken;                         /* loop->lock; it is in that list */

    /* T1 only. */
    struct http_connection *next, *previous; /* of the loop */
    struct http_session *session;            /* owned; NULL: no TLS */
    enum http_phase phase;
    bool readable, writable; /* as far as is known */
    bool ended;              /* the client has closed its sending side */
    bool linger;             /* its socket is closed gently */
    bool close;              /* after the answer */
    struct buffer input;     /* read and not used yet */
    size_t input_taken;      /* of `input`, already used */
    size_t scanned;          /* of the head, searched for its end */
    unsigned empty_lines;    /* before the head */
    struct http_chunks chunks;
    uint64_t body_left;   /* of a body with Content-Length */
    size_t decoded;       /* of a body, since the connection's turn began */
    struct buffer output; /* head or chunk, not yet sent */
    size_t output_taken;
    uint64_t body_sent; /* of request->answer */
};

/* A closed connection whose socket is kept open while the client still sends, so that a reset does
 * not destroy the answer. */
struct http_lingering {
    int fd;              /* owned; -1 if free */
    int unsent;          /* bytes of the answer that the client had not read at the last check */
    int64_t deadline_ns; /* extended when the client has read some meanwhile, */
    int64_t latest_ns;   /* but not later than this */
};

/* A listener and its connections. */
struct http_loop {
    struct http_server *server; /* borrowed */
    void *user;
    int fd; /* owned; listens */
    bool tls;
    int epoll_fd; /* owned */
    int event_fd; /* owned; wakes the thread */
    pthread_t thread;

    pthread_mutex_t lock;          /* guards the next */
    struct http_connection *woken; /* connections with an event, the oldest first */
    struct http_connection *woken_last;

    /* T1 only. */
    struct http_connection *first;
    bool full;             /* accepts no connections for a moment: no descriptors, or too many */
    int64_t full_until_ns; /* at the earliest */
    char scratch[HTTP_READ_BYTES];
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
    bool watcher_asleep;                   /* it waits without a timeout */
    uint64_t closed_received, closed_sent; /* of closed connections that the kernel counted */
    uint64_t body_bytes;                   /* the sum of http_request.reserved */
    struct http_request *first_waiting;    /* for a place, by place_next */
    struct http_request *last_waiting;

    struct http_tls *tls; /* owned; constant from the first TLS listener on; NULL: none */

    struct http_loop *loops[HTTP_LISTENERS]; /* owned; used by the thread that starts and stops */
    size_t loops_count;

    pthread_t watcher;
    bool watching; /* the thread runs */
    atomic_bool watcher_stop;
    int epoll_fd; /* owned */
    int event_fd; /* owned; wakes the watcher */

    atomic_bool holding; /* the watcher knows, or is being told, that encoders hold bytes back */
    atomic_bool stopping;
    atomic_bool quiescing;
    _Atomic uint64_t next_id;
    unsigned label_prefix; /* of the server's request ids: differs from run to run */
    _Atomic uint64_t requests;
    _Atomic uint64_t timeouts;
    _Atomic uint64_t computed_received,
        computed_sent; /* of connections that the kernel does not count */
    _Atomic size_t active;
};

enum http_body_policy { HTTP_BODY_NONE, HTTP_BODY_BUFFERED, HTTP_BODY_STREAMED };

/* An answer with a whole body, or the head of one that is made while it is sent. */
struct http_answer {
    unsigned status;
    struct buffer fields; /* owned; lines of the head, except those that depend on the connection */
    struct buffer body;   /* owned */
    bool sourced;
    struct http_source source; /* owned, if `sourced` */
    struct budget *budget;     /* borrowed; or NULL */
    uint64_t counted;          /* in that budget */
};

/* Frees all of it, and returns what was counted to the budget. */
void http_answer_done(struct http_answer *answer);

struct http_request {
    _Atomic unsigned references;
    uint64_t id;
    char label[LIMIT_REQUEST_ID_BYTES + 1]; /* X-Request-Id; "": answers have none */
    void *user;                             /* the holder's */
    void *listener_user;                    /* borrowed */
    struct budget *answers;                 /* borrowed from the server's configuration; or NULL */

    /* T1 only. */
    struct http_server *server;         /* borrowed; not touched after `end` */
    struct http_connection *connection; /* borrowed; not touched after `end` */
    bool begun;   /* handler.begin was called, so handler.end must be called */
    bool readied; /* handler.ready was called, or must not be called */
    bool has_body;
    bool close;    /* the connection must not be kept */
    bool dropping; /* the rest of the body is dropped */
    bool paused;   /* the sink had no room, or there was no place: its time limit is suspended */
    uint64_t drop_left; /* how much is dropped at most; then the connection is closed */
    enum http_body_policy policy;
    uint64_t limit;
    uint64_t passed; /* of a streamed body, to the sink */
    http_sink sink;
    void *sink_context;
    uint64_t bytes_sent;
    uint64_t moved;               /* bytes since the deadline was last extended */
    struct http_decoder *decoder; /* owned; of the body's Content-Encoding, or NULL */
    int64_t begun_ns;

    /* admission.c. */
    uint64_t reserved;               /* server->lock; of the server's body_bytes */
    uint64_t wanted;                 /* server->lock; the bytes it waits for, 0: none */
    struct http_request *place_next; /* server->lock */
    int64_t waiting_since_ns;        /* server->lock */
    _Atomic int64_t progress_ns;     /* when its body last progressed; 0: it holds no place */
    uint64_t progress_bytes;         /* T1; since then */
    atomic_bool evicted;             /* it has lost its place, or waited too long for one */
    bool has_sent;                   /* server->lock; part of its body has arrived */

    /* Written by T1 before `ready`, read by any holder afterwards. */
    struct buffer text; /* method, target, header fields: NUL-terminated, at the offsets below */
    struct http_head head;
    struct target target;
    struct buffer body;
    _Atomic uint64_t bytes_received;

    struct http_answer prepared; /* used by the thread that prepares one */

    pthread_mutex_t lock;         /* guards everything below */
    struct http_connection *live; /* borrowed; NULL when the request is over */
    struct http_answer answer;
    bool answered;
    bool suspended;
    bool gone; /* no answer will reach the client */
    bool head_only;

    bool streaming;
    bool stream_ended;
    bool stream_aborted;
    bool has_room; /* http_body_resume() was called while nothing was suspended */
    struct buffer pending;
    size_t pending_taken; /* of `pending`, already sent */
    size_t low_water;
    http_drained drained;
    void *drained_context;
    struct http_encoder *encoder;  /* owned; NULL if the stream is not encoded */
    size_t held;                   /* bytes that the encoder took since its last flush */
    _Atomic int64_t held_until_ns; /* the latest time of their flush; 0: nothing is held */
    int64_t held_last_ns;          /* its last value; 0: nothing was ever held */
    uint32_t held_ms;              /* for how long they were held */
    bool above; /* more than `low_water` was pending since `drained` was last called */
};

/* wake.c. */

/* Makes its thread run the connection. Called by any thread that knows that the connection exists.
 */
void http_connection_wake(struct http_connection *connection);
/* Removes it from its loop's lists before it is freed. T1. */
void http_connection_forget(struct http_connection *connection);
void http_watch_wake(const struct http_server *server);
/* Clears `suspended` and wakes the connection; request->lock is held. */
void http_request_resume(struct http_request *request);

/* request.c: what T1 does with a request. */

/* A request for the head that begins now; NULL without memory. */
struct http_request *http_request_new(struct http_connection *connection);
/* The head is parsed or refused: decides about the body. */
void http_request_begin(struct http_request *request, const struct http_refusal *refusal);
/* Answered before its body is read, and not worth waiting for the body. */
bool http_request_answers_at_once(const struct http_request *request);
/* A piece of the body. Returns the number of bytes used: fewer if the sink has no room, there is no
 * place in memory, or the turn is over; the connection then waits. -EPIPE: the connection must be
 * closed. */
must_check ptrdiff_t http_request_take(struct http_request *request, const char *data, size_t size);
/* The rest of a decoder's output, after the whole body has arrived. True when it is done; false
 * while the connection waits. */
bool http_request_drain(struct http_request *request);
/* The request is complete. False: it waits for its answer, and this is called again when it is
 * woken. */
bool http_request_finish(struct http_request *request);
/* The framing of its body is malformed, or it lost its place. */
void http_request_refuse(struct http_request *request, unsigned status, const char *message);
/* The request is over. */
void http_request_close(struct http_request *request, bool gone);
/* The client closed its side: gives up the request if it is suspended; otherwise its thread sees
 * http_connection.left. Called by the watcher under server->lock. */
void http_request_leave(struct http_request *request);

/* admission.c: places for bodies in memory. */

/* Requests `bytes` more. True: there is room. False: it waits, and its connection is woken when it
 * has them, or when it is `evicted`. `begun`: part of its body was read. T1. */
bool http_place_reserve(struct http_request *request, uint64_t bytes, bool begun);
/* Its body progressed by that many bytes. T1. */
void http_place_progress(struct http_request *request, size_t bytes);
/* Releases its place, and admits those that wait. T1. */
void http_place_release(struct http_request *request);
/* Evicts bodies that stall while another waits for their place, and those that have waited too
 * long. Returns whether any waits. The watcher. */
bool http_place_check(struct http_server *server, int64_t now_ns);

/* whole_answer.c. The lines for the type and the caller's fields: */
void http_answer_fields(struct http_answer *answer, const char *content_type,
                        const char *const *headers);
/* Whether content of that type and with these fields may be encoded for a client that accepts it;
 * *ret_coding is what this client accepts. */
bool http_answer_may_encode(const struct http_request *request, const char *content_type,
                            const char *const *headers, enum http_coding *ret_coding);
/* The lines for that. */
void http_answer_coding(struct http_answer *answer, enum http_coding coding);
/* Makes it the request's answer (taken over) and wakes its connection; any thread. Dropped if the
 * request is already answered or over; the request is given up if the answer has failed. */
void http_answer_give(struct http_request *request, struct http_answer *answer);
/* Appends the head in the form that is sent. T1. */
void http_answer_write_head(struct http_request *request, struct buffer *output);

enum http_stream_step { HTTP_STREAM_PIECE, HTTP_STREAM_WAIT, HTTP_STREAM_END, HTTP_STREAM_BROKEN };

/* source.c: reads the next piece of request->answer.source into `scratch` and appends it to
 * `output` as stream.c does. `*sent` counts what was read. T1. */
enum http_stream_step http_source_take(struct http_request *request, char *scratch,
                                       struct buffer *output, uint64_t *sent);

/* stream.c. */
/* Appends the next piece of the stream to `output`, chunked if the client speaks HTTP/1.1. After
 * WAIT the connection will be woken. T1. */
enum http_stream_step http_stream_take(struct http_request *request, struct buffer *output);
/* Wakes a stream whose held bytes are due at `now_ns`; returns when they will be due (no need to
 * ask again before), or 0. The watcher, under server->lock. */
int64_t http_stream_wake(struct http_request *request, int64_t now_ns);
/* Frees what the stream holds; nothing is pending any more. request->lock is held. */
void http_stream_drop(struct http_request *request);

/* connections.c. A connection for this descriptor, which it takes over; NULL, and the descriptor is
 * closed, if there is no place for it. T1. */
struct http_connection *http_connection_open(struct http_loop *loop, int fd);
void http_connection_close(struct http_connection *connection);
/* Whether the kernel still has bytes to send or unread ones: if it were closed now, its socket
 * might be reset, and the client lose the rest of its answer. T1. */
bool http_connection_is_unfinished(const struct http_connection *connection);
/* Shuts the connection's socket down, once. server->lock is held. */
void http_connection_doom(struct http_server *server, struct http_connection *connection);

/* exchange.c: continues the exchange until it has to wait. The connection may be gone then. */
void http_exchange_run(struct http_connection *connection);

/* loop.c. */
/* Starts a thread with all signals blocked: the program handles them. A negative errno. */
must_check int http_thread_start(pthread_t *thread, const char *name, void *(*body)(void *),
                                 void *cls);
must_check int http_loop_start(struct http_server *server, int fd, bool tls, void *user,
                               struct http_loop **ret_loop, struct error *error);
void http_loop_stop(struct http_loop *loop); /* joins, closes its connections, frees */

/* watcher.c */
must_check int http_watch_start(struct http_server *server, struct error *error);
void http_watch_stop(struct http_server *server);

static inline void http_deadline_set(struct http_connection *connection, int64_t after_ms)
{
    atomic_store_explicit(&connection->deadline_ns, clock_now_ns() + after_ms * NS_PER_MS,
                          memory_order_relaxed);
}

static inline void http_deadline_clear(struct http_connection *connection)
{
    atomic_store_explicit(&connection->deadline_ns, 0, memory_order_relaxed);
}

/* Counts transferred bytes; the deadline is extended every HTTP_PROGRESS_BYTES. T1. */
static inline void http_deadline_progress(struct http_request *request, size_t size)
{
    request->moved += size;
    if (request->moved >= HTTP_PROGRESS_BYTES) {
        request->moved = 0;
        http_deadline_set(request->connection, request->server->config.body_ms);
    }
}

/* The watcher's epoll data of a connection: generation in the upper half, descriptor in the lower.
 */
static inline uint64_t http_event_key(uint32_t generation, int fd)
{
    return ((uint64_t)generation << 32) | (uint32_t)fd;
}

/* bytes.c: the kernel's byte counts of a TCP connection; false if it has none. */
bool http_bytes_counted(int fd, uint64_t *ret_received, uint64_t *ret_sent);

#endif
