/* SPDX-License-Identifier: Apache-2.0
 *
 * One job: its memory, its state, its locks, and which thread may do what. While the job has a
 * thread, only that one writes its files; otherwise the holder of `control` does.
 */
#ifndef SITU_JOBS_JOB_H
#define SITU_JOBS_JOB_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "jobs/job_log.h"
#include "jobs/jobs.h"
#include "jobs/roots.h"
#include "store/store.h"

/* Names in the directory of a job: a standing one's table of known objects, a damaged table that
 * was renamed, and an empty file that marks a job as delivered: it is removed a minute later. */
#define TABLE_NAME "known"
#define TABLE_ASIDE TABLE_NAME ".damaged"
#define DELIVERED_NAME "delivered"

/* A standing job looks again at objects that are still changing after this time, and this many
 * times; then it infers them as they are. */
enum { RESTLESS_MS = 1000, RESTLESS_MAX = 20 };

enum job_stage {
    STAGE_IDLE,    /* no thread: paused, or ended */
    STAGE_QUEUED,  /* waits for a place; the thread of a standing job waits with it */
    STAGE_PLACED,  /* has one of the LIMIT_JOBS_RUNNING places */
    STAGE_RESTING, /* a standing job between two passes: a thread, no place */
    STAGE_OVER     /* its thread has ended and is to be joined */
};

/* The stop request to the thread of a job. */
enum job_stop_request {
    STOP_NONE,
    STOP_HALT,    /* pause, cancel, removal */
    STOP_SHUTDOWN /* jobs_stop */
};

struct job {
    struct jobs *jobs;      /* borrowed; outlives it */
    atomic_uint references; /* held by the table, each reader, each call */
    unsigned restless;      /* the thread's: passes in a row that left changing objects out */
    struct job_spec spec;   /* owned; constant, except for rules.defaults: guarded by `lock`, and
                             * changed by the holder of `control` while the job has no thread */
    char *directory;        /* owned; constant */
    bool broken;            /* constant: its job.json cannot be read; its log may be readable */
    atomic_bool halting;    /* there is a stop request: long operations return early */
    struct roots roots;     /* owned; see roots.h for its thread rule */

    /* Locks, in the order in which they are taken: control, the lock of the table, opening,
     * lock. None is held over a call of store, disk or host unless noted. */

    pthread_mutex_t control; /* one pause, resume, cancel or removal at a time. Held until it is
                              * complete, including disk writes and the end of the thread; only
                              * these operations wait for it */

    /* Guarded by the lock of the table. */
    enum job_stage stage;
    bool has_thread;
    bool lacking; /* it was done, but its log has lost results: to be queued */
    bool yields;  /* the keeper has asked it to give its place to another job */
    pthread_t thread;
    int64_t placed_ns; /* when it last got a place; 0: never */
    int64_t retry_ns;  /* paused by itself: when it is queued again (monotonic); 0: not set */
    int64_t remove_ns; /* delivered, without `keep`: when it is removed (monotonic); 0: not set */
    int64_t expire_after_ns; /* its removal failed: not tried again before */
    bool marked;             /* the file DELIVERED_NAME exists, for the next start */
    bool again; /* resumed while its thread ended, or might be ending: queued when that is joined */

    pthread_mutex_t opening; /* held while the log is opened: it is opened once */

    pthread_mutex_t lock;       /* guards all below, and the window of the runner */
    pthread_cond_t wake;        /* for its thread: a stop request, or objects that came back */
    pthread_cond_t reader_wake; /* for readers: new lines, another state, a returned callback */
    enum job_stop_request stop_request;
    enum job_state state;
    struct error reason;
    bool got_on; /* a line was synced since it got its place */
    bool removed;
    bool stopped; /* jobs_stop() */
    bool between_passes;
    bool selected_known;
    bool unsaved;      /* the selection or the roots changed since job.json was written */
    bool counted;      /* `count` is known */
    bool totals_known; /* `totals` are known; set when the log is closed */
    bool began_anew;
    uint64_t selected;
    uint64_t gone; /* of these, without a line; set at the end of a job that is not standing */
    struct left_out left_out;
    uint64_t pass;
    uint64_t failed_before;
    struct known_count count; /* as of the last synced line */
    uint64_t table_lines; /* lines of the log that are committed to the table of known objects */
    int64_t finished_s;
    int64_t ended_ns; /* if finished_s is not 0: the end on the monotonic clock, corrected so that
                       * only time counts in which situd ran */
    struct job_log *log; /* owned; NULL while nobody uses it */
    unsigned log_users;
    struct job_log_totals totals;
    struct store_watch *watch;   /* borrowed from the thread while it waits on it */
    struct jobs_reader *readers; /* linked; borrowed */
    uint64_t news;               /* a counter of changes that readers look for */
};

/* Takes ownership of the contents of `spec` in any case. -ENOMEM. */
must_check int job_new(struct jobs *jobs, struct job_spec *spec, struct job **ret_job);
struct job *job_ref(struct job *job);
void job_unref(struct job *job); /* NULL is fine */

static inline void cleanup_job_function(struct job **job)
{
    job_unref(*job);
}
#define cleanup_job __attribute__((cleanup(cleanup_job_function)))

enum job_stop_request job_stop_request(struct job *job);
void job_set_stop_request(struct job *job, enum job_stop_request request); /* wakes its thread */

/* Logs the event job_ended. */
void job_log_end(struct job *job);
/* Sets the state that readers and lists see, and notifies readers. `reason` may be NULL. */
void job_set_state(struct job *job, enum job_state state, const struct error *reason);
enum job_state job_state_now(struct job *job, bool *ret_by_itself);
/* Shows the job as running, once a run has made progress: a job that retries after a pause by
 * itself shows the pause until then. */
void job_goes_on(struct job *job);
bool job_got_on(struct job *job);
void job_set_got_on(struct job *job, bool got_on);
/* Wakes the readers and calls their callbacks. Without locks. */
void job_notify(struct job *job);

/* Writes job.json with this state and what is known of the job. */
must_check int job_save(struct job *job, enum job_state state, const struct error *reason,
                        struct error *error);

/* The log of the job, opened if it is not; stays open until it is released. */
must_check int job_log_take(struct job *job, struct job_log **ret_log, struct error *error);
void job_log_release(struct job *job);

must_check int job_info_fill(struct job *job, struct job_info *ret_info);
/* The same without the counts of the log: reads no file. */
must_check int job_info_fill_brief(struct job *job, struct job_info *ret_info);

/* A path in the job's directory; the caller frees it. NULL: no memory. */
char *job_path(const struct job *job, const char *name);

#endif
