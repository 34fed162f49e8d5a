/* SPDX-License-Identifier: Apache-2.0
 *
 * Streamed answers: a producer on any thread appends; the listener's thread sends the pending bytes
 * whenever the client's socket has room, and suspends the connection while there are none.
 *
 * An encoded stream: each flush of the encoder costs 25 to 60 bytes, so it holds pieces for
 * HTTP_HELD_MS at first, longer the longer pieces keep coming, or until they are HTTP_HELD_BYTES,
 * or until a flush is requested. When the time is over and the socket is idle, the watcher resumes
 * the connection and the listener's thread flushes; if the socket is busy, this waits until it has
 * taken the pending bytes.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "http/state.h"

/* Each static function down to wait_or_end() is called with request->lock held. */

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

/* A stream that lost bytes must not look complete. */
static int break_stream(struct http_request *request)
{
    request->stream_aborted = true;
    http_request_resume(request);
    return -ENOMEM;
}

/* Notes that pieces are held, and for how long, and informs the watcher if necessary. */
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

/* Moves a piece out of the pending bytes, as a chunk if the client supports chunks. */
static void take_pending(struct http_request *request, struct buffer *output)
{
    struct buffer *pending = &request->pending;
    size_t size = ready_size(request);
    size = size < HTTP_STREAM_BLOCK ? size : HTTP_STREAM_BLOCK;
    if (!request->head.old) {
        buffer_printf(output, "%zx\r\n", size);
    }
    buffer_append(output, pending->data + request->pending_taken, size);
    if (!request->head.old) {
        buffer_append_text(output, "\r\n");
    }
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
}

/* Nothing can be sent now: flushes bytes that were held long enough, and those that may keep the
 * producer waiting for `drained`. The clock is read under the lock: the watcher, which checks under
 * it whether the connection is suspended, then sees it suspended, or this thread sees that the time
 * is over. */
static int flush_due(struct http_request *request)
{
    bool much = request->held >= HTTP_HELD_IDLE_BYTES && request->held > request->low_water;
    bool due = request->held > 0 && clock_now_ns() >= atomic_load(&request->held_until_ns);
    return much || due ? flush(request) : 0;
}

/* Nothing is pending: the stream has ended, or waits for the producer. */
static enum http_stream_step wait_or_end(struct http_request *request, struct buffer *output)
{
    if (atomic_load(&request->server->stopping) || atomic_load(&request->connection->left)) {
        return HTTP_STREAM_BROKEN;
    }
    if (request->stream_ended) {
        buffer_append_text(output, request->head.old ? "" : "0\r\n\r\n");
        return buffer_ok(output) < 0 ? HTTP_STREAM_BROKEN : HTTP_STREAM_END;
    }
    http_deadline_clear(request->connection); /* the client is not to blame for the delay */
    request->suspended = true;
    return HTTP_STREAM_WAIT;
}

enum http_stream_step http_stream_take(struct http_request *request, struct buffer *output)
{
    http_drained drained = NULL;
    {
        HOLD(&request->lock);
        if (request->gone || request->stream_aborted) {
            return HTTP_STREAM_BROKEN;
        }
        if (ready_size(request) == 0 && flush_due(request) < 0) {
            return HTTP_STREAM_BROKEN;
        }
        if (ready_size(request) == 0) {
            return wait_or_end(request, output);
        }
        take_pending(request, output);
        if (request->above && pending_size(request) <= request->low_water &&
            !request->stream_ended) {
            request->above = false;
            drained = request->drained;
        }
    }
    if (atomic_load(&request->connection->deadline_ns) == 0) {
        http_deadline_set(request->connection, request->server->config.body_ms);
    }
    if (drained) {
        drained(request->drained_context);
    }
    return buffer_ok(output) < 0 ? HTTP_STREAM_BROKEN : HTTP_STREAM_PIECE;
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
    /* Not needed before its answer is queued or while the socket is busy. */
    if (until_ns != 0 && request->streaming && !request->gone) {
        http_request_resume(request);
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

void http_stream_begin(struct http_request *request, const char *content_type,
                       const char *const *headers, size_t low_water, http_drained drained,
                       void *context)
{
    struct http_answer answer = {.status = 200};
    http_answer_fields(&answer, content_type, headers);
    enum http_coding coding = HTTP_CODING_IDENTITY;
    struct http_encoder *encoder = NULL;
    if (http_answer_may_encode(request, content_type, headers, &coding)) {
        if (coding != HTTP_CODING_IDENTITY && !request->head_only) {
            encoder = http_encoder_new(coding, false);
            coding = encoder ? coding : HTTP_CODING_IDENTITY;
        }
        http_answer_coding(&answer, coding);
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
    http_answer_give(request, &answer);
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
        http_request_resume(request);
    }
    return r;
}

void http_stream_flush(struct http_request *request)
{
    HOLD(&request->lock);
    if (!request->gone && flush(request) == 0 && ready_size(request) > 0) {
        http_request_resume(request);
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
    if (aborted && request->live) { /* otherwise a client that reads nothing would not be noticed */
        atomic_store(&request->live->deadline_ns, clock_now_ns());
    }
    http_request_resume(request);
}
