/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a request: its head is parsed, its body decoded and collected or passed on; then
 * there is an answer, or the connection waits for one. All of it runs on the listener's thread
 * except http_request_leave(), and references and accessors, which any thread may use.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/log.h"
#include "http/state.h"

static const char too_large[] = "the body is larger than this request may be";

static void set_request(struct http_connection *connection, struct http_request *request)
{
    HOLD(&connection->server->lock);
    connection->request = request;
}

/* ---- life ---- */

struct http_request *http_request_new(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    struct http_request *request = calloc(1, sizeof(*request));
    if (!request) {
        return NULL;
    }
    atomic_init(&request->references, 1);
    (void)pthread_mutex_init(&request->lock, NULL);
    request->id = atomic_fetch_add(&server->next_id, 1) + 1;
    request->server = server;
    request->connection = connection;
    request->listener_user = connection->user;
    request->answers = server->config.answers;
    request->live = connection;
    request->begun_ns = clock_now_ns();
    set_request(connection, request);
    return request;
}

struct http_request *http_request_ref(struct http_request *request)
{
    atomic_fetch_add(&request->references, 1);
    return request;
}

void http_request_unref(struct http_request *request)
{
    if (!request || atomic_fetch_sub(&request->references, 1) != 1) {
        return;
    }
    http_answer_done(&request->answer);
    http_answer_done(&request->prepared);
    buffer_done(&request->text);
    buffer_done(&request->body);
    http_decoder_free(request->decoder);
    http_stream_drop(request);
    (void)pthread_mutex_destroy(&request->lock);
    free(request);
}

void http_request_leave(struct http_request *request)
{
    HOLD(&request->lock);
    if (request->suspended) {
        request->gone = true;
        http_request_resume(request);
    }
}

/* ---- head ---- */

void http_request_refuse(struct http_request *request, unsigned status, const char *message)
{
    request->readied = true;
    request->close = true;
    request->dropping = true;
    request->drop_left = HTTP_DROP_REFUSED_BYTES;
    buffer_done(&request->body);
    http_place_release(request);
    http_respond_error(request, status, message);
}

static bool is_one_of(const char *method, const char *const *methods)
{
    for (; *methods; methods++) {
        if (strcmp(method, *methods) == 0) {
            return true;
        }
    }
    return false;
}

/* An id from a client or proxy is kept if it needs no quotes in a log line. */
static bool is_label(const char *text)
{
    size_t size = strlen(text);
    return size > 0 && size <= LIMIT_REQUEST_ID_BYTES &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                        "-._~+/=:@") == size;
}

static void set_label(struct http_request *request)
{
    if (!request->server->config.identify) {
        return;
    }
    const char *given = http_request_header(request, "X-Request-Id");
    if (given && is_label(given)) {
        (void)snprintf(request->label, sizeof(request->label), "%s", given);
    } else {
        (void)snprintf(request->label, sizeof(request->label), "%06x-%llx",
                       request->server->label_prefix, (unsigned long long)request->id);
    }
}

/* Sets up the decoder of the body. False if its coding was refused. */
static bool take_coding(struct http_request *request)
{
    size_t place = 0;
    const char *coding =
        http_head_field(&request->text, &request->head, "Content-Encoding", &place);
    bool several =
        coding && http_head_field(&request->text, &request->head, "Content-Encoding", &place);
    int r = several || !request->has_body ? 0 : http_decoder_new(coding, &request->decoder);
    if (r == -ENOMEM) {
        http_request_refuse(request, 503, "out of memory");
        return false;
    }
    if (several || r < 0) {
        char message[256];
        (void)snprintf(message, sizeof(message),
                       "Content-Encoding '%.100s' is not understood: gzip, deflate or zstd",
                       coding);
        http_request_refuse(request, 415, several ? "more than one Content-Encoding" : message);
        return false;
    }
    return true;
}

static int decode_target(struct http_request *request, struct error *error)
{
    char *raw = strdup(request->text.data + request->head.target); /* the text may be reallocated */
    if (!raw) {
        return error_memory(error, NULL);
    }
    int r = target_decode(raw, &request->text, &request->target, error);
    free(raw);
    return r;
}

/* False if it was refused. */
static bool take_head(struct http_request *request, const struct http_refusal *refusal)
{
    static const char *const taken[] = {"GET", "HEAD", "POST", "PUT", "DELETE", NULL};
    static const char *const known[] = {"PATCH", "OPTIONS", "TRACE", "CONNECT", NULL};
    struct error error = {0};
    if (buffer_ok(&request->text) < 0) {
        HOLD(&request->lock);
        request->gone = true; /* nothing is suspended yet */
        return false;
    }
    const char *method = http_request_method(request);
    request->head_only = strcmp(method, "HEAD") == 0;
    set_label(request);
    if (refusal->status) {
        http_request_refuse(request, refusal->status, refusal->message);
        return false;
    }
    request->has_body = request->head.chunked || request->head.length > 0;
    if (decode_target(request, &error) < 0) {
        http_request_refuse(request, error.code == ERROR_MALFORMED ? 400 : 503, error.message);
    } else if (!is_one_of(http_request_method(request), taken)) {
        http_request_refuse(request, is_one_of(http_request_method(request), known) ? 405 : 501,
                            "the methods are GET, HEAD, POST, PUT and DELETE");
    } else if (atomic_load(&request->server->quiescing)) {
        http_request_refuse(request, 503, "the server is stopping");
    } else {
        return take_coding(request);
    }
    return false;
}

/* Answered, or given up because memory ran out. */
static bool is_answered(struct http_request *request)
{
    HOLD(&request->lock);
    return request->answered || request->gone;
}

void http_request_begin(struct http_request *request, const struct http_refusal *refusal)
{
    struct http_server *server = request->server;
    struct http_connection *connection = request->connection;
    atomic_store(&connection->waiting_ns, 0);
    atomic_fetch_add_explicit(&server->requests, 1, memory_order_relaxed);
    if (take_head(request, refusal)) {
        request->begun = true;
        atomic_fetch_add(&server->active, 1);
        server->handler.begin(server->handler.context, request);
        if (is_answered(request)) {
            request->readied = true;
            request->dropping = true;
            request->drop_left = HTTP_DROP_BYTES;
        } else if (request->has_body && request->policy == HTTP_BODY_NONE) {
            http_request_refuse(request, 413, "this request takes no body");
        } else if (request->head.length > request->limit && request->has_body) {
            http_request_refuse(request, 413, too_large);
        }
    }
    if (request->has_body) {
        http_deadline_set(connection, server->config.body_ms);
    } else {
        http_deadline_clear(connection);
    }
}

bool http_request_answers_at_once(const struct http_request *request)
{
    if (!request->dropping || !request->has_body) {
        return false;
    }
    const struct http_connection *connection = request->connection;
    bool begun = connection->phase == HTTP_PHASE_BODY; /* its client has not got 100 Continue */
    return request->drop_left == 0 ||
           (!begun && (request->head.expects || request->head.chunked)) ||
           (!request->head.chunked && (begun ? connection->body_left : request->head.length) >
                                          (begun ? request->drop_left : HTTP_DROP_BYTES));
}

/* ---- body ---- */

static void call_ready(struct http_request *request)
{
    request->readied = true;
    request->server->handler.ready(request->server->handler.context, request);
}

/* Gets a place for `size` more bytes. False while it waits for one. */
static bool has_place(struct http_request *request, size_t size)
{
    uint64_t needed = request->body.size + size;
    if (needed <= request->reserved) { /* only this thread reduces it */
        return true;
    }
    uint64_t ahead = request->body.size / 2; /* in a few steps, which stay below the limit */
    uint64_t more = needed - request->reserved + ahead;
    uint64_t most = request->limit - request->reserved;
    if (http_place_reserve(request, more < most ? more : most, true)) {
        return true;
    }
    http_deadline_clear(request->connection); /* the client is not to blame for the delay */
    request->paused = true;
    return false;
}

/* False while there is no place. */
static bool collect(struct http_request *request, const char *data, size_t size)
{
    if (size > request->limit - request->body.size) {
        http_request_refuse(request, 413, too_large);
        return true;
    }
    if (!has_place(request, size)) {
        return false;
    }
    if (request->body.size == 0 && !request->head.chunked && !request->decoder) {
        (void)buffer_reserve(&request->body,
                             (size_t)request->head.length); /* the whole size, once */
    }
    buffer_append(&request->body, data, size);
    if (buffer_ok(&request->body) < 0) {
        http_request_refuse(request, 503, "out of memory for the body; try again");
    }
    return true;
}

/* Stops reading until there is room. False if there is room by now, or none is needed. */
static bool pause_body(struct http_request *request)
{
    HOLD(&request->lock);
    if (request->has_room || request->answered || request->gone ||
        atomic_load(&request->server->stopping)) {
        request->has_room = false;
        return false;
    }
    http_deadline_clear(request->connection);
    request->paused = true;
    request->suspended = true;
    return true;
}

void http_body_resume(struct http_request *request)
{
    HOLD(&request->lock);
    if (!request->suspended) {
        request->has_room = true;
    } else if (!request->answered) {
        http_request_resume(request);
    }
}

/* The daemon did not wait for the whole body, or the request is given up. */
static void drop_if_answered(struct http_request *request)
{
    if (!request->dropping && is_answered(request)) {
        request->dropping = true;
        request->readied = true;
        request->drop_left = HTTP_DROP_REFUSED_BYTES;
    }
}

/* False if the body is paused: the piece must be passed again. */
static bool pass_on(struct http_request *request, const char *data, size_t size)
{
    if (size > request->limit - request->passed) {
        http_request_refuse(request, 413, too_large);
        return true;
    }
    for (;;) {
        int r = request->sink(request->sink_context, data, size);
        if (r == 0) {
            request->passed += size;
            return true;
        }
        if (r != HTTP_SINK_FULL) {
            request->dropping = true;
            request->drop_left = HTTP_DROP_REFUSED_BYTES;
            call_ready(request);
            return true;
        }
        if (pause_body(request)) {
            return false;
        }
        drop_if_answered(request);
        if (request->dropping || atomic_load(&request->server->stopping)) {
            return true;
        }
    }
}

static bool keep_piece(struct http_request *request, const char *data, size_t size)
{
    if (request->dropping) {
        return true;
    }
    return request->policy == HTTP_BODY_STREAMED ? pass_on(request, data, size)
                                                 : collect(request, data, size);
}

static void refuse_undecoded(struct http_request *request, int error)
{
    switch (error) {
    case -ENOMEM:
        http_request_refuse(request, 503, "out of memory for the body; try again");
        return;
    case -EFBIG:
        http_request_refuse(request, 400,
                            "the body's zstd window is larger than the 8 MiB that are taken; "
                            "compress it without --ultra and --long");
        return;
    default:
        http_request_refuse(request, 400, "the body is not what its Content-Encoding says");
    }
}

/* Keeps the decoder's output, and continues decoding. Returns the number of bytes used;
 * `*ret_waits`: its output must be kept later, or the connection's turn is over. */
static size_t decode(struct http_request *request, const char *data, size_t size, bool *ret_waits)
{
    size_t used = 0;
    *ret_waits = false;
    while (!request->dropping) {
        size_t out_size = 0;
        const char *out = http_decoder_output(request->decoder, &out_size);
        if (out_size > 0 && !keep_piece(request, out, out_size)) {
            *ret_waits = true;
            return used;
        }
        http_decoder_taken(request->decoder);
        request->connection->decoded += out_size;
        if (request->connection->decoded >= HTTP_DECODE_BYTES && !request->dropping) {
            *ret_waits = true;
            return used;
        }
        size_t step = 0;
        int r = request->dropping
                    ? 0
                    : http_decoder_put(request->decoder, data + used, size - used, &step);
        if (r < 0) {
            refuse_undecoded(request, r);
            break;
        }
        used += step;
        (void)http_decoder_output(request->decoder, &out_size);
        if (step == 0 && out_size == 0) {
            break;
        }
    }
    return request->dropping ? size : used;
}

ptrdiff_t http_request_take(struct http_request *request, const char *data, size_t size)
{
    if (request->paused) {
        request->paused = false;
        http_deadline_set(request->connection, request->server->config.body_ms);
    }
    drop_if_answered(request);
    if (atomic_load(&request->server->stopping)) {
        return -EPIPE;
    }
    bool waits = false;
    size_t used = size;
    if (request->dropping) {
        request->drop_left -= size < request->drop_left ? size : request->drop_left;
    } else if (request->decoder) {
        used = decode(request, data, size, &waits);
    } else if (!keep_piece(request, data, size)) {
        used = 0;
    }
    atomic_fetch_add(&request->bytes_received, used);
    if (used > 0) {
        http_place_progress(request, used);
        if (request->policy == HTTP_BODY_STREAMED) {
            http_deadline_progress(request, used);
        }
    }
    return (ptrdiff_t)used;
}

bool http_request_drain(struct http_request *request)
{
    if (!request->decoder || request->dropping) {
        return true;
    }
    if (request->paused) {
        request->paused = false;
        http_deadline_set(request->connection, request->server->config.body_ms);
    }
    drop_if_answered(request);
    bool waits = false;
    (void)decode(request, "", 0, &waits);
    if (waits) {
        return false;
    }
    if (!request->dropping && !http_decoder_is_whole(request->decoder)) {
        http_request_refuse(request, 400, "the body ends before its Content-Encoding does");
    }
    return true;
}

bool http_request_finish(struct http_request *request)
{
    http_deadline_clear(request->connection);
    atomic_store(&request->progress_ns, 0); /* it is complete: it cannot lose its place */
    if (!request->readied) {
        call_ready(request);
    }
    HOLD(&request->lock);
    bool stop = atomic_load(&request->server->stopping) ||
                (!request->answered && atomic_load(&request->connection->left));
    if (stop) {
        request->gone = true;
    }
    if (request->gone || request->answered) {
        return true;
    }
    request->suspended = true;
    return false;
}

/* ---- end ---- */

/* Counts the bytes of a connection that the kernel does not count. */
static void count_bytes(const struct http_request *request, uint64_t sent)
{
    struct http_server *server = request->server;
    if (!request->connection->counted) {
        atomic_fetch_add(&server->computed_received, atomic_load(&request->bytes_received));
        atomic_fetch_add(&server->computed_sent, sent);
    }
}

static void tell_served(struct http_request *request, unsigned status, uint64_t sent, bool gone)
{
    const struct http_server *server = request->server;
    if (!server->handler.served) {
        return;
    }
    struct http_served served = {
        .id = request->label,
        .method = request->text.data ? http_request_method(request) : "",
        .target = request->text.data ? request->text.data + request->head.target : "",
        .status = gone && !request->answered ? 0 : status,
        .bytes_received = atomic_load(&request->bytes_received),
        .bytes_sent = sent,
        .duration_ns = clock_now_ns() - request->begun_ns,
        .client_gone = gone,
        .fd = request->connection->fd,
        .listener_user = request->listener_user,
    };
    server->handler.served(server->handler.context, &served);
}

void http_request_close(struct http_request *request, bool gone)
{
    struct http_server *server = request->server;
    struct http_connection *connection = request->connection;
    http_place_release(request);
    set_request(connection, NULL);
    http_drained drained = NULL;
    uint64_t sent = 0;
    unsigned status = 0;
    {
        HOLD(&request->lock);
        gone = gone || !request->answered || request->gone;
        request->gone = true;
        request->suspended = false;
        request->live = NULL;
        sent = request->bytes_sent;
        status = request->answer.status;
        if (request->streaming && !request->stream_ended) {
            drained = request->drained;
        }
        http_stream_drop(request); /* a producer that checks again finds nothing pending */
    }
    count_bytes(request, sent);
    atomic_store(&connection->waiting_ns, clock_now_ns());
    http_deadline_set(connection, server->config.idle_ms);
    if (drained) {
        drained(request->drained_context);
    }
    http_answer_done(&request->answer); /* a holder may keep the request for long */
    tell_served(request, status, sent, gone);
    if (request->begun) {
        server->handler.end(server->handler.context, request, gone);
        atomic_fetch_sub(&server->active, 1);
    }
    http_request_unref(request);
}

/* ---- what the daemon asks ---- */

void http_accept_body(struct http_request *request, size_t limit)
{
    request->policy = HTTP_BODY_BUFFERED;
    request->limit = limit;
}

void http_accept_stream(struct http_request *request, uint64_t limit, http_sink sink, void *context)
{
    request->policy = HTTP_BODY_STREAMED;
    request->limit = limit;
    request->sink = sink;
    request->sink_context = context;
}

const char *http_request_method(const struct http_request *request)
{
    return request->text.data + request->head.method;
}

const char *http_request_path(const struct http_request *request)
{
    return request->text.data + request->target.path;
}

const char *http_request_query(const struct http_request *request, const char *name)
{
    return target_query(&request->text, &request->target, name);
}

const char *http_request_header(const struct http_request *request, const char *name)
{
    size_t place = 0;
    return http_head_field(&request->text, &request->head, name, &place);
}

const void *http_request_body(const struct http_request *request, size_t *ret_size)
{
    *ret_size = request->body.size;
    return request->body.data;
}

const char *http_request_label(const struct http_request *request)
{
    return request->label;
}

void http_request_cut(struct http_request *request)
{
    HOLD(&request->lock);
    if (request->live) {
        (void)shutdown(request->live->fd, SHUT_RDWR); /* the watcher sees it */
    }
}

int http_request_descriptor(const struct http_request *request)
{
    return request->connection->fd;
}

void *http_request_listener_user(const struct http_request *request)
{
    return request->listener_user;
}

void http_request_set_user(struct http_request *request, void *user)
{
    request->user = user;
}

void *http_request_user(const struct http_request *request)
{
    return request->user;
}
