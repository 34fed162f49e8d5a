/* SPDX-License-Identifier: Apache-2.0
 *
 * Readers of results follow the synced lines. One thread at a time uses a reader; the thread of the
 * job only wakes it.
 */
#include "jobs/reader.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "jobs/job_table.h"

static void link_reader(struct job *job, struct jobs_reader *reader)
{
    HOLD(&job->lock);
    reader->next = job->readers;
    job->readers = reader;
    /* news_seen stays 0: changes since the log was read must wake it. */
}

/* Removes it from the list, after its running callbacks. */
static void unlink_reader(struct job *job, struct jobs_reader *reader)
{
    HOLD(&job->lock);
    while (reader->calls > 0) {
        (void)pthread_cond_wait(&job->reader_wake, &job->lock);
    }
    struct jobs_reader **link = &job->readers;
    while (*link != reader) {
        link = &(*link)->next;
    }
    *link = reader->next;
}

/* NOLINTNEXTLINE(readability-function-size): the seam of jobs.h. */
int jobs_reader_new(struct jobs *jobs, const char *id, uint64_t after, void (*woken)(void *context),
                    void *context, struct jobs_reader **ret_reader, struct error *error)
{
    cleanup_job struct job *job = NULL;
    int r = jobs_find(jobs, id, &job, error);
    if (r < 0) {
        return r;
    }
    cleanup_free struct jobs_reader *reader = calloc(1, sizeof *reader);
    if (!reader) {
        return error_memory(error, NULL);
    }
    r = job_log_take(job, &reader->log, error);
    if (r < 0) {
        return r;
    }
    r = job_log_find(reader->log, after, &reader->place, error);
    if (r < 0) {
        job_log_release(job);
        if (r == -ERANGE) {
            return error_set(error, ERROR_MALFORMED,
                             "job %s has no result %llu yet: the cursor is too high", id,
                             (unsigned long long)after);
        }
        return r;
    }
    reader->job = take_ptr(job);
    reader->woken = woken;
    reader->context = context;
    link_reader(reader->job, reader);
    *ret_reader = take_ptr(reader);
    return 0;
}

void jobs_reader_free(struct jobs_reader *reader)
{
    if (!reader) {
        return;
    }
    unlink_reader(reader->job, reader);
    job_log_release(reader->job);
    job_unref(reader->job);
    free(reader);
}

/* The result for a reader without new lines: determined before it reads. */
static enum jobs_read standing_of(struct jobs_reader *reader)
{
    struct job *job = reader->job;
    HOLD(&job->lock);
    reader->news_seen = job->news;
    if (job->removed || job_state_is_end(job->state)) {
        return JOBS_READ_END;
    }
    return job->stopped ? JOBS_READ_STOP : JOBS_READ_WAIT;
}

int jobs_reader_read(struct jobs_reader *reader, struct buffer *out, size_t max_bytes,
                     enum jobs_read *ret_read, struct error *error)
{
    enum jobs_read otherwise = standing_of(reader);
    uint64_t before = reader->place.line;
    int r = job_log_read(reader->log, &reader->place, out, max_bytes, error);
    if (r == 0 && buffer_ok(out) < 0) {
        r = error_memory(error, NULL);
    }
    if (r < 0) {
        return r;
    }
    *ret_read = reader->place.line > before ? JOBS_READ_MORE : otherwise;
    return 0;
}

struct each {
    uint64_t left;
    int (*take)(void *context, const struct jobs_line *line);
    void *context;
};

static int take_line(void *context, const char *text, size_t size,
                     const struct job_record_facts *facts)
{
    struct each *each = context;
    struct jobs_line line = {.text = text,
                             .size = size,
                             .flawed = facts->flawed,
                             .failed = job_record_is_failure(text, size),
                             .gone = job_record_is_gone(text, size),
                             .pass = facts->pass};
    if (each->left == 0) {
        return -EXFULL; /* the next call reads the line again */
    }
    each->left--;
    return each->take(each->context, &line);
}

int jobs_reader_each(struct jobs_reader *reader, uint64_t max_lines,
                     int (*take)(void *context, const struct jobs_line *line), void *context,
                     enum jobs_read *ret_read, struct error *error)
{
    enum jobs_read otherwise = standing_of(reader);
    uint64_t before = reader->place.line;
    struct each each = {.left = max_lines, .take = take, .context = context};
    int r = job_log_each(reader->log, &reader->place, take_line, &each, error);
    if (r < 0 && !(r == -EXFULL && each.left == 0)) {
        return r;
    }
    *ret_read = reader->place.line > before ? JOBS_READ_MORE : otherwise;
    return 0;
}

void jobs_reader_wait(struct jobs_reader *reader, int64_t timeout_ms)
{
    struct job *job = reader->job;
    int64_t until_ns = clock_now_ns() + timeout_ms * NS_PER_MS;
    HOLD(&job->lock);
    while (reader->news_seen == job->news && !job->stopped && !job->removed) {
        if (clock_wait(&job->reader_wake, &job->lock, until_ns) == -ETIMEDOUT) {
            return;
        }
    }
}

uint64_t jobs_reader_position(const struct jobs_reader *reader)
{
    return reader->place.line;
}

int jobs_reader_info(struct jobs_reader *reader, struct job_info *ret_info)
{
    return job_info_fill(reader->job, ret_info);
}

void jobs_reader_delivered(struct jobs_reader *reader)
{
    struct job *job = reader->job;
    bool by_itself = false;
    if (job->spec.keep || job_state_now(job, &by_itself) != JOB_DONE) {
        return;
    }
    HOLD(&job->jobs->lock);
    if (job->remove_ns == 0) {
        job->remove_ns = clock_now_ns() + job->jobs->delivered_ms * NS_PER_MS;
        (void)pthread_cond_broadcast(&job->jobs->changed);
    }
}
