/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread of a job with a place: one run, or, for a standing job, one run per pass, with a rest
 * between them that a change in the store ends early.
 */
#include "jobs/thread.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "jobs/job_table.h"
#include "jobs/runner.h"
#include "store/exclusion.h"

enum { DEBOUNCE_MS = 1000 /* changes often come together */ };

static void rest_state(struct job *job, bool between_passes)
{
    (void)pthread_mutex_lock(&job->lock);
    job->between_passes = between_passes;
    (void)pthread_mutex_unlock(&job->lock);
    job_notify(job);
}

/* Waits until then. False: there is a stop request. */
static bool sleep_until(struct job *job, int64_t until_ns)
{
    HOLD(&job->lock);
    while (job->stop_request == STOP_NONE) {
        if (clock_wait(&job->wake, &job->lock, until_ns) == -ETIMEDOUT) {
            return true;
        }
    }
    return false;
}

static struct store_watch *watch_of(struct job *job, const struct exclusion *exclusion)
{
    const struct jobs_host *host = &job->jobs->host;
    const char *name = job->spec.select.store;
    struct store *store = host->store_find(host->context, name, strlen(name), NULL);
    struct store_watch *watch = NULL;
    bool partial = false;
    if (!store ||
        store_watch_new(store, job->spec.select.prefix, exclusion, &watch, &partial, NULL) < 0) {
        return NULL; /* then only the interval counts */
    }
    struct store_condition condition;
    store_condition(store, &condition);
    if (partial && condition.available) {
        log_event(LOG_LEVEL_INFO, "job_watch_partial", "job=%s", job->spec.id);
    }
    return watch;
}

/* Lets stop requests cancel the watch. False: there is one already. */
static bool lend_watch(struct job *job, struct store_watch *watch)
{
    HOLD(&job->lock);
    job->watch = job->stop_request == STOP_NONE ? watch : NULL;
    return job->watch != NULL;
}

static void take_watch_back(struct job *job)
{
    HOLD(&job->lock);
    job->watch = NULL;
}

/* Waits for a change, or the end of the interval. False: there is a stop request. */
static bool wait_for_change(struct job *job, struct store_watch *watch)
{
    bool soon = job->restless > 0 && job->restless < RESTLESS_MAX;
    int64_t wait_ms = soon ? RESTLESS_MS : job->spec.interval_s * INT64_C(1000);
    int64_t until_ns = clock_now_ns() + wait_ms * NS_PER_MS;
    if (!watch) {
        return sleep_until(job, until_ns);
    }
    if (!lend_watch(job, watch)) {
        return false;
    }
    int r = store_watch_wait(watch, wait_ms);
    take_watch_back(job);
    if (r == 0) {
        return job_stop_request(job) == STOP_NONE;
    }
    int64_t settled_ns = clock_now_ns() + DEBOUNCE_MS * NS_PER_MS;
    return sleep_until(job, r > 0 && settled_ns < until_ns ? settled_ns : until_ns);
}

static void leave_place(struct job *job)
{
    struct jobs *jobs = job->jobs;
    HOLD(&jobs->lock);
    job->stage = STAGE_RESTING;
    jobs->placed--;
    (void)pthread_cond_broadcast(&jobs->changed);
}

/* Waits for a place. False: there is a stop request. */
static bool await_place(struct job *job)
{
    struct jobs *jobs = job->jobs;
    HOLD(&jobs->lock);
    job->stage = STAGE_QUEUED;
    (void)pthread_cond_broadcast(&jobs->changed);
    while (job->stage == STAGE_QUEUED && job_stop_request(job) == STOP_NONE) {
        (void)pthread_cond_wait(&jobs->changed, &jobs->lock);
    }
    return job_stop_request(job) == STOP_NONE;
}

/* The rest between two passes. False: there is a stop request. */
static bool rest(struct job *job, struct store_watch *watch)
{
    leave_place(job);
    rest_state(job, true);
    bool on = wait_for_change(job, watch) && await_place(job);
    rest_state(job, false);
    return on;
}

/* Logged for a new reason, not for every try. */
static void pause_by_itself(struct job *job, const struct error *reason)
{
    char text[2 * ERROR_MESSAGE_SIZE];
    (void)pthread_mutex_lock(&job->lock);
    bool news = job->state != JOB_PAUSED || job->reason.code != reason->code;
    (void)pthread_mutex_unlock(&job->lock);
    job_set_state(job, JOB_PAUSED, reason);
    if (news) {
        log_event(LOG_LEVEL_WARNING, "job_paused", "job=%s code=%s reason=%s", job->spec.id,
                  error_code_name(reason->code), log_quote(text, sizeof text, reason->message));
    }
}

/* Saves the end of the run as the state of the job. If that fails the job pauses: the next try
 * has only to save it. */
static enum run_end settle(struct job *job, enum run_end end, struct error *reason)
{
    struct error error = {.code = ERROR_NONE};
    enum job_state state = end == RUN_COMPLETE ? JOB_DONE : JOB_FAILED;
    const struct error *why = end == RUN_FAILED ? reason : NULL;
    if ((end == RUN_COMPLETE || end == RUN_FAILED) && job_save(job, state, why, &error) < 0) {
        *reason = error;
        end = RUN_PAUSED;
    }
    if (end == RUN_PAUSED) {
        pause_by_itself(job, reason);
    } else if (end != RUN_STOPPED) {
        job_set_state(job, state, why);
        job_log_end(job);
    }
    return end;
}

/* The last step of the thread: frees the place, and lets the keeper join it. */
static void leave(struct job *job, enum run_end end)
{
    struct jobs *jobs = job->jobs;
    HOLD(&jobs->lock);
    jobs->placed -= job->stage == STAGE_PLACED;
    job->stage = STAGE_OVER;
    job->retry_ns = end == RUN_PAUSED ? clock_now_ns() + jobs->retry_ms * NS_PER_MS : 0;
    (void)pthread_cond_broadcast(&jobs->changed);
}

void *job_thread(void *context)
{
    struct job *job = context;
    struct error reason = {.code = ERROR_NONE};
    bool by_itself = false;
    struct exclusion *exclusion =
        NULL; /* for the watch; without it the watch reports more changes */
    (void)!exclusion_new(job->spec.select.rules.exclude, job->spec.select.rules.defaults,
                         &exclusion, NULL);
    struct store_watch *watch = job->spec.standing ? watch_of(job, exclusion) : NULL;
    if (job_state_now(job, &by_itself) == JOB_WAITING) {
        job_set_state(job, JOB_RUNNING, NULL);
    }
    enum run_end end = runner_run(job, &reason);
    while (end == RUN_COMPLETE && job->spec.standing) {
        job_goes_on(job);
        if (!rest(job, watch)) {
            end = RUN_STOPPED;
            break;
        }
        end = runner_run(job, &reason);
    }
    store_watch_free(watch);
    exclusion_free(exclusion);
    end = settle(job, end, &reason);
    leave(job, end);
    job_unref(job);
    return NULL;
}
