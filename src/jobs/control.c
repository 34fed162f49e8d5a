/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests to a job: pause, resume, cancel, remove. Each one stops the thread of the job first, if
 * there is one, and then changes the state, on disk and in memory.
 */
#include "jobs/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "jobs/keeper.h"
#include "jobs/removal.h"
#include "store/exclusion.h"

static int conflict(const struct job *job, const char *what, enum job_state state,
                    struct error *error)
{
    return error_set(error, ERROR_CONFLICT, "job %s is %s: it cannot be %s", job->spec.id,
                     job_state_name(state), what);
}

static bool is_removed(struct job *job)
{
    HOLD(&job->lock);
    return job->removed;
}

int control_take(struct jobs *jobs, const char *id, struct job **ret_job, struct error *error)
{
    struct job *job = NULL;
    int r = jobs_find(jobs, id, &job, error);
    if (!job) {
        return r;
    }
    (void)pthread_mutex_lock(&job->control);
    if (is_removed(job)) {
        (void)pthread_mutex_unlock(&job->control);
        r = jobs_no_such(job->spec.id, error);
        job_unref(job);
        return r;
    }
    *ret_job = job;
    return 0;
}

void control_leave(struct job *job)
{
    if (job) {
        (void)pthread_mutex_unlock(&job->control);
        job_unref(job);
    }
}

static int pause_job(struct jobs *jobs, struct job *job, struct error *error)
{
    bool by_itself = false;
    enum job_state state = job_state_now(job, &by_itself);
    if (state == JOB_PAUSED && !by_itself) {
        return 0;
    }
    if (!job_state_is_end(state)) {
        keeper_halt(jobs, job);
        state = job_state_now(job, &by_itself);
    }
    if (job_state_is_end(state)) {
        return conflict(job, "paused", state, error);
    }
    /* If the disk refuses it the job is paused nevertheless; only a restart will not know. */
    job_set_state(job, JOB_PAUSED, NULL);
    return job_save(job, JOB_PAUSED, NULL, error);
}

int jobs_pause(struct jobs *jobs, const char *id, struct error *error)
{
    cleanup_control struct job *job = NULL;
    int r = control_take(jobs, id, &job, error);
    return job ? pause_job(jobs, job, error) : r;
}

/* The failures in the log do not count for max_failures any more. */
static int forgive_failures(struct job *job, struct error *error)
{
    struct job_log *log = NULL;
    struct job_log_totals totals = {0};
    int r = job_log_take(job, &log, error);
    if (r < 0) {
        return r;
    }
    job_log_totals(log, &totals);
    job_log_release(job);
    HOLD(&job->lock);
    job->failed_before = totals.failed;
    return 0;
}

static int resume_job(struct jobs *jobs, struct job *job, struct error *error)
{
    bool by_itself = false;
    enum job_state state = job_state_now(job, &by_itself);
    if (state == JOB_WAITING || state == JOB_RUNNING) {
        return 0;
    }
    if (state == JOB_DONE || state == JOB_CANCELLED || job->broken) {
        return conflict(job, "resumed", state, error);
    }
    int r = state == JOB_FAILED ? forgive_failures(job, error) : 0;
    if (r < 0) {
        return r;
    }
    r = by_itself ? 0 : job_save(job, JOB_WAITING, NULL, error);
    if (r < 0) {
        return r;
    }
    keeper_resume(jobs, job, state);
    return 0;
}

int jobs_resume(struct jobs *jobs, const char *id, struct error *error)
{
    cleanup_control struct job *job = NULL;
    int r = control_take(jobs, id, &job, error);
    return job ? resume_job(jobs, job, error) : r;
}

/* A running job has nothing to accept. */
static int accept_stores(struct jobs *jobs, struct job *job, struct error *error)
{
    bool by_itself = false;
    enum job_state state = job_state_now(job, &by_itself);
    if ((state != JOB_PAUSED && state != JOB_FAILED) || job->broken) {
        return 0;
    }
    keeper_halt(jobs, job); /* it may be retrying right now */
    int r = roots_accept(&job->roots, &jobs->host, error);
    if (r == 0) {
        struct error reason = {.code = ERROR_NONE};
        (void)pthread_mutex_lock(&job->lock);
        reason = job->reason;
        (void)pthread_mutex_unlock(&job->lock);
        bool shown = state == JOB_FAILED;
        r = job_save(job, by_itself ? JOB_WAITING : state, shown ? &reason : NULL, error);
    }
    if (r < 0 && by_itself) {
        keeper_retry(jobs, job);
    }
    return r;
}

int jobs_resume_accepting(struct jobs *jobs, const char *id, struct error *error)
{
    cleanup_control struct job *job = NULL;
    int r = control_take(jobs, id, &job, error);
    if (!job) {
        return r;
    }
    r = accept_stores(jobs, job, error);
    return r < 0 ? r : resume_job(jobs, job, error);
}

/* Exchanges the patterns. The job has no thread: only copies of the spec, made under the lock,
 * use them. */
static void swap_defaults(struct job *job, char **lines)
{
    HOLD(&job->lock);
    char *before = job->spec.select.rules.defaults;
    job->spec.select.rules.defaults = *lines;
    *lines = before;
    job->selected_known = false;
}

static int exclude_in(struct job *job, enum job_state state, bool by_itself, const char *lines,
                      struct error *error)
{
    cleanup_free char *copy = lines ? strdup(lines) : NULL;
    if (lines && !copy) {
        return error_memory(error, NULL);
    }
    swap_defaults(job, &copy);
    int r =
        job_save(job, state == JOB_PAUSED && !by_itself ? JOB_PAUSED : JOB_WAITING, NULL, error);
    if (r < 0) {
        swap_defaults(job, &copy);
    }
    return r;
}

static int exclude_from(struct jobs *jobs, struct job *job, const char *lines, struct error *error)
{
    bool by_itself = false;
    struct exclusion *exclusion = NULL;
    enum job_state state = job_state_now(job, &by_itself);
    if (job->broken || job->spec.has_keys) {
        return error_set(error, ERROR_CONFLICT,
                         "job %s is over a list of names: these are never excluded", job->spec.id);
    }
    int r = exclusion_new(lines, NULL, &exclusion, error);
    exclusion_free(exclusion);
    if (r < 0) {
        return r;
    }
    if (!job_state_is_end(state)) {
        keeper_halt(jobs, job);
        state = job_state_now(job, &by_itself);
    }
    if (job_state_is_end(state)) {
        return conflict(job, "changed", state, error);
    }
    r = exclude_in(job, state, by_itself, lines, error);
    if (state != JOB_PAUSED || by_itself) {
        keeper_queue(jobs, job);
    }
    return r;
}

int jobs_exclude(struct jobs *jobs, const char *id, const char *lines, struct error *error)
{
    cleanup_control struct job *job = NULL;
    int r = control_take(jobs, id, &job, error);
    return job ? exclude_from(jobs, job, lines, error) : r;
}

/* Syncs lines that the disk refused when the thread ended. */
static int sync_rest(struct job *job, struct error *error)
{
    struct job_log *log = NULL;
    (void)pthread_mutex_lock(&job->lock);
    bool open = job->log != NULL;
    (void)pthread_mutex_unlock(&job->lock);
    if (!open) {
        return 0;
    }
    int r = job_log_take(job, &log, error);
    if (r < 0) {
        return r;
    }
    r = job_log_pending(log) > 0 ? job_log_sync(log, error) : 0;
    job_log_release(job);
    return r;
}

static int cancel_job(struct jobs *jobs, struct job *job, struct error *error)
{
    bool by_itself = false;
    enum job_state state = job_state_now(job, &by_itself);
    if (!job_state_is_end(state)) {
        keeper_halt(jobs, job);
        state = job_state_now(job, &by_itself);
    }
    if (state == JOB_CANCELLED) {
        return 0;
    }
    if (job_state_is_end(state)) {
        return conflict(job, "cancelled", state, error);
    }
    struct error fault = {.code = ERROR_NONE};
    int r = sync_rest(job, &fault);
    r = r < 0 ? r : job_save(job, JOB_CANCELLED, NULL, &fault);
    if (r == 0) {
        job_set_state(job, JOB_CANCELLED, NULL);
        job_log_end(job);
        return 0;
    }
    if (state != JOB_PAUSED || by_itself) {
        job_set_state(job, JOB_PAUSED, &fault); /* it continues when the disk accepts it */
        keeper_retry(jobs, job);
    }
    if (error) {
        *error = fault;
    }
    return r;
}

int jobs_cancel(struct jobs *jobs, const char *id, struct error *error)
{
    cleanup_control struct job *job = NULL;
    int r = control_take(jobs, id, &job, error);
    return job ? cancel_job(jobs, job, error) : r;
}

int jobs_remove(struct jobs *jobs, const char *id, struct error *error)
{
    cleanup_control struct job *job = NULL;
    int r = control_take(jobs, id, &job, error);
    if (!job) {
        return r;
    }
    bool by_itself = false;
    keeper_halt(jobs, job);
    enum job_state state = job_state_now(job, &by_itself);
    r = job_delete(jobs, job, "request", error);
    if (r < 0 && !job_state_is_end(state) && (state != JOB_PAUSED || by_itself)) {
        keeper_queue(jobs, job);
    }
    return r;
}
