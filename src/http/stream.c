/* SPDX-License-Identifier: Apache-2.0
 *
 * Streamed answers: a producer on any thread appends, the listener's thread takes what is there
 * whenever the client's socket has room, and suspends the connection while nothing is.
 *
 * An encoded stream: each flush of the encoder costs 25 to 60 bytes, so pieces are held in it for
 * HTTP_HELD_MS at first, longer the longer pieces keep coming, or until they are HTTP_HELD_BYTES,
 * or until somebody asks for a flush. When their time is over and the socket is idle, the watcher
 * resumes the connection and the listener's thread flushes; where the socket is busy, that waits
 * until it has taken what is pending.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "http/state.h"

/* request->lock is held by each static function down to wait_or_end(). */

static size_t ready_size(const struct http_request *request)
{
    return request->pending.size - request->pending_taken;
}

static size_t pending_size(const struct http_request *request)
{
    return ready_size(request) + request->held;
}

static void note_pending(struct http_request *request)
{
    request->above = request->above || pending_size(request) > request->low_water;
}

static void resume(struct http_request *request)
{
    if (request->suspended) {
        request->suspended = false;
        MHD_resume_connection(request->mhd);
    }
}

/* A stream that lost bytes must not look whole. */
static int break_stream(struct http_request *request)
{
    request->stream_aborted = true;
    resume(request);
    return -ENOMEM;
}

/* Notes that pieces are held, and for how long; the watcher is told where it does not know. */
static void hold(struct http_request *request, size_t size)
{
    if (request->held == 0) {
        int64_t now_ns = clock_now_ns();
        bool quiet = now_ns > request->held_last_ns + HTTP_HELD_MOST_MS * NS_PER_MS;
        uint32_t held_ms = quiet ? HTTP_HELD_MS : 2 * request->held_ms;
        request->held_ms = held_ms < HTTP_HELD_MOST_MS ? held_ms : HTTP_HELD_MOST_MS;
        request->held_last_ns = now_ns + request->held_ms * NS_PER_MS;
        atomic_store(&request->held_until_ns, request->held_last_ns);
        if (!atomic_exchange(&request->server->holding, true)) {
            http_watch_wake(request->server);
        }
    }
    request->held += size;
}

static int encode(struct http_request *request, const void *bytes, size_t size,
                  enum http_encode how)
{
    if (http_encoder_put(request->encoder, bytes, size, how, &request->pending) < 0) {
        return break_stream(request);
    }
    if (how != HTTP_ENCODE_MORE) {
        request->held = 0;
        atomic_store(&request->held_until_ns, 0);
    }
    return 0;
}

static int flush(struct http_request *request)
{
    return request->encoder && request->held > 0 ? encode(request, NULL, 0, HTTP_ENCODE_FLUSH) : 0;
}

/* Moves up to `room` bytes out of the pending ones. */
static size_t take_pending(struct http_request *request, char *to, size_t room)
{
    struct buffer *pending = &request->pending;
    size_t size = ready_size(request);
    size = size < room ? size : room;
    memcpy(to, pending->data + request->pending_taken, size);
    request->pending_taken += size;
    if (request->pending_taken == pending->size) {
        request->pending_taken = 0;
        buffer_clear(pending);
        if (pending->capacity > HTTP_STREAM_KEPT_BYTES) {
            buffer_done(pending);
        }
    } else if (request->pending_taken > pending->size / 2) {
        memmove(pending->data, pending->data + request->pending_taken, ready_size(request));
        pending->size -= request->pending_taken;
        request->pending_taken = 0;
    }
    /* As one chunk: its size in hexadecimal and two line ends. */
    request->bytes_sent += size + (uint64_t)snprintf(NULL, 0, "%zx\r\n\r\n", size);
    return size;
}

/* Nothing can be sent now: flush what has been held long enough, and what may keep the producer
 * waiting for `drained`. The clock is read under the lock: the watcher, which looks under it
 * whether the connection is suspended, then sees it suspended, or we see that the time is over. */
static int flush_due(struct http_request *request)
{
    bool much = request->held >= HTTP_HELD_IDLE_BYTES && request->held > request->low_water;
    bool due = request->held > 0 && clock_now_ns() >= atomic_load(&request->held_until_ns);
    return much || due ? flush(request) : 0;
}

/* The client gets nothing more. libmicrohttpd 0.9.75 forgets a connection that its client has reset
 * when the reader says "error": it is never closed. A failing send it does notice, so there is a
 * byte to send, to a socket that takes none. */
ssize_t http_stream_break(const struct http_request *request, char *to)
{
    (void)shutdown(request->connection->fd, SHUT_RDWR);
    *to = '\n';
    return 1;
}

/* Nothing is pending: the end, or wait for the producer. */
static ssize_t wait_or_end(struct http_request *request, char *to)
{
    if (request->gone || request->stream_aborted || atomic_load(&request->server->stopping) ||
        atomic_load(&request->connection->left)) {
        return http_stream_break(request, to);
    }
    if (request->stream_ended) {
        request->bytes_sent += strlen("0\r\n\r\n");
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    http_deadline_clear(request->connection); /* it is not the client that is slow */
    request->suspended = true;
    MHD_suspend_connection(request->mhd);
    return 0;
}

static ssize_t read_stream(void *cls, uint64_t position, char *to, size_t room)
{
    struct http_request *request = cls;
    http_drained drained = NULL;
    size_t size = 0;
    (void)position;
    {
        HOLD(&request->lock);
        if (request->gone || request->stream_aborted) {
            return http_stream_break(request, to);
        }
        if (ready_size(request) == 0 && flush_due(request) < 0) {
            return http_stream_break(request, to);
        }
        if (ready_size(request) == 0) {
            return wait_or_end(request, to);
        }
        size = take_pending(request, to, room);
        if (request->above && pending_size(request) <= request->low_water &&
            !request->stream_ended) {
            request->above = false;
            drained = request->drained;
        }
    }
    if (atomic_load(&request->connection->deadline_ns) == 0) {
        http_deadline_set(request->connection, request->server->config.body_ms);
    }
    http_deadline_progress(request, size);
    if (drained) {
        drained(request->drained_context);
    }
    return (ssize_t)size;
}

int64_t http_stream_wake(struct http_request *request, int64_t now_ns)
{
    if (atomic_load(&request->held_until_ns) == 0) {
        return 0;
    }
    HOLD(&request->lock);
    int64_t until_ns = atomic_load(&request->held_until_ns);
    if (until_ns > now_ns) {
        return until_ns;
    }
    /* Before its answer is queued, or while the socket is busy, it comes by itself. */
    if (until_ns != 0 && request->streaming && !request->gone) {
        resume(request);
    }
    return 0;
}

void http_stream_drop(struct http_request *request)
{
    buffer_done(&request->pending);
    request->pending_taken = 0;
    request->held = 0;
    atomic_store(&request->held_until_ns, 0);
    http_encoder_free(take_ptr(request->encoder));
}

/* To a HEAD request libmicrohttpd 0.9.75 would send the last, empty chunk of a stream: it is told
 * not to use chunks then, and closes the connection behind the head. */
static struct MHD_Response *make_response(struct http_request *request)
{
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, HTTP_STREAM_BLOCK, read_stream, request, NULL);
    if (response && request->head_only) {
        (void)MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
    }
    return response;
}

void http_stream_begin(struct http_request *request, const char *content_type,
                       const char *const *headers, size_t low_water, http_drained drained,
                       void *context)
{
    struct MHD_Response *response = make_response(request);
    if (!response) {
        http_request_abandon(request);
        return;
    }
    uint64_t bytes = http_answer_head(response, 200, content_type, headers);
    bytes += request->head_only ? strlen("Connection: close\r\n")
                                : strlen("Transfer-Encoding: chunked\r\n");
    enum http_coding coding = HTTP_CODING_IDENTITY;
    struct http_encoder *encoder = NULL;
    if (http_answer_may_encode(request, content_type, headers, &coding)) {
        if (coding != HTTP_CODING_IDENTITY && !request->head_only) {
            encoder = http_encoder_new(coding, false);
            coding = encoder ? coding : HTTP_CODING_IDENTITY;
        }
        bytes += http_answer_coding(response, coding);
    }
    {
        HOLD(&request->lock);
        if (!request->answered && !request->gone) {
            request->streaming = true;
            request->low_water = low_water;
            request->drained = drained;
            request->drained_context = context;
            request->encoder = take_ptr(encoder);
        }
    }
    http_encoder_free(encoder);
    http_answer_give(request, response, 200, bytes, 0);
}

static int append(struct http_request *request, const void *bytes, size_t size)
{
    if (!request->encoder) {
        buffer_append(&request->pending, bytes, size);
        return buffer_ok(&request->pending) < 0 ? break_stream(request) : 0;
    }
    hold(request, size);
    note_pending(request);
    return encode(request, bytes, size,
                  request->held >= HTTP_HELD_BYTES ? HTTP_ENCODE_FLUSH : HTTP_ENCODE_MORE);
}

int http_stream_append(struct http_request *request, const void *bytes, size_t size)
{
    HOLD(&request->lock);
    if (request->gone) {
        return -EPIPE;
    }
    if (!request->streaming || request->stream_ended) {
        return -EINVAL;
    }
    if (size == 0) {
        return 0;
    }
    int r = append(request, bytes, size);
    note_pending(request);
    if (r == 0 && ready_size(request) > 0) {
        resume(request);
    }
    return r;
}

void http_stream_flush(struct http_request *request)
{
    HOLD(&request->lock);
    if (!request->gone && flush(request) == 0 && ready_size(request) > 0) {
        resume(request);
    }
}

size_t http_stream_pending(const struct http_request *request)
{
    HOLD((pthread_mutex_t *)(uintptr_t)&request->lock);
    return pending_size(request);
}

void http_stream_end(struct http_request *request, bool aborted)
{
    HOLD(&request->lock);
    if (request->encoder && !request->stream_ended && !aborted && !request->gone) {
        (void)encode(request, NULL, 0, HTTP_ENCODE_END); /* a failure has aborted the stream */
    }
    http_encoder_free(take_ptr(request->encoder));
    request->held = 0;
    atomic_store(&request->held_until_ns, 0);
    request->stream_ended = true;
    request->stream_aborted = request->stream_aborted || aborted;
    if (aborted && request->mhd) { /* a client that takes nothing would not be seen otherwise */
        atomic_store(&request->connection->deadline_ns, clock_now_ns());
    }
    resume(request);
}
