/* SPDX-License-Identifier: Apache-2.0
 *
 * Streamed answers: a producer on any thread appends, the listener's thread takes what is there
 * whenever the client's socket has room, and suspends the connection while nothing is.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "http/state.h"

static size_t pending_size(const struct http_request *request)
{
    return request->pending.size - request->pending_taken;
}

/* Moves up to `room` bytes out of the pending ones. request->lock is held. */
static size_t take_pending(struct http_request *request, char *to, size_t room)
{
    struct buffer *pending = &request->pending;
    size_t size = pending_size(request);
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
        memmove(pending->data, pending->data + request->pending_taken, pending_size(request));
        pending->size -= request->pending_taken;
        request->pending_taken = 0;
    }
    /* As one chunk: its size in hexadecimal and two line ends. */
    request->bytes_sent += size + (uint64_t)snprintf(NULL, 0, "%zx\r\n\r\n", size);
    return size;
}

/* Nothing is pending: the end, or wait for the producer. request->lock is held. */
static ssize_t wait_or_end(struct http_request *request)
{
    if (request->gone || request->stream_aborted || atomic_load(&request->server->stopping) ||
        atomic_load(&request->connection->left)) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
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
        size_t before = pending_size(request);
        if (request->gone || request->stream_aborted) {
            return MHD_CONTENT_READER_END_WITH_ERROR;
        }
        if (before == 0) {
            return wait_or_end(request);
        }
        size = take_pending(request, to, room);
        if (before > request->low_water && before - size <= request->low_water &&
            !request->stream_ended) {
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
    {
        HOLD(&request->lock);
        if (!request->answered && !request->gone) {
            request->streaming = true;
            request->low_water = low_water;
            request->drained = drained;
            request->drained_context = context;
        }
    }
    http_answer_give(request, response, 200, bytes, 0);
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
    buffer_append(&request->pending, bytes, size);
    if (buffer_ok(&request->pending) < 0) {
        return -ENOMEM;
    }
    if (size > 0 && request->suspended) {
        request->suspended = false;
        MHD_resume_connection(request->mhd);
    }
    return 0;
}

size_t http_stream_pending(const struct http_request *request)
{
    HOLD((pthread_mutex_t *)(uintptr_t)&request->lock);
    return pending_size(request);
}

void http_stream_end(struct http_request *request, bool aborted)
{
    HOLD(&request->lock);
    request->stream_ended = true;
    request->stream_aborted = aborted;
    if (aborted && request->mhd) { /* a client that takes nothing would not be seen otherwise */
        atomic_store(&request->connection->deadline_ns, clock_now_ns());
    }
    if (request->suspended) {
        request->suspended = false;
        MHD_resume_connection(request->mhd);
    }
}
