/* SPDX-License-Identifier: Apache-2.0
 *
 * One job: its memory, its visible state, its log while it is in use, and notices to its readers.
 * Any thread.
 */
#include "jobs/job.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "jobs/job_file.h"
#include "jobs/job_table.h"
#include "jobs/reader.h"

static void job_free(struct job *job)
{
    job_log_close(job->log);
    job_spec_done(&job->spec);
    roots_done(&job->roots);
    free(job->directory);
    (void)pthread_cond_destroy(&job->reader_wake);
    (void)pthread_cond_destroy(&job->wake);
    (void)pthread_mutex_destroy(&job->lock);
    (void)pthread_mutex_destroy(&job->opening);
    (void)pthread_mutex_destroy(&job->control);
    free(job);
}

int job_new(struct jobs *jobs, struct job_spec *spec, struct job **ret_job)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job) {
        job_spec_done(spec);
        return -ENOMEM;
    }
    job->jobs = jobs;
    job->spec = *spec;
    *spec = (struct job_spec){0};
    atomic_init(&job->references, 1);
    atomic_init(&job->halting, false);
    (void)pthread_mutex_init(&job->control, NULL);
    (void)pthread_mutex_init(&job->opening, NULL);
    (void)pthread_mutex_init(&job->lock, NULL);
    (void)pthread_cond_init(&job->wake, NULL);
    (void)pthread_cond_init(&job->reader_wake, NULL);
    if (asprintf(&job->directory, "%s/%s", jobs->directory, job->spec.id) < 0) {
        job->directory = NULL;
        job_free(job);
        return -ENOMEM;
    }
    cleanup_free char *aside = job_path(job, TABLE_ASIDE);
    job->began_anew = aside && access(aside, F_OK) == 0;
    *ret_job = job;
    return 0;
}

struct job *job_ref(struct job *job)
{
    (void)atomic_fetch_add(&job->references, 1);
    return job;
}

void job_unref(struct job *job)
{
    if (job && atomic_fetch_sub(&job->references, 1) == 1) {
        job_free(job);
    }
}

char *job_path(const struct job *job, const char *name)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s", job->directory, name) < 0 ? NULL : path;
}

enum job_stop_request job_stop_request(struct job *job)
{
    HOLD(&job->lock);
    return job->stop_request;
}

void job_set_stop_request(struct job *job, enum job_stop_request request)
{
    HOLD(&job->lock);
    if (job->stop_request != STOP_SHUTDOWN) {
        job->stop_request = request;
        atomic_store(&job->halting, request != STOP_NONE);
    }
    if (job->watch && request != STOP_NONE) {
        store_watch_cancel(job->watch); /* under the lock, which keeps it valid; never waits */
    }
    (void)pthread_cond_broadcast(&job->wake);
}

void job_notify(struct job *job)
{
    HOLD(&job->lock);
    job->news++;
    (void)pthread_cond_broadcast(&job->reader_wake);
    for (struct jobs_reader *reader = job->readers; reader; reader = reader->next) {
        if (reader->woken) {
            reader->calls++; /* keeps it in the list */
            (void)pthread_mutex_unlock(&job->lock);
            reader->woken(reader->context);
            (void)pthread_mutex_lock(&job->lock);
            reader->calls--;
            (void)pthread_cond_broadcast(&job->reader_wake);
        }
    }
}

/* Under the lock. A job that had ended before keeps its time. */
static void mark_ended(struct job *job)
{
    if (job->finished_s == 0) {
        job->finished_s = (int64_t)time(NULL);
        job->ended_ns = clock_now_ns();
    }
}

void job_log_end(struct job *job)
{
    char text[2 * ERROR_MESSAGE_SIZE];
    struct job_info info;
    if (job_info_fill(job, &info) < 0) {
        return;
    }
    bool has_reason = info.reason.code != ERROR_NONE;
    log_event(LOG_LEVEL_INFO, "job_ended",
              "job=%s state=%s results=%llu failed=%llu cached=%llu gone=%llu%s%s", info.spec.id,
              job_state_name(info.state), (unsigned long long)info.results,
              (unsigned long long)info.failed, (unsigned long long)info.cached,
              (unsigned long long)info.gone, has_reason ? " reason=" : "",
              has_reason ? log_quote(text, sizeof text, info.reason.message) : "");
    job_info_done(&info);
}

void job_set_state(struct job *job, enum job_state state, const struct error *reason)
{
    (void)pthread_mutex_lock(&job->lock);
    job->state = state;
    job->reason = reason ? *reason : (struct error){.code = ERROR_NONE};
    if (job_state_is_end(state)) {
        mark_ended(job);
    } else {
        job->finished_s = 0;
    }
    (void)pthread_mutex_unlock(&job->lock);
    job_notify(job);
}

enum job_state job_state_now(struct job *job, bool *ret_by_itself)
{
    HOLD(&job->lock);
    *ret_by_itself = job->state == JOB_PAUSED && job->reason.code != ERROR_NONE;
    return job->state;
}

bool job_got_on(struct job *job)
{
    HOLD(&job->lock);
    return job->got_on;
}

void job_set_got_on(struct job *job, bool got_on)
{
    HOLD(&job->lock);
    job->got_on = got_on;
}

void job_goes_on(struct job *job)
{
    (void)pthread_mutex_lock(&job->lock);
    job->got_on = true;
    bool goes = job->state == JOB_RUNNING;
    (void)pthread_mutex_unlock(&job->lock);
    if (!goes) {
        job_set_state(job, JOB_RUNNING, NULL);
    }
}

int job_save(struct job *job, enum job_state state, const struct error *reason, struct error *error)
{
    /* Borrows the contents of these. */
    struct job_file file = {.spec = job->spec, .roots = job->roots, .state = state};
    if (reason) {
        file.reason = *reason;
    }
    (void)pthread_mutex_lock(&job->lock);
    if (job_state_is_end(state)) {
        mark_ended(job);
    }
    file.failed_before = job->failed_before;
    file.selected_known = job->selected_known;
    file.selected = job->selected;
    file.gone = job->gone;
    job->unsaved = false;
    file.left_out = job->left_out;
    file.finished_s = job_state_is_end(state) ? job->finished_s : 0;
    (void)pthread_mutex_unlock(&job->lock);
    int r = job_file_write(job->directory, &file, error);
    if (r < 0) {
        HOLD(&job->lock);
        job->unsaved = true;
    }
    return r;
}

/* The log, if it is open, with one more user. */
static bool log_is_open(struct job *job, struct job_log **ret_log)
{
    HOLD(&job->lock);
    if (!job->log) {
        return false;
    }
    job->log_users++;
    *ret_log = job->log;
    return true;
}

/* Checks that each object of a done job has its line. If the disk has lost some, the job is not
 * done: true. */
static bool find_loss(struct job *job, struct job_log *log)
{
    struct job_log_totals totals;
    job_log_totals(log, &totals);
    HOLD(&job->lock);
    if (job->state != JOB_DONE || job->spec.standing || !job->selected_known ||
        totals.lines + job->gone >= job->selected) {
        return false;
    }
    job->state = JOB_WAITING;
    job->finished_s = 0;
    return true;
}

static int open_log(struct job *job, struct job_log **ret_log, bool *ret_loss, struct error *error)
{
    HOLD(&job->opening);
    if (log_is_open(job, ret_log)) {
        return 0;
    }
    cleanup_free char *path = job_path(job, "results.ndjson");
    if (!path) {
        return error_memory(error, NULL);
    }
    struct job_log *log = NULL;
    uint64_t cut = 0;
    bool by_itself = false;
    bool ended = job_state_is_end(job_state_now(job, &by_itself)) && !job->broken;
    int r =
        ended ? job_log_open_ended(path, &log, &cut, error) : job_log_open(path, &log, &cut, error);
    if (r < 0) {
        return r;
    }
    *ret_loss = find_loss(job, log);
    if (cut > 0 || *ret_loss) {
        log_event(LOG_LEVEL_WARNING, "job_log_cut", "job=%s bytes=%llu made_up=%s", job->spec.id,
                  (unsigned long long)cut, *ret_loss ? "yes" : "no");
    }
    HOLD(&job->lock);
    job->log = log;
    job->log_users = 1;
    *ret_log = log;
    return 0;
}

/* For the keeper, which queues it when nobody holds its `control`. */
static void mark_lacking(struct job *job)
{
    HOLD(&job->jobs->lock);
    job->lacking = true;
    (void)pthread_cond_broadcast(&job->jobs->changed);
}

int job_log_take(struct job *job, struct job_log **ret_log, struct error *error)
{
    bool loss = false;
    int r = open_log(job, ret_log, &loss, error);
    if (loss) {
        mark_lacking(job);
    }
    return r;
}

/* Lines that are not synced keep the log open: they exist only there. */
void job_log_release(struct job *job)
{
    struct job_log *log = NULL;
    (void)pthread_mutex_lock(&job->opening);
    (void)pthread_mutex_lock(&job->lock);
    if (--job->log_users == 0 && job_log_pending(job->log) == 0) {
        log = take_ptr(job->log);
        job_log_totals(log, &job->totals);
        job->totals_known = true;
    }
    (void)pthread_mutex_unlock(&job->lock);
    job_log_close(log); /* before it can be opened again */
    (void)pthread_mutex_unlock(&job->opening);
}

/* The totals of the log. Zeros if it cannot be read: its lines cannot be read either. */
static struct job_log_totals totals_of(struct job *job)
{
    struct job_log_totals totals = {0};
    struct job_log *log = NULL;
    (void)pthread_mutex_lock(&job->lock);
    bool known = job->totals_known && !job->log;
    totals = known ? job->totals : totals;
    (void)pthread_mutex_unlock(&job->lock);
    if (known) {
        return totals;
    }
    if (job_log_take(job, &log, NULL) == 0) {
        job_log_totals(log, &totals);
        job_log_release(job);
    }
    return totals;
}

int job_info_fill_brief(struct job *job, struct job_info *ret_info)
{
    struct job_info info = {0};
    HOLD(&job->lock);
    int r = job_spec_copy(&job->spec, &info.spec);
    if (r < 0) {
        return r;
    }
    info.state = job->state; /* before the totals: those of an ended job are final */
    info.reason = job->reason;
    info.selected_known = job->selected_known;
    info.selected = job->selected;
    info.gone = job->gone;
    info.left_out = job->left_out;
    info.pass = job->pass > 0 ? job->pass : 1;
    info.counted = job->counted;
    info.count = job->count;
    info.between_passes = job->between_passes;
    info.began_anew = job->began_anew;
    info.finished_s = job->finished_s;
    *ret_info = info;
    return 0;
}

int job_info_fill(struct job *job, struct job_info *ret_info)
{
    struct job_info info = {0};
    int r = job_info_fill_brief(job, &info);
    if (r < 0) {
        return r;
    }
    struct job_log_totals totals = totals_of(job);
    if (info.state == JOB_DONE) { /* lines may have been found missing */
        HOLD(&job->lock);
        info.state = job->state;
        info.finished_s = job->finished_s;
    }
    info.results = totals.lines;
    info.failed = totals.failed;
    info.cached = totals.cached;
    info.bytes_read = totals.bytes_read;
    if (totals.pass > info.pass) {
        info.pass = totals.pass;
    }
    *ret_info = info;
    return 0;
}
