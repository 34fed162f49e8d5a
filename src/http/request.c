/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a request: target and head taken over, body collected or passed on, then either an
 * answer is there or the connection is suspended until one is. All of it runs on the listener's
 * thread, but for references, accessors and http_request_abandon(), which any thread may use.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "http/state.h"

static struct http_connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static void set_request(struct http_connection *connection, struct http_request *request)
{
    HOLD(&connection->server->lock);
    connection->request = request;
}

void *http_request_open(void *cls, const char *target, struct MHD_Connection *mhd)
{
    struct http_server *server = cls;
    struct http_connection *connection = connection_of(mhd);
    struct http_request *request = calloc(1, sizeof(*request));
    if (!connection || !request) {
        free(request);
        return NULL; /* the next step closes the connection */
    }
    atomic_init(&request->references, 1);
    (void)pthread_mutex_init(&request->lock, NULL);
    request->id = atomic_fetch_add(&server->next_id, 1) + 1;
    request->server = server;
    request->connection = connection;
    request->listener_user = connection->user;
    request->answers = request->server->config.answers;
    request->mhd = mhd;
    buffer_append_text(&request->text, target ? target : "");
    buffer_append_char(&request->text, '\0');
    set_request(connection, request);

    /* A second request of the connection was idle until now: its head has the head's time. */
    int64_t deadline = clock_now_ns() + server->config.header_ms * NS_PER_MS;
    if (deadline < atomic_load(&connection->deadline_ns)) {
        atomic_store(&connection->deadline_ns, deadline);
    }
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
    if (request->response) {
        MHD_destroy_response(request->response);
    }
    buffer_done(&request->text);
    buffer_done(&request->body);
    http_stream_drop(request);
    (void)pthread_mutex_destroy(&request->lock);
    free(request);
}

void http_request_abandon(struct http_request *request)
{
    HOLD(&request->lock);
    request->gone = true;
    if (request->suspended) {
        request->suspended = false;
        MHD_resume_connection(request->mhd);
    }
}

void http_request_leave(struct http_request *request)
{
    HOLD(&request->lock);
    if (request->suspended) {
        request->gone = true;
        request->suspended = false;
        MHD_resume_connection(request->mhd);
    }
}

static const char too_large[] = "the body is larger than this request may be";

/* What the head says about the body, checked more strictly than by libmicrohttpd, which takes the
 * first Content-Length of several and reads an unknown Transfer-Encoding to the connection's end.
 */
struct head_facts {
    struct buffer *text;
    size_t pairs;
    unsigned lengths;
    unsigned encodings;
    bool chunked;
    bool expects;
    uint64_t length;
};

static enum MHD_Result take_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   size_t name_size, const char *value, size_t value_size)
{
    struct head_facts *facts = cls;
    (void)kind;
    value = value ? value : "";
    buffer_append(facts->text, name, name_size);
    buffer_append_char(facts->text, '\0');
    buffer_append(facts->text, value, value_size);
    buffer_append_char(facts->text, '\0');
    facts->pairs++;
    if (strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0) {
        facts->lengths++;
        facts->length = strtoull(value, NULL, 10); /* libmicrohttpd has checked the digits */
    } else if (strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
        facts->encodings++;
        facts->chunked = strcasecmp(value, "chunked") == 0;
    } else if (strcasecmp(name, MHD_HTTP_HEADER_EXPECT) == 0) {
        facts->expects = true;
    }
    return MHD_YES;
}

/* Answers for the room itself: `ready` does not come, the connection ends. */
static void refuse(struct http_request *request, unsigned status, const char *message)
{
    request->readied = true;
    request->close = true;
    request->dropping = true;
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

/* Takes the head over. False where it was refused. */
static bool take_head(struct http_request *request, struct MHD_Connection *mhd, const char *method,
                      struct head_facts *facts)
{
    static const char *const taken[] = {"GET", "HEAD", "POST", "PUT", "DELETE", NULL};
    static const char *const known[] = {"PATCH", "OPTIONS", "TRACE", "CONNECT", NULL};
    cleanup_free char *raw = take_ptr(request->text.data);
    request->text = BUFFER_INIT;

    request->method = request->text.size;
    buffer_append_text(&request->text, method);
    buffer_append_char(&request->text, '\0');
    request->head_only = strcmp(method, "HEAD") == 0;
    request->headers = request->text.size;
    facts->text = &request->text;
    (void)MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, take_header, facts);
    request->header_pairs = facts->pairs;
    request->has_body = facts->encodings > 0 || facts->length > 0;

    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    atomic_store(&request->bytes_received, info ? info->header_size : 0);

    struct error error = {0};
    if (target_decode(raw ? raw : "", &request->text, &request->target, &error) < 0) {
        refuse(request, error.code == ERROR_MALFORMED ? 400 : 503, error.message);
    } else if (facts->lengths > 1 || facts->encodings > 1 || (facts->lengths && facts->encodings)) {
        refuse(request, 400, "more than one Content-Length or Transfer-Encoding");
    } else if (facts->encodings && !facts->chunked) {
        refuse(request, 400, "the only Transfer-Encoding understood is chunked");
    } else if (!is_one_of(method, taken)) {
        refuse(request, is_one_of(method, known) ? 405 : 501,
               "the methods are GET, HEAD, POST, PUT and DELETE");
    } else if (atomic_load(&request->server->quiescing)) {
        refuse(request, 503, "the server is stopping");
    } else {
        return true;
    }
    return false;
}

/* An answer before the body: worth waiting for a small body, so that the connection can be kept;
 * else the answer goes out now and libmicrohttpd closes. */
static bool answer_at_once(const struct http_request *request, const struct head_facts *facts)
{
    return request->dropping && request->has_body &&
           (facts->expects || facts->encodings || facts->length > HTTP_DROP_BYTES);
}

/* Answered, or given up for want of memory. */
static bool is_answered(struct http_request *request)
{
    HOLD(&request->lock);
    return request->answered || request->gone;
}

static enum MHD_Result begin(struct http_request *request, struct MHD_Connection *mhd,
                             const char *method)
{
    struct http_server *server = request->server;
    struct http_connection *connection = request->connection;
    struct head_facts facts = {0};
    request->entered = true;
    atomic_store(&connection->waiting_ns, 0);
    atomic_fetch_add_explicit(&server->requests, 1, memory_order_relaxed);
    if (take_head(request, mhd, method, &facts)) {
        request->begun = true;
        atomic_fetch_add(&server->active, 1);
        server->handler.begin(server->handler.context, request);
        if (is_answered(request)) {
            request->readied = true;
            request->dropping = true;
        } else if (request->has_body && request->policy == HTTP_BODY_NONE) {
            refuse(request, 413, "this request takes no body");
        } else if (facts.length > request->limit && request->has_body) {
            refuse(request, 413, too_large);
        }
    }
    if (request->has_body) {
        http_deadline_set(connection, server->config.body_ms);
    } else {
        http_deadline_clear(connection);
    }
    if (answer_at_once(request, &facts)) {
        connection->linger = true;
        request->close = true;
        return http_answer_queue(request);
    }
    return MHD_YES;
}

static void call_ready(struct http_request *request)
{
    request->readied = true;
    request->server->handler.ready(request->server->handler.context, request);
}

static void collect(struct http_request *request, const char *data, size_t size)
{
    struct http_server *server = request->server;
    uint64_t budget = server->config.bodies_bytes;
    if (size > request->limit - request->body.size) {
        refuse(request, 413, too_large);
        return;
    }
    request->budgeted += size;
    uint64_t all = atomic_fetch_add(&server->body_bytes, size) + size;
    if (budget == 0 || all <= budget) {
        buffer_append(&request->body, data, size);
    }
    if ((budget != 0 && all > budget) || buffer_ok(&request->body) < 0) {
        buffer_done(&request->body);
        refuse(request, 503, "too many large bodies at once; try again");
    }
}

/* False where the sink has no room. */
static bool pass_on(struct http_request *request, const char *data, size_t size)
{
    if (size > request->limit - request->passed) {
        refuse(request, 413, too_large);
        return true;
    }
    int result = request->sink(request->sink_context, data, size);
    if (result == HTTP_SINK_FULL) {
        return false;
    }
    request->passed += size;
    if (result < 0) {
        request->dropping = true;
        call_ready(request);
    }
    return true;
}

/* Reads no more until there is room. False where there is some by now, or no need of it. */
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
    MHD_suspend_connection(request->mhd);
    return true;
}

void http_body_resume(struct http_request *request)
{
    HOLD(&request->lock);
    if (!request->suspended) {
        request->has_room = true;
    } else if (!request->answered) {
        request->suspended = false;
        MHD_resume_connection(request->mhd);
    }
}

/* The daemon did not wait for the whole body, or the request is given up. */
static void drop_if_answered(struct http_request *request)
{
    if (!request->dropping && is_answered(request)) {
        request->dropping = true;
        request->readied = true;
    }
}

/* False where the body is paused: the piece is to come again. */
static bool stream_body(struct http_request *request, const char *data, size_t size)
{
    if (request->paused) {
        request->paused = false;
        http_deadline_set(request->connection, request->server->config.body_ms);
    }
    while (!request->dropping && !pass_on(request, data, size)) {
        if (pause_body(request)) {
            return false;
        }
        drop_if_answered(request);
        request->dropping = request->dropping || atomic_load(&request->server->stopping);
    }
    http_deadline_progress(request, size);
    return true;
}

/* A piece of the body; *size is 0 afterwards, unless it is to come again. */
static enum MHD_Result take_body(struct http_request *request, const char *data, size_t *size)
{
    drop_if_answered(request);
    bool drop = request->dropping;
    if (request->policy == HTTP_BODY_STREAMED && !stream_body(request, data, *size)) {
        return MHD_YES;
    }
    uint64_t received = atomic_fetch_add(&request->bytes_received, *size) + *size;
    if (!drop && request->policy == HTTP_BODY_BUFFERED) {
        collect(request, data, *size);
    }
    *size = 0;
    /* Only a chunked body comes here beyond its limit; it may go on for a while, since the
     * answer cannot be sent before its end, and a cut tells the client nothing. */
    bool endless = drop && received > request->limit + HTTP_DROP_CHUNKED_BYTES;
    return endless || atomic_load(&request->server->stopping) ? MHD_NO : MHD_YES;
}

/* The whole request is there. Comes again after a resume. */
static enum MHD_Result finish(struct http_request *request, struct MHD_Connection *mhd)
{
    http_deadline_clear(request->connection);
    if (!request->readied) {
        call_ready(request);
    }
    {
        HOLD(&request->lock);
        bool stop = atomic_load(&request->server->stopping) ||
                    (!request->answered && atomic_load(&request->connection->left));
        if (stop || request->gone) {
            request->gone = true;
            return MHD_NO;
        }
        if (!request->answered) {
            request->suspended = true;
            MHD_suspend_connection(mhd);
            return MHD_YES;
        }
    }
    return http_answer_queue(request);
}

/* NOLINTNEXTLINE(readability-function-size): libmicrohttpd's signature */
enum MHD_Result http_request_step(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **slot)
{
    struct http_request *request = *slot;
    (void)cls;
    (void)url;
    (void)version;
    if (!request) {
        return MHD_NO;
    }
    if (!request->entered) {
        return begin(request, mhd, method);
    }
    if (*size > 0) {
        return take_body(request, data, size);
    }
    return finish(request, mhd);
}

/* Adds up the bytes of a connection that the kernel does not count. */
static void count_bytes(const struct http_request *request, uint64_t sent)
{
    struct http_server *server = request->server;
    if (!request->connection->counted) {
        atomic_fetch_add(&server->computed_received, atomic_load(&request->bytes_received));
        atomic_fetch_add(&server->computed_sent, sent);
    }
}

void http_request_close(void *cls, struct MHD_Connection *mhd, void **slot,
                        enum MHD_RequestTerminationCode code)
{
    struct http_server *server = cls;
    struct http_request *request = *slot;
    (void)mhd;
    *slot = NULL;
    if (!request) {
        return;
    }
    struct http_connection *connection = request->connection;
    set_request(connection, NULL);
    http_drained drained = NULL;
    bool gone = code != MHD_REQUEST_TERMINATED_COMPLETED_OK;
    uint64_t sent = 0;
    {
        HOLD(&request->lock);
        gone = gone || !request->answered || request->gone;
        request->gone = true;
        request->mhd = NULL;
        sent = request->bytes_sent;
        if (request->streaming && !request->stream_ended) {
            drained = request->drained;
        }
        http_stream_drop(request); /* a producer that looks again finds nothing in its way */
    }
    count_bytes(request, sent);
    atomic_fetch_sub(&server->body_bytes, request->budgeted);
    atomic_store(&connection->waiting_ns, clock_now_ns());
    http_deadline_set(connection, server->config.idle_ms);
    if (drained) {
        drained(request->drained_context);
    }
    if (request->begun) {
        server->handler.end(server->handler.context, request, gone);
        atomic_fetch_sub(&server->active, 1);
    }
    http_request_unref(request);
}

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
    return request->text.data + request->method;
}

const char *http_request_path(const struct http_request *request)
{
    return request->text.data + request->target.path;
}

const char *http_request_query(const struct http_request *request, const char *name)
{
    return target_query(&request->text, &request->target, name);
}

const char *http_request_next_header(const struct http_request *request, const char *name,
                                     size_t *place)
{
    if (buffer_ok(&request->text) < 0) {
        return NULL;
    }
    const char *at = request->text.data + request->headers;
    for (size_t i = 0; i < request->header_pairs; i++) {
        const char *value = at + strlen(at) + 1;
        if (i >= *place && strcasecmp(at, name) == 0) {
            *place = i + 1;
            return value;
        }
        at = value + strlen(value) + 1;
    }
    return NULL;
}

const char *http_request_header(const struct http_request *request, const char *name)
{
    size_t place = 0;
    return http_request_next_header(request, name, &place);
}

const void *http_request_body(const struct http_request *request, size_t *ret_size)
{
    *ret_size = request->body.size;
    return request->body.data;
}

uint64_t http_request_id(const struct http_request *request)
{
    return request->id;
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

uint64_t http_request_bytes(const struct http_request *request)
{
    return atomic_load(&request->bytes_received);
}
