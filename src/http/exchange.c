/* SPDX-License-Identifier: Apache-2.0
 *
 * The exchange on one connection, as a state machine: a head is read and checked, its body read,
 * its answer awaited and sent, and then comes the next head. Each step continues until it has to
 * wait for the socket or for another thread; the loop, or that thread, then runs the connection
 * again. Only the listener's thread runs this code.
 *
 * Bytes after a request stay in the buffer until it is answered: a head is never parsed before its
 * turn, and each gets exactly one answer.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "http/state.h"

enum { STEPS_AT_ONCE = 32, EMPTY_LINES_MOST = 8, SMALL_BODY = 8192, WRITE_BYTES = 256 * 1024 };

/* The result of a step for http_exchange_run(). */
enum step {
    STEP_ON,    /* there is more to do */
    STEP_MORE,  /* run the same step again */
    STEP_WAIT,  /* for the socket, or to be woken */
    STEP_CLOSE, /* the connection is over */
};

/* ---- bytes in ---- */

static size_t input_size(const struct http_connection *connection)
{
    return connection->input.size - connection->input_taken;
}

static const char *input_bytes(const struct http_connection *connection)
{
    return connection->input.data + connection->input_taken;
}

/* An idle connection keeps one small block. */
static void use_input(struct http_connection *connection, size_t size)
{
    connection->input_taken += size;
    if (connection->input_taken == connection->input.size) {
        connection->input_taken = 0;
        if (connection->input.capacity > 2 * (size_t)HTTP_HEAD_READ_BYTES) {
            buffer_done(&connection->input);
        } else {
            buffer_clear(&connection->input);
        }
    }
}

/* As read(2): 0 at the end, -EAGAIN if there is nothing. */
static ssize_t read_bytes(struct http_connection *connection, char *to, size_t room)
{
    if (!connection->readable) {
        return -EAGAIN;
    }
    ssize_t got = 0;
    if (connection->session) {
        got = http_session_read(connection->session, to, room);
    } else {
        do {
            got = recv(connection->fd, to, room, MSG_DONTWAIT);
        } while (got < 0 && errno == EINTR);
        got = got < 0 ? -errno : got;
    }
    /* A short read has emptied the socket, and later input is reported as an event; but an end that
     * has already come is not. */
    bool emptied = !connection->session && got > 0 && (size_t)got < room && !connection->ended;
    if (got == -EAGAIN || emptied) {
        connection->readable = false;
    }
    return got;
}

/* Moves the unused bytes to the front: with a client that always leaves part of a head, `input`
 * would grow without limit. */
static void pack_input(struct http_connection *connection)
{
    size_t size = input_size(connection);
    if (connection->input_taken > 0) {
        memmove(connection->input.data, input_bytes(connection), size);
        connection->input.size = size;
        connection->input_taken = 0;
    }
}

/* Appends to `input`. */
static enum step read_input(struct http_connection *connection)
{
    pack_input(connection);
    char *room = buffer_reserve(&connection->input, HTTP_HEAD_READ_BYTES);
    if (!room) {
        return STEP_CLOSE;
    }
    ssize_t got = read_bytes(connection, room, HTTP_HEAD_READ_BYTES);
    if (got == -EAGAIN) {
        return STEP_WAIT;
    }
    if (got <= 0) {
        return STEP_CLOSE;
    }
    connection->input.size += (size_t)got;
    return STEP_ON;
}

/* ---- bytes out ---- */

static size_t output_size(const struct http_connection *connection)
{
    return connection->output.size - connection->output_taken;
}

static ssize_t write_some(struct http_connection *connection, struct iovec *parts, size_t count)
{
    if (connection->session) {
        const struct iovec *part = parts[0].iov_len > 0 ? &parts[0] : &parts[count - 1];
        return http_session_write(connection->session, part->iov_base, part->iov_len);
    }
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    ssize_t sent = 0;
    do {
        sent = sendmsg(connection->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

/* Sends `output`, then a whole answer's body. STEP_ON: all of it is sent. */
static enum step flush(struct http_connection *connection, const struct buffer *body)
{
    struct http_request *request = connection->request;
    char *output = connection->output.data;
    size_t body_left = body ? body->size - (size_t)connection->body_sent : 0;
    struct iovec parts[2] = {{.iov_base = output ? output + connection->output_taken : NULL,
                              .iov_len = output_size(connection)},
                             {.iov_base = body_left > 0 ? body->data + connection->body_sent : NULL,
                              .iov_len = body_left < WRITE_BYTES ? body_left : WRITE_BYTES}};
    if (parts[0].iov_len + parts[1].iov_len == 0) {
        connection->output_taken = 0;
        buffer_clear(&connection->output);
        return STEP_ON;
    }
    ssize_t sent = connection->writable ? write_some(connection, parts, 2) : -EAGAIN;
    if (sent == -EAGAIN) {
        connection->writable = false;
        return STEP_WAIT;
    }
    if (sent < 0) {
        return STEP_CLOSE;
    }
    request->bytes_sent += (size_t)sent;
    size_t of_output = (size_t)sent < parts[0].iov_len ? (size_t)sent : parts[0].iov_len;
    connection->output_taken += of_output;
    connection->body_sent += (size_t)sent - of_output;
    return STEP_MORE;
}

/* ---- head ---- */

/* Empty lines may precede a head (RFC 9112, 2.2), but not without limit. */
static enum step skip_empty_lines(struct http_connection *connection)
{
    while (input_size(connection) >= 2 && memcmp(input_bytes(connection), "\r\n", 2) == 0 &&
           connection->empty_lines < EMPTY_LINES_MOST) {
        connection->empty_lines++;
        use_input(connection, 2);
    }
    bool more = input_size(connection) == 0 ||
                (input_size(connection) == 1 && input_bytes(connection)[0] == '\r');
    return more ? STEP_WAIT : STEP_ON;
}

/* Makes the request from a whole head or from the parsed part of a refused one. */
static enum step begin_request(struct http_connection *connection, size_t size,
                               struct http_refusal *refusal)
{
    struct http_request *request = http_request_new(connection);
    if (!request) {
        return STEP_CLOSE;
    }
    bool parsed = !refusal->status;
    size_t there = parsed ? size : input_size(connection);
    int r = parsed ? http_head_parse(input_bytes(connection), there, &request->text, &request->head,
                                     refusal)
                   : 0;
    if (!parsed) { /* the answer does not depend on any part of such a head */
        request->head = (struct http_head){.method = 0};
        buffer_append(&request->text, "\0", 1);
    }
    if (r == -ENOMEM) {
        return STEP_CLOSE;
    }
    atomic_store(&request->bytes_received, there);
    use_input(connection, there);
    connection->scanned = 0;
    connection->empty_lines = 0;
    http_request_begin(request, refusal);
    connection->body_left = request->head.length;
    connection->chunks = HTTP_CHUNKS_INIT;
    if (http_request_answers_at_once(request)) {
        connection->linger = true;
        request->close = true;
        connection->phase = HTTP_PHASE_ANSWER;
    } else if (!request->has_body) {
        connection->phase = HTTP_PHASE_ANSWER;
    } else {
        connection->phase = HTTP_PHASE_PLACE;
    }
    return STEP_ON;
}

static enum step step_head(struct http_connection *connection)
{
    struct http_refusal refusal = {0};
    size_t size = 0;
    if (skip_empty_lines(connection) == STEP_ON) {
        if (connection->scanned == 0) { /* it was idle until now: its time starts */
            int64_t deadline = clock_now_ns() + connection->server->config.header_ms * NS_PER_MS;
            if (deadline < atomic_load(&connection->deadline_ns)) {
                atomic_store(&connection->deadline_ns, deadline);
            }
        }
        if (http_head_find_end(input_bytes(connection), input_size(connection),
                               &connection->scanned, &size, &refusal) < 0 ||
            size > 0) {
            return begin_request(connection, size, &refusal);
        }
    }
    return read_input(connection);
}

/* ---- body ---- */

static enum step step_place(struct http_connection *connection)
{
    struct http_request *request = connection->request;
    bool known = request->policy == HTTP_BODY_BUFFERED && !request->head.chunked &&
                 !request->decoder && !request->dropping;
    if (known && request->reserved < request->head.length &&
        !http_place_reserve(request, request->head.length, input_size(connection) > 0)) {
        http_deadline_clear(connection); /* the client is not to blame for the delay */
        return atomic_load(&connection->left) ? STEP_CLOSE : STEP_WAIT;
    }
    http_deadline_set(connection, connection->server->config.body_ms);
    if (request->head.continues && !request->dropping && input_size(connection) == 0) {
        buffer_append_text(&connection->output, "HTTP/1.1 100 Continue\r\n\r\n");
        if (buffer_ok(&connection->output) < 0) {
            return STEP_CLOSE;
        }
    }
    connection->phase = HTTP_PHASE_BODY;
    return STEP_ON;
}

/* The body has ended, or the rest of it is not needed. */
static enum step end_body(struct http_connection *connection)
{
    struct http_request *request = connection->request;
    if (http_request_answers_at_once(request)) {
        connection->linger = true;
        request->close = true;
    } else if (!http_request_drain(request)) {
        if (connection->decoded >= HTTP_DECODE_BYTES) {
            http_connection_wake(connection);
            return STEP_WAIT;
        }
        return atomic_load(&connection->left) ? STEP_CLOSE : STEP_WAIT;
    }
    connection->phase = HTTP_PHASE_ANSWER;
    return STEP_ON;
}

static bool body_is_over(const struct http_connection *connection)
{
    return connection->request->head.chunked ? connection->chunks.state == CHUNK_END
                                             : connection->body_left == 0;
}

/* Uses framing and data of `bytes`. Returns the number of bytes used: less than all at the body's
 * end, or if the request waits; -EPIPE: the connection must be closed. */
static ptrdiff_t use_body(struct http_connection *connection, const char *bytes, size_t size)
{
    struct http_request *request = connection->request;
    struct http_refusal refusal = {0};
    size_t used = 0;
    while (used < size && !body_is_over(connection)) {
        bool chunked = request->head.chunked;
        if (chunked && connection->chunks.state != CHUNK_DATA) {
            ptrdiff_t framing =
                http_chunks_skip(&connection->chunks, bytes + used, size - used, &refusal);
            if (framing < 0) {
                http_request_refuse(request, refusal.status, refusal.message);
                request->drop_left = 0; /* the start of the next request is unknown */
                return (ptrdiff_t)size;
            }
            used += (size_t)framing;
            continue;
        }
        uint64_t left = chunked ? connection->chunks.left : connection->body_left;
        size_t piece = size - used < left ? size - used : (size_t)left;
        ptrdiff_t taken = http_request_take(request, bytes + used, piece);
        if (taken < 0) {
            return taken;
        }
        used += (size_t)taken;
        if (chunked) {
            http_chunks_took(&connection->chunks, (uint64_t)taken);
        } else {
            connection->body_left -= (uint64_t)taken;
        }
        if ((size_t)taken < piece || http_request_answers_at_once(request)) {
            break;
        }
    }
    return (ptrdiff_t)used;
}

/* First the rest of the input, then directly from the socket. */
static enum step step_body(struct http_connection *connection)
{
    struct http_request *request = connection->request;
    enum step flushed = flush(connection, NULL); /* 100 Continue */
    if (flushed != STEP_ON) {
        return flushed;
    }
    if (body_is_over(connection) || http_request_answers_at_once(request)) {
        return end_body(connection);
    }
    bool from_input = input_size(connection) > 0;
    const char *bytes = from_input ? input_bytes(connection) : connection->loop->scratch;
    ssize_t size = from_input ? (ssize_t)input_size(connection)
                              : read_bytes(connection, connection->loop->scratch, HTTP_READ_BYTES);
    if (size == -EAGAIN) {
        return STEP_WAIT;
    }
    if (size <= 0) {
        return STEP_CLOSE;
    }
    ptrdiff_t used = use_body(connection, bytes, (size_t)size);
    if (used < 0) {
        return STEP_CLOSE;
    }
    if (from_input) {
        use_input(connection, (size_t)used);
    } else {
        buffer_append(&connection->input, bytes + used, (size_t)(size - used));
        if (buffer_ok(&connection->input) < 0) {
            return STEP_CLOSE;
        }
    }
    bool waits = used < size && !body_is_over(connection) && !http_request_answers_at_once(request);
    if (connection->decoded >= HTTP_DECODE_BYTES) { /* other connections have their turn first */
        http_connection_wake(connection);
        return STEP_WAIT;
    }
    if (waits) {
        return atomic_load(&connection->left) ? STEP_CLOSE : STEP_WAIT;
    }
    return STEP_ON;
}

/* ---- answer ---- */

static enum step end_exchange(struct http_connection *connection)
{
    struct http_request *request = connection->request;
    if (connection->close) {
        /* The client may still be sending: if it does not know of an end, or if it has sent more
         * already. */
        connection->linger = connection->linger || request->close || request->head.keep ||
                             input_size(connection) > 0 ||
                             http_connection_is_unfinished(connection);
        http_request_close(request, false);
        return STEP_CLOSE;
    }
    http_request_close(request, false);
    if (connection->output.capacity > 2 * (size_t)HTTP_HEAD_READ_BYTES) {
        buffer_done(&connection->output); /* the connection may be idle for long */
    }
    connection->body_sent = 0;
    connection->phase = HTTP_PHASE_HEAD;
    return STEP_ON;
}

/* With TLS a small body is sent in one record with its head. */
static void join_small(struct http_connection *connection, const struct buffer *body)
{
    if (connection->session && body->size <= SMALL_BODY) {
        buffer_append(&connection->output, body->data, body->size);
        connection->body_sent = body->size;
    }
}

static enum step step_answer(struct http_connection *connection)
{
    struct http_request *request = connection->request;
    if (!http_request_finish(request)) {
        return STEP_WAIT;
    }
    bool gone = false;
    bool streaming = false;
    {
        HOLD(&request->lock);
        gone = request->gone;
        streaming = request->streaming;
    }
    if (gone) {
        return STEP_CLOSE;
    }
    const struct http_answer *answer = &request->answer;
    bool sourced = answer->sourced;
    bool endless = streaming || (sourced && answer->source.size == HTTP_SIZE_UNKNOWN);
    connection->close = request->close || !request->head.keep ||
                        atomic_load(&connection->server->quiescing) ||
                        (endless && request->head.old);
    http_answer_write_head(request, &connection->output);
    connection->body_sent = request->head_only ? answer->body.size : 0;
    if (!request->head_only) {
        join_small(connection, &answer->body);
    }
    if (buffer_ok(&connection->output) < 0) {
        return STEP_CLOSE;
    }
    /* The client must read the answer at a minimum rate, otherwise it would hold memory forever. */
    request->moved = 0;
    http_deadline_set(connection, connection->server->config.body_ms);
    connection->phase = request->head_only ? HTTP_PHASE_SEND
                        : streaming        ? HTTP_PHASE_STREAM
                        : sourced          ? HTTP_PHASE_SOURCE
                                           : HTTP_PHASE_SEND;
    return STEP_ON;
}

/* As flush(); the deadline is extended when the client reads. */
static enum step send_on(struct http_connection *connection, const struct buffer *body)
{
    struct http_request *request = connection->request;
    uint64_t before = request->bytes_sent;
    enum step flushed = flush(connection, body);
    http_deadline_progress(request, (size_t)(request->bytes_sent - before));
    return flushed;
}

static enum step step_send(struct http_connection *connection)
{
    enum step flushed = send_on(connection, &connection->request->answer.body);
    return flushed == STEP_ON ? end_exchange(connection) : flushed;
}

static enum step step_made(struct http_connection *connection)
{
    struct http_request *request = connection->request;
    enum step flushed = send_on(connection, NULL);
    if (flushed != STEP_ON) {
        return flushed;
    }
    enum http_stream_step made =
        connection->phase == HTTP_PHASE_STREAM
            ? http_stream_take(request, &connection->output)
            : http_source_take(request, connection->loop->scratch, &connection->output,
                               &connection->body_sent);
    switch (made) {
    case HTTP_STREAM_PIECE:
        return STEP_ON;
    case HTTP_STREAM_WAIT:
        return STEP_WAIT;
    case HTTP_STREAM_END:
        connection->phase = HTTP_PHASE_SEND;
        connection->body_sent = request->answer.body.size;
        return STEP_ON;
    case HTTP_STREAM_BROKEN:
        break;
    }
    return STEP_CLOSE;
}

/* ---- all ---- */

static enum step step_handshake(struct http_connection *connection)
{
    int r = http_session_handshake(connection->session);
    if (r == 0) {
        connection->phase = HTTP_PHASE_HEAD;
        return STEP_ON;
    }
    if (r == -EAGAIN) {
        connection->readable = false;
        connection->writable = false;
        return STEP_WAIT;
    }
    return STEP_CLOSE;
}

static enum step step(struct http_connection *connection)
{
    switch (connection->phase) {
    case HTTP_PHASE_HANDSHAKE:
        return step_handshake(connection);
    case HTTP_PHASE_HEAD:
        return step_head(connection);
    case HTTP_PHASE_PLACE:
        return step_place(connection);
    case HTTP_PHASE_BODY:
        return step_body(connection);
    case HTTP_PHASE_ANSWER:
        return step_answer(connection);
    case HTTP_PHASE_SEND:
        return step_send(connection);
    case HTTP_PHASE_STREAM:
    case HTTP_PHASE_SOURCE:
        return step_made(connection);
    }
    return STEP_CLOSE;
}

/* A body that lost its place, or waited too long for one. */
static void refuse_evicted(struct http_connection *connection)
{
    struct http_request *request = connection->request;
    bool in_body = connection->phase == HTTP_PHASE_PLACE || connection->phase == HTTP_PHASE_BODY;
    if (in_body && !request->dropping && atomic_load(&request->evicted)) {
        http_request_refuse(request, 503, "too many large bodies at once; try again");
        request->drop_left = 0;
        connection->phase = HTTP_PHASE_BODY;
    }
}

/* It waits for another thread, which is not done yet. */
static bool is_suspended(struct http_connection *connection)
{
    struct http_request *request = connection->request;
    if (!request) {
        return false;
    }
    refuse_evicted(connection);
    HOLD(&request->lock);
    return request->suspended;
}

void http_exchange_run(struct http_connection *connection)
{
    if (is_suspended(connection)) {
        return;
    }
    connection->decoded = 0;
    for (unsigned i = 0; i < STEPS_AT_ONCE; i++) {
        enum step next = step(connection);
        if (next == STEP_WAIT) {
            return;
        }
        if (next == STEP_CLOSE) {
            http_connection_close(connection);
            return;
        }
    }
    http_connection_wake(connection); /* other connections have their turn first */
}
