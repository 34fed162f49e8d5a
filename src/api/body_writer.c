/* SPDX-License-Identifier: Apache-2.0
 *
 * Two buffers: the listener's thread fills one, a task writes the other. The task ends when there
 * is nothing to write, and the next pieces start another, so that a slow client occupies no thread.
 */
#include "api/body_writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/limits.h"

/* The least for which a task is started. */
enum { WORTH_A_TASK_BYTES = 64 << 10 };

struct body_writer {
    struct call *call; /* borrowed */
    body_write write;
    void *context;        /* borrowed */
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t idle;
    struct buffer filled; /* not taken by the task yet */
    bool running;         /* a task is */
    bool full;            /* the client is paused */
    int failed;           /* the error of `write`, or of `error` */
    struct error error;
};

int body_writer_new(struct call *call, body_write write, void *context,
                    struct body_writer **ret_writer)
{
    struct body_writer *writer = calloc(1, sizeof *writer);
    if (!writer) {
        return -ENOMEM;
    }
    writer->call = call;
    writer->write = write;
    writer->context = context;
    (void)pthread_mutex_init(&writer->lock, NULL);
    (void)pthread_cond_init(&writer->idle, NULL);
    *ret_writer = writer;
    return 0;
}

void body_writer_free(struct body_writer *writer)
{
    if (!writer) {
        return;
    }
    buffer_done(&writer->filled);
    (void)pthread_cond_destroy(&writer->idle);
    (void)pthread_mutex_destroy(&writer->lock);
    free(writer);
}

/* Under the lock: lets a paused client go on. */
static void let_in(struct body_writer *writer)
{
    if (writer->full) {
        writer->full = false;
        http_body_resume(writer->call->request);
    }
}

/* Exchanges the filled buffer for an empty `piece`; false, and the task ends, if it is empty. */
static bool take(struct body_writer *writer, struct buffer *piece, int result)
{
    HOLD(&writer->lock);
    writer->failed = writer->failed < 0 ? writer->failed : result;
    bool more = writer->failed == 0 && writer->filled.size > 0;
    if (more) {
        struct buffer taken = writer->filled;
        buffer_clear(piece);
        writer->filled = *piece;
        *piece = taken;
    } else {
        writer->running = false;
        (void)pthread_cond_broadcast(&writer->idle);
    }
    let_in(writer);
    return more;
}

static void write_behind(void *argument)
{
    struct body_writer *writer = argument;
    struct call *call = writer->call;
    struct buffer piece = BUFFER_INIT;
    for (int r = 0; take(writer, &piece, r);) {
        r = writer->write(writer->context, piece.data, piece.size);
    }
    buffer_done(&piece);
    call_unref(call); /* may free the writer */
}

int body_writer_put(void *context, const void *bytes, size_t size)
{
    struct body_writer *writer = context;
    HOLD(&writer->lock);
    if (writer->failed < 0) {
        return writer->failed;
    }
    if (writer->running && writer->filled.size + size > LIMIT_BODY_WAITING_BYTES) {
        writer->full = true;
        return HTTP_SINK_FULL;
    }
    buffer_append(&writer->filled, bytes, size);
    if (buffer_ok(&writer->filled) < 0) {
        writer->failed = error_memory(&writer->error, NULL);
    } else if (!writer->running && writer->filled.size >= WORTH_A_TASK_BYTES) {
        writer->running = true;
        (void)call_ref(writer->call);
        if (tasks_start(writer->call->service->transfers, write_behind, writer) < 0) {
            call_unref(writer->call); /* never the last one: the request still receives its body */
            writer->running = false;
            writer->failed =
                error_set(&writer->error, ERROR_BUSY, "too many such requests at once; try again");
        }
    }
    return writer->failed;
}

/* Waits for the task, and takes what it has not written. */
static void take_rest(struct body_writer *writer, struct buffer *ret_rest)
{
    HOLD(&writer->lock);
    while (writer->running) {
        (void)pthread_cond_wait(&writer->idle, &writer->lock);
    }
    *ret_rest = writer->filled;
    writer->filled = BUFFER_INIT;
}

int body_writer_finish(struct body_writer *writer, struct error *error)
{
    cleanup_buffer struct buffer rest = BUFFER_INIT;
    take_rest(writer, &rest); /* no other thread uses the writer any more: no lock is needed */
    if (writer->error.code != ERROR_NONE) {
        *error = writer->error;
        return writer->failed;
    }
    if (writer->failed == 0 && rest.size > 0) {
        writer->failed = writer->write(writer->context, rest.data, rest.size);
    }
    return 0;
}
