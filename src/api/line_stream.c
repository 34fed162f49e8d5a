/* SPDX-License-Identifier: Apache-2.0
 *
 * A streamed answer; its producer runs on a task thread.
 */
#include "api/line_stream.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "base/clock.h"

enum {
    PENDING_HIGH = 256 << 10, /* unsent bytes at which the producer waits */
    PENDING_LOW = 64 << 10,
    LOOK_MS = 100, /* the interval between checks whether situd stops */
};

struct line_stream {
    struct call *call;    /* borrowed: it owns the stream */
    pthread_mutex_t lock; /* for `drained` only */
    pthread_cond_t drained;
    atomic_bool gone;
};

static void free_stream(void *state)
{
    struct line_stream *stream = state;
    (void)pthread_cond_destroy(&stream->drained);
    (void)pthread_mutex_destroy(&stream->lock);
    free(stream);
}

static void on_drained(void *context)
{
    struct line_stream *stream = context;
    HOLD(&stream->lock);
    (void)pthread_cond_signal(&stream->drained);
}

static void on_gone(struct call *call)
{
    struct line_stream *stream = call->state;
    atomic_store(&stream->gone, true);
    on_drained(stream);
}

struct line_stream *line_stream_begin(struct call *call)
{
    struct line_stream *stream = call_new_state(call, sizeof *stream, free_stream);
    if (!stream) {
        return NULL;
    }
    stream->call = call;
    (void)pthread_mutex_init(&stream->lock, NULL);
    (void)pthread_cond_init(&stream->drained, NULL);
    atomic_store(&call->client_gone, on_gone);
    call_begin_stream(call, "application/x-ndjson", PENDING_LOW, on_drained, stream);
    if (strcmp(http_request_method(call->request), "HEAD") == 0) {
        http_stream_end(call->request, false);
        return NULL;
    }
    return stream;
}

bool line_stream_is_open(struct line_stream *stream)
{
    /* If the client left before client_gone was set, the request refuses to append. */
    return !atomic_load(&stream->gone) && !atomic_load(&stream->call->service->stopping) &&
           http_stream_append(stream->call->request, "", 0) == 0;
}

static void wait_for_room(struct line_stream *stream)
{
    HOLD(&stream->lock);
    while (line_stream_is_open(stream) &&
           http_stream_pending(stream->call->request) > PENDING_HIGH) {
        int64_t until_ns = clock_now_ns() + LOOK_MS * NS_PER_MS;
        (void)clock_wait(&stream->drained, &stream->lock, until_ns);
    }
}

int line_stream_send(struct line_stream *stream, struct buffer *lines)
{
    wait_for_room(stream);
    int r = buffer_ok(lines);
    if (r == 0 && !line_stream_is_open(stream)) {
        r = -EPIPE;
    }
    if (r == 0 && lines->size > 0) {
        r = http_stream_append(stream->call->request, lines->data, lines->size);
    }
    buffer_clear(lines);
    return r;
}

void line_stream_end(struct line_stream *stream, bool aborted)
{
    http_stream_end(stream->call->request, aborted);
}
