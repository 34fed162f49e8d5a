/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams of results. Each is in the list of all from its start to its end, and in the queue while
 * it is due for a turn. Turns of one stream never overlap: it is `busy` while a thread serves it,
 * and an event meanwhile gives it another turn.
 */
#include "api/jobs/job_streams.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "api/jobs/job_object.h"
#include "base/clock.h"
#include "base/log.h"

enum {
    THREADS = 2,              /* one may wait for a disk */
    PENDING_HIGH = 256 << 10, /* unsent bytes above which nothing is read */
    PENDING_LOW = 64 << 10,
    PIECE_BYTES = 64 << 10, /* read in one turn */
    KEPT_BYTES = 16 << 10,  /* of a buffer, between turns */
};

#define PROGRESS_NS NS_PER_S
#define SILENCE_NS (30 * NS_PER_S)

/* The figures of a line of progress; without padding, so that they can be compared as bytes. */
struct told {
    uint64_t results;
    uint64_t selected;
    uint64_t left_out;
    uint64_t pass;
    uint64_t reason;
    uint64_t selected_known;
    uint64_t idle;
};

struct job_stream {
    struct job_streams *streams; /* borrowed */
    struct call *call;           /* owned reference while it is in the list */
    struct job_stream *next;     /* in the list of all; guarded by the streams' lock, */
    struct job_stream *previous; /* as all down to due_ns */
    struct job_stream *next_ready;
    bool listed;
    bool ready;
    bool busy;
    bool again; /* another turn is due: an event came while it was busy */
    int64_t due_ns;

    /* Used by the thread that serves it. */
    char id[JOB_ID_SIZE + 1]; /* longer than a job's, so that a longer one matches none */
    struct job_stream_options options;
    struct jobs_reader *reader; /* owned; until the call is freed */
    bool whole;                 /* ended after the job's last result */
    atomic_bool gone;           /* the client has left */
    struct buffer out;
    int64_t sent_ns;
    int64_t progress_ns;       /* when progress was checked */
    enum job_state told_state; /* in the last line of progress, with those below */
    struct told told;
};

struct job_streams {
    struct jobs *jobs;    /* borrowed */
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    struct job_stream *all;
    struct job_stream *first_ready;
    struct job_stream *last_ready;
    int64_t due_ns; /* no stream's is earlier */
    bool stopping;
    pthread_t threads[THREADS];
    unsigned thread_count;
};

/* ---- turns; under the lock ---- */

static void want_turn(struct job_stream *stream)
{
    struct job_streams *streams = stream->streams;
    if (!stream->listed || stream->ready) {
        return;
    }
    if (stream->busy) {
        stream->again = true;
        return;
    }
    stream->ready = true;
    stream->due_ns = INT64_MAX; /* until its turn is over */
    stream->next_ready = NULL;
    if (streams->last_ready) {
        streams->last_ready->next_ready = stream;
    } else {
        streams->first_ready = stream;
    }
    streams->last_ready = stream;
    (void)pthread_cond_signal(&streams->changed);
}

static struct job_stream *take_ready(struct job_streams *streams)
{
    struct job_stream *stream = streams->first_ready;
    if (stream) {
        streams->first_ready = stream->next_ready;
        streams->last_ready = streams->first_ready ? streams->last_ready : NULL;
        stream->ready = false;
        stream->busy = true;
        stream->again = false;
    }
    return stream;
}

/* Queues the streams that are due. */
static void look_at_clock(struct job_streams *streams)
{
    int64_t now_ns = clock_now_ns();
    if (!streams->stopping && now_ns < streams->due_ns) {
        return;
    }
    streams->due_ns = INT64_MAX;
    for (struct job_stream *stream = streams->all; stream; stream = stream->next) {
        if (streams->stopping || stream->due_ns <= now_ns) {
            want_turn(stream);
        } else if (stream->due_ns < streams->due_ns) {
            streams->due_ns = stream->due_ns;
        }
    }
}

static void enlist(struct job_streams *streams, struct job_stream *stream)
{
    stream->listed = true;
    stream->next = streams->all;
    if (streams->all) {
        streams->all->previous = stream;
    }
    streams->all = stream;
}

static void unlist(struct job_streams *streams, struct job_stream *stream)
{
    stream->listed = false;
    if (stream->next) {
        stream->next->previous = stream->previous;
    }
    if (stream->previous) {
        stream->previous->next = stream->next;
    } else {
        streams->all = stream->next;
    }
}

/* ---- what wakes a stream ---- */

static void on_news(void *context)
{
    struct job_stream *stream = context;
    HOLD(&stream->streams->lock);
    want_turn(stream);
}

static void on_gone(struct call *call)
{
    struct job_stream *stream = call->state;
    atomic_store(&stream->gone, true);
    on_news(stream);
}

/* ---- one turn ---- */

/* Sends the buffer; false if the client has left. */
static bool send_out(struct job_stream *stream, int64_t now_ns)
{
    struct buffer *out = &stream->out;
    bool sent =
        buffer_ok(out) == 0 &&
        http_stream_append(stream->call->request, out->data ? out->data : "", out->size) == 0;
    if (out->size > 0) {
        stream->sent_ns = now_ns;
    }
    buffer_clear(out);
    if (out->capacity > KEPT_BYTES) {
        buffer_done(out);
    }
    return sent;
}

/* Answers with an error, or starts the stream. False: it has ended. */
static bool begin(struct job_stream *stream, int64_t now_ns)
{
    struct call *call = stream->call;
    struct error error = {0};
    if (jobs_reader_new(stream->streams->jobs, stream->id, stream->options.after, on_news, stream,
                        &stream->reader, &error) < 0) {
        stream->reader = NULL;
        call_respond_error(call, &error);
        return false;
    }
    bool head = strcmp(http_request_method(call->request), "HEAD") == 0;
    call_begin_stream(call, "application/x-ndjson", PENDING_LOW, on_news, stream);
    stream->sent_ns = now_ns;
    if (head || http_stream_append(call->request, "", 0) < 0) {
        http_stream_end(call->request, !head);
        return false;
    }
    return true;
}

/* Writes a line of progress if one is due and a figure has changed. */
static void tell_progress(struct job_stream *stream, enum jobs_read read, int64_t now_ns)
{
    struct job_info info = {0};
    bool timely = now_ns - stream->progress_ns >= PROGRESS_NS;
    if (!stream->options.progress || (!timely && read == JOBS_READ_MORE) ||
        jobs_reader_info(stream->reader, &info) < 0) {
        return;
    }
    struct told now = {info.results,       info.selected,    left_out_sum(&info.left_out),
                       info.pass,          info.reason.code, info.selected_known,
                       info.between_passes};
    bool other = info.state != stream->told_state;
    if (other || (timely && memcmp(&now, &stream->told, sizeof now) != 0)) {
        job_write_progress_line(&stream->out, &info);
        stream->told_state = info.state;
        stream->told = now;
    }
    if (timely || other) {
        stream->progress_ns = now_ns;
    }
    job_info_done(&info);
}

/* Writes the last line of a stream that is not aborted. */
static bool write_last(struct job_stream *stream, bool is_end)
{
    struct job_info info = {0};
    if (!is_end) {
        job_write_more_line(&stream->out, jobs_reader_position(stream->reader));
        return true;
    }
    if (jobs_reader_info(stream->reader, &info) < 0) {
        return false;
    }
    job_write_done_line(&stream->out, &info);
    job_info_done(&info);
    return true;
}

static void end(struct job_stream *stream, bool aborted)
{
    http_stream_end(stream->call->request, aborted);
}

/* Sends the next results. False: the stream has ended. *ret_more: more can be sent at once. */
static bool move(struct job_stream *stream, int64_t now_ns, bool *ret_more)
{
    struct error error = {0};
    enum jobs_read read = JOBS_READ_WAIT;
    if (http_stream_pending(stream->call->request) > PENDING_HIGH) {
        return true; /* on_news queues it when the client has taken them */
    }
    int r = jobs_reader_read(stream->reader, &stream->out, PIECE_BYTES, &read, &error);
    if (r < 0) {
        char message[ERROR_MESSAGE_SIZE];
        log_event(LOG_LEVEL_ERROR, "job_results_unreadable", "job=%s message=%s", stream->id,
                  log_quote(message, sizeof message, error.message));
    }
    bool ends = read == JOBS_READ_END || (read == JOBS_READ_WAIT && !stream->options.wait);
    if (r == 0 && read != JOBS_READ_STOP && !ends) {
        tell_progress(stream, read, now_ns);
    }
    bool broken =
        r < 0 || read == JOBS_READ_STOP || (ends && !write_last(stream, read == JOBS_READ_END));
    if (!ends && stream->out.size == 0 && now_ns - stream->sent_ns >= SILENCE_NS) {
        buffer_append_char(&stream->out, '\n');
    }
    broken = !send_out(stream, now_ns) || broken;
    stream->whole = !broken && read == JOBS_READ_END;
    *ret_more = read == JOBS_READ_MORE;
    if (broken || ends) {
        end(stream, broken);
        return false;
    }
    return true;
}

/* False: the stream has ended. */
static bool take_turn(struct job_stream *stream, bool stopping, bool *ret_more)
{
    int64_t now_ns = clock_now_ns();
    bool lost = stopping || atomic_load(&stream->gone);
    if (!stream->reader) {
        if (lost) {
            call_respond_stopping(stream->call);
            return false;
        }
        if (!begin(stream, now_ns)) {
            return false;
        }
    }
    if (lost) {
        end(stream, true);
        return false;
    }
    return move(stream, now_ns, ret_more);
}

static int64_t due_of(const struct job_stream *stream)
{
    int64_t due_ns = stream->sent_ns + SILENCE_NS;
    int64_t progress_ns = stream->progress_ns + PROGRESS_NS;
    return stream->options.progress && progress_ns < due_ns ? progress_ns : due_ns;
}

/* Called with the lock, which is released meanwhile. */
static void serve_one(struct job_streams *streams, struct job_stream *stream)
{
    bool more = false;
    bool stopping = streams->stopping;
    (void)pthread_mutex_unlock(&streams->lock);
    bool goes_on = take_turn(stream, stopping, &more);
    int64_t due_ns = due_of(stream);
    (void)pthread_mutex_lock(&streams->lock);
    stream->busy = false;
    if (goes_on) {
        stream->due_ns = due_ns;
        streams->due_ns = due_ns < streams->due_ns ? due_ns : streams->due_ns;
        if (more || stream->again) {
            want_turn(stream);
        }
        return;
    }
    unlist(streams, stream);
    if (!streams->all) {
        (void)pthread_cond_broadcast(&streams->changed); /* a thread may wait for the last */
    }
    (void)pthread_mutex_unlock(&streams->lock);
    call_unref(stream->call); /* frees the stream, once HTTP has released the call, too */
    (void)pthread_mutex_lock(&streams->lock);
}

/* Waits until a stream is due. */
static void wait_for_work(struct job_streams *streams)
{
    int64_t until_ns = clock_now_ns() + SILENCE_NS;
    until_ns = streams->due_ns < until_ns ? streams->due_ns : until_ns;
    (void)clock_wait(&streams->changed, &streams->lock, until_ns);
}

static void *serve(void *argument)
{
    struct job_streams *streams = argument;
    (void)pthread_mutex_lock(&streams->lock);
    while (!streams->stopping || streams->all) {
        look_at_clock(streams);
        struct job_stream *stream = take_ready(streams);
        if (stream) {
            serve_one(streams, stream);
        } else {
            wait_for_work(streams);
        }
    }
    (void)pthread_mutex_unlock(&streams->lock);
    return NULL;
}

/* ---- public ---- */

/* The call has ended: the client has received everything, or has left. */
static void free_stream(void *state)
{
    struct job_stream *stream = state;
    if (stream->whole && !atomic_load(&stream->gone)) {
        jobs_reader_delivered(stream->reader);
    }
    jobs_reader_free(stream->reader);
    buffer_done(&stream->out);
    free(stream);
}

void job_streams_follow(struct job_streams *streams, struct call *call, const char *id,
                        const struct job_stream_options *options)
{
    struct job_stream *stream = call_new_state(call, sizeof *stream, free_stream);
    if (!stream) {
        return;
    }
    stream->streams = streams;
    stream->options = *options;
    (void)strncat(stream->id, id, sizeof stream->id - 1);
    if (options->first) {
        job_write_job_line(&stream->out, options->first);
        stream->told_state = options->first->state;
        stream->options.first = NULL;
    }
    stream->call = call_ref(call);
    atomic_store(&call->client_gone, on_gone);
    bool refused = false;
    (void)pthread_mutex_lock(&streams->lock);
    refused = streams->stopping;
    if (!refused) {
        stream->due_ns = INT64_MAX;
        enlist(streams, stream);
        want_turn(stream);
    }
    (void)pthread_mutex_unlock(&streams->lock);
    if (refused) {
        call_respond_stopping(call);
        call_unref(call);
    }
}

int job_streams_new(struct jobs *jobs, struct job_streams **ret_streams)
{
    struct job_streams *streams = calloc(1, sizeof *streams);
    int r = streams ? 0 : -ENOMEM;
    if (!streams) {
        return r;
    }
    streams->jobs = jobs;
    streams->due_ns = INT64_MAX;
    (void)pthread_mutex_init(&streams->lock, NULL);
    (void)pthread_cond_init(&streams->changed, NULL);
    for (unsigned i = 0; i < THREADS && r == 0; i++) {
        r = -pthread_create(&streams->threads[i], NULL, serve, streams);
        streams->thread_count += r == 0;
    }
    if (r < 0) {
        job_streams_free(streams);
        return r;
    }
    *ret_streams = streams;
    return 0;
}

void job_streams_stop(struct job_streams *streams)
{
    HOLD(&streams->lock);
    streams->stopping = true;
    (void)pthread_cond_broadcast(&streams->changed);
}

void job_streams_free(struct job_streams *streams)
{
    if (!streams) {
        return;
    }
    job_streams_stop(streams);
    for (unsigned i = 0; i < streams->thread_count; i++) {
        (void)pthread_join(streams->threads[i], NULL);
    }
    (void)pthread_cond_destroy(&streams->changed);
    (void)pthread_mutex_destroy(&streams->lock);
    free(streams);
}
