/* SPDX-License-Identifier: Apache-2.0
 *
 * The keeper, the table's thread: gives places to waiting jobs by priority and age, takes them from
 * jobs of a lower priority, starts and joins the threads of jobs, queues jobs that paused by
 * themselves, and removes what has expired.
 */
#include "jobs/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "jobs/ages.h"
#include "jobs/removal.h"
#include "jobs/thread.h"

enum {
    IDLE_MS = 60000, /* the longest sleep of the keeper */
    LATER_MS = 1000,
    AGES_MS = 3600 *
              1000 /* interval of writing the ages of ended jobs, long enough for a disk to sleep */
};

/* Whether the younger of two waiting jobs goes first: by priority; then the next pass of a
 * standing job, which is short as a rule; then the one whose last turn is longer ago. */
static bool goes_before(const struct job *younger, const struct job *older)
{
    if (younger->spec.priority != older->spec.priority) {
        return younger->spec.priority > older->spec.priority;
    }
    if (younger->has_thread != older->has_thread) {
        return younger->has_thread;
    }
    return younger->placed_ns < older->placed_ns;
}

/* The waiting job that goes first. NULL: none. */
static struct job *first_in_line(struct jobs *jobs)
{
    struct job *best = NULL;
    for (size_t i = 0; i < jobs->count; i++) {
        struct job *job = jobs->all[i];
        if (job->stage == STAGE_QUEUED && (!best || goes_before(job, best))) {
            best = job;
        }
    }
    return best;
}

static void give_place(struct jobs *jobs, struct job *job)
{
    job->stage = STAGE_PLACED;
    job->placed_ns = clock_now_ns();
    job_set_got_on(job, false);
    jobs->placed++;
    if (job->has_thread) {
        (void)pthread_cond_broadcast(&jobs->changed);
        return;
    }
    job->retry_ns = 0;
    int r = pthread_create(&job->thread, NULL, job_thread, job_ref(job));
    if (r != 0) {
        job_unref(job);
        jobs->placed--;
        job->stage = STAGE_IDLE;
        job->retry_ns = clock_now_ns() + jobs->retry_ms * NS_PER_MS;
        log_event(LOG_LEVEL_WARNING, "job_thread_failed", "job=%s errno=%d", job->spec.id, r);
        return;
    }
    job->has_thread = true;
}

/* The placed job of the lowest priority, below `priority`; of equal ones, the younger. NULL:
 * none, or a place is being freed already. */
static struct job *last_in_place(struct jobs *jobs, uint32_t priority)
{
    struct job *last = NULL;
    for (size_t i = 0; i < jobs->count; i++) {
        struct job *job = jobs->all[i];
        if (job->yields) {
            return NULL;
        }
        if (job->stage != STAGE_PLACED || job->spec.priority >= priority) {
            continue;
        }
        if (job_stop_request(job) == STOP_NONE &&
            (!last || job->spec.priority <= last->spec.priority)) {
            last = job;
        }
    }
    return last;
}

/* The placed job of that priority which has had the longest turn. NULL: none whose turn is over;
 * *ret_next_ns is lowered to the time when one may be. A job without progress keeps its place,
 * since it would start again at the same object; so does a pass of a standing job. */
static struct job *had_its_turn(struct jobs *jobs, uint32_t priority, int64_t *ret_next_ns)
{
    struct job *had = NULL;
    for (size_t i = 0; i < jobs->count; i++) {
        struct job *job = jobs->all[i];
        if (job->yields) {
            return NULL;
        }
        if (job->stage != STAGE_PLACED || job->spec.priority != priority || job->spec.standing) {
            continue;
        }
        if (job_stop_request(job) == STOP_NONE && job_got_on(job) &&
            (!had || job->placed_ns < had->placed_ns)) {
            had = job;
        }
    }
    int64_t now_ns = clock_now_ns();
    int64_t over_ns = (had ? had->placed_ns : now_ns) + jobs->turn_ms * NS_PER_MS;
    *ret_next_ns = over_ns < *ret_next_ns ? over_ns : *ret_next_ns;
    return over_ns <= now_ns ? had : NULL;
}

/* If all places are taken, the first waiting job gets the place of a job of a lower priority, or
 * of one of the same priority whose turn is over: otherwise it could wait as long as a job
 * lasts. */
static void make_place(struct jobs *jobs, int64_t *ret_next_ns)
{
    const struct job *first = jobs->placed < LIMIT_JOBS_RUNNING ? NULL : first_in_line(jobs);
    struct job *last = first ? last_in_place(jobs, first->spec.priority) : NULL;
    if (first && !last) {
        last = had_its_turn(jobs, first->spec.priority, ret_next_ns);
    }
    if (last) {
        last->yields = true; /* keeper_halt() clears it */
        job_set_stop_request(last, STOP_HALT);
    }
}

/* With the table locked: the caller notifies readers. */
static void show_waiting(struct job *job)
{
    job->state = JOB_WAITING;
    job->reason.code = ERROR_NONE;
    job->finished_s = 0;
}

/* After the thread was joined. The job waits again if it gave its place to another or was
 * resumed meanwhile, and did not end by itself. */
static void queue_again(struct job *job)
{
    bool resumed = job->again;
    job->again = false;
    if (job->yields) {
        job->yields = false;
        job_set_stop_request(job, STOP_NONE);
    }
    HOLD(&job->lock);
    if (job_state_is_end(job->state) || (job->retry_ns > 0 && !resumed)) {
        return;
    }
    job->stage = STAGE_QUEUED;
    job->retry_ns = 0;
    if (resumed || job->state == JOB_RUNNING) {
        show_waiting(job);
    }
}

/* True if a thread was joined: the table was unlocked meanwhile. */
static bool join_one(struct jobs *jobs)
{
    for (size_t i = 0; i < jobs->count; i++) {
        struct job *job = jobs->all[i];
        if (job->stage == STAGE_OVER) {
            (void)pthread_mutex_unlock(&jobs->lock);
            (void)pthread_join(job->thread, NULL); /* it is returning */
            (void)pthread_mutex_lock(&jobs->lock);
            job->has_thread = false;
            job->stage = STAGE_IDLE; /* only this thread changes STAGE_OVER */
            if (job->yields || job->again) {
                queue_again(job);
            }
            (void)pthread_cond_broadcast(&jobs->changed);
            return true;
        }
    }
    return false;
}

/* The time until removal, at most a day: the keeper looks again then. The age is on the
 * monotonic clock: the time of day may jump. */
static int64_t seconds_left(int64_t age_ns, uint64_t keep_s)
{
    const uint64_t day_s = 86400;
    uint64_t age_s = age_ns > 0 ? (uint64_t)(age_ns / NS_PER_S) : 0;
    uint64_t left_s = age_s < keep_s ? keep_s - age_s : 0;
    return (int64_t)(left_s < day_s ? left_s : day_s);
}

/* When the job is to be removed, by clock_now_ns(); 0 for never. */
static int64_t expiry_of(struct jobs *jobs, struct job *job, int64_t now_ns)
{
    if (job->stage != STAGE_IDLE) {
        return 0;
    }
    int64_t expiry_ns = job->remove_ns;
    HOLD(&job->lock);
    if (jobs->keep_s > 0 && job_state_is_end(job->state) && !job->broken) {
        int64_t at_ns = now_ns + seconds_left(now_ns - job->ended_ns, jobs->keep_s) * NS_PER_S;
        expiry_ns = expiry_ns == 0 || at_ns < expiry_ns ? at_ns : expiry_ns;
    }
    return expiry_ns > 0 && expiry_ns < job->expire_after_ns ? job->expire_after_ns : expiry_ns;
}

/* Removes an expired job, with the table unlocked. The holder of its `control` may be waiting
 * for this thread, so it is not waited for. */
static void expire(struct jobs *jobs, struct job *job)
{
    bool delivered = job->remove_ns > 0;
    (void)job_ref(job);
    (void)pthread_mutex_unlock(&jobs->lock);
    bool by_itself = false;
    int r = -EBUSY;
    if (pthread_mutex_trylock(&job->control) == 0) {
        if (job_state_is_end(job_state_now(job, &by_itself))) {
            struct error error = {.code = ERROR_NONE};
            r = job_delete(jobs, job, delivered ? "delivered" : "expired", &error);
            if (r < 0) {
                log_event(LOG_LEVEL_WARNING, "job_not_removed", "job=%s code=%s", job->spec.id,
                          error_code_name(error.code));
            }
        }
        (void)pthread_mutex_unlock(&job->control);
    }
    (void)pthread_mutex_lock(&jobs->lock);
    if (r < 0) {
        job->expire_after_ns = clock_now_ns() + LATER_MS * NS_PER_MS;
    }
    job_unref(job);
}

/* With the table locked. A holder of `control` has found the job without a thread. */
static void make_up(struct job *job, int64_t now_ns)
{
    bool by_itself = false;
    if (pthread_mutex_trylock(&job->control) != 0) {
        job->retry_ns = now_ns + LATER_MS * NS_PER_MS;
        return;
    }
    job->lacking = false;
    job->retry_ns = 0;
    if (job_state_now(job, &by_itself) == JOB_WAITING) {
        job->stage = STAGE_QUEUED;
    }
    (void)pthread_mutex_unlock(&job->control);
}

/* Writes or removes the mark of a delivered job, with the table unlocked: true. If the disk
 * refuses it, the job stays longer after the next start. */
static bool mark_one(struct jobs *jobs)
{
    for (size_t i = 0; i < jobs->count; i++) {
        struct job *job = jobs->all[i];
        bool delivered = job->remove_ns > 0;
        if (job->marked == delivered) {
            continue;
        }
        job->marked = delivered;
        (void)job_ref(job);
        (void)pthread_mutex_unlock(&jobs->lock);
        char *path = job_path(job, DELIVERED_NAME);
        if (path && delivered) {
            int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
            if (fd >= 0) {
                (void)close(fd);
            }
        } else if (path) {
            (void)unlink(path);
        }
        free(path);
        (void)pthread_mutex_lock(&jobs->lock);
        job_unref(job);
        return true;
    }
    return false;
}

/* Does what is due; *ret_next_ns is the time of the next task. True if the table was unlocked. */
static bool do_what_is_due(struct jobs *jobs, int64_t now_ns, int64_t *ret_next_ns)
{
    *ret_next_ns = now_ns + IDLE_MS * NS_PER_MS;
    for (size_t i = 0; i < jobs->count; i++) {
        struct job *job = jobs->all[i];
        int64_t expiry_ns = expiry_of(jobs, job, now_ns);
        if (job->stage == STAGE_IDLE && job->lacking && job->retry_ns <= now_ns) {
            make_up(job, now_ns);
        } else if (job->stage == STAGE_IDLE && job->retry_ns > 0 && job->retry_ns <= now_ns) {
            job->stage = STAGE_QUEUED;
            job->retry_ns = 0;
        } else if (expiry_ns > 0 && expiry_ns <= now_ns) {
            expire(jobs, job);
            return true;
        }
        if (job->retry_ns > 0 && job->retry_ns < *ret_next_ns) {
            *ret_next_ns = job->retry_ns;
        }
        if (expiry_ns > now_ns && expiry_ns < *ret_next_ns) {
            *ret_next_ns = expiry_ns;
        }
    }
    return false;
}

/* ---- ages ---- */

/* The ages of all ended jobs; the caller frees them. With the table locked. */
static struct age *gather_ages(struct jobs *jobs, size_t *ret_count)
{
    struct age *ages = calloc(jobs->count + 1, sizeof *ages);
    int64_t now_ns = clock_now_ns();
    for (size_t i = 0; ages && i < jobs->count; i++) {
        struct job *job = jobs->all[i];
        HOLD(&job->lock);
        if (job_state_is_end(job->state) && !job->broken) {
            struct age *age = &ages[(*ret_count)++];
            memcpy(age->id, job->spec.id, sizeof age->id);
            age->seconds = (now_ns - job->ended_ns) / NS_PER_S;
        }
    }
    return ages;
}

/* Writes the ages, with the table unlocked. */
static void save_ages(struct jobs *jobs)
{
    char text[2 * ERROR_MESSAGE_SIZE];
    struct error error = {.code = ERROR_NONE};
    size_t count = 0;
    jobs->ages_due_ns = clock_now_ns() + AGES_MS * NS_PER_MS;
    struct age *ages = jobs->keep_s > 0 ? gather_ages(jobs, &count) : NULL;
    if (count > 0) {
        (void)pthread_mutex_unlock(&jobs->lock);
        if (ages_write(jobs->directory, ages, count, &error) < 0) {
            log_event(LOG_LEVEL_WARNING, "job_ages_not_written", "reason=%s",
                      log_quote(text, sizeof text, error.message));
        }
        (void)pthread_mutex_lock(&jobs->lock);
    }
    free(ages);
}

static bool all_idle(const struct jobs *jobs)
{
    for (size_t i = 0; i < jobs->count; i++) {
        if (jobs->all[i]->has_thread) {
            return false;
        }
    }
    return true;
}

static void *keeper_thread(void *context)
{
    struct jobs *jobs = context;
    HOLD(&jobs->lock);
    while (!jobs->stopping || !all_idle(jobs)) {
        int64_t next_ns = clock_now_ns() + IDLE_MS * NS_PER_MS;
        if (join_one(jobs) || mark_one(jobs)) {
            continue;
        }
        if (!jobs->stopping) {
            if (clock_now_ns() >= jobs->ages_due_ns) {
                save_ages(jobs);
                continue;
            }
            if (do_what_is_due(jobs, clock_now_ns(), &next_ns)) {
                continue;
            }
            struct job *job = NULL;
            while (jobs->placed < LIMIT_JOBS_RUNNING && (job = first_in_line(jobs)) != NULL) {
                give_place(jobs, job);
            }
            make_place(jobs, &next_ns);
        }
        (void)clock_wait(&jobs->changed, &jobs->lock, next_ns);
    }
    while (mark_one(jobs)) {
    }
    save_ages(jobs);
    return NULL;
}

int keeper_start(struct jobs *jobs)
{
    jobs->ages_due_ns = clock_now_ns() + AGES_MS * NS_PER_MS;
    int r = pthread_create(&jobs->keeper, NULL, keeper_thread, jobs);
    jobs->keeper_runs = r == 0;
    return -r;
}

void keeper_halt(struct jobs *jobs, struct job *job)
{
    HOLD(&jobs->lock);
    job->yields = false;
    job->again = false;
    if (job->stage == STAGE_QUEUED && !job->has_thread) {
        job->stage = STAGE_IDLE;
    }
    if (job->stage != STAGE_IDLE) {
        job_set_stop_request(job, STOP_HALT);
        (void)pthread_cond_broadcast(&jobs->changed);
        while (job->stage != STAGE_IDLE) {
            (void)pthread_cond_wait(&jobs->changed, &jobs->lock);
        }
    }
    job->retry_ns = 0;
    job->lacking = false;
    job_set_stop_request(job, STOP_NONE);
}

void keeper_queue(struct jobs *jobs, struct job *job)
{
    HOLD(&jobs->lock);
    job->remove_ns = 0;
    job->retry_ns = 0;
    if (job->stage == STAGE_IDLE) {
        job->stage = STAGE_QUEUED;
        (void)pthread_cond_broadcast(&jobs->changed);
    }
}

void keeper_retry(struct jobs *jobs, struct job *job)
{
    HOLD(&jobs->lock);
    job->retry_ns = clock_now_ns() + jobs->retry_ms * NS_PER_MS;
    (void)pthread_cond_broadcast(&jobs->changed);
}

void jobs_try_again(struct jobs *jobs)
{
    HOLD(&jobs->lock);
    int64_t now_ns = clock_now_ns();
    for (size_t i = 0; i < jobs->count; i++) {
        struct job *job = jobs->all[i];
        if (job->retry_ns > now_ns && !job->lacking) {
            job->retry_ns = now_ns;
        }
    }
    (void)pthread_cond_broadcast(&jobs->changed);
}

void keeper_resume(struct jobs *jobs, struct job *job, enum job_state seen)
{
    (void)pthread_mutex_lock(&jobs->lock);
    (void)pthread_mutex_lock(&job->lock);
    bool ended = job_state_is_end(job->state);
    bool goes = !ended || job->state == seen; /* otherwise it has ended since */
    bool idle = goes && job->stage == STAGE_IDLE;
    if (idle || (goes && (job->stage == STAGE_OVER || ended))) {
        show_waiting(job); /* its thread, if any, sets no other state */
    }
    (void)pthread_mutex_unlock(&job->lock);
    if (idle) {
        job->remove_ns = 0;
        job->retry_ns = 0;
        job->stage = STAGE_QUEUED;
        (void)pthread_cond_broadcast(&jobs->changed);
    } else if (goes && (job->stage == STAGE_PLACED || job->stage == STAGE_OVER)) {
        job->remove_ns = 0;
        job->again = true; /* one try more than needed, if it was just retrying */
    }
    (void)pthread_mutex_unlock(&jobs->lock);
    job_notify(job);
}
