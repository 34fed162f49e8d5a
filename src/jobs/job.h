/* SPDX-License-Identifier: Apache-2.0
 *
 * One job: its memory, its state, its locks, and which thread may do what. Its thread is the only
 * writer of its files while it has one; otherwise the holder of `control` is.
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

#define TABLE_NAME "known" /* a standing job's table of known objects, in its directory */
#define DELIVERED_NAME                                                                             \
    "delivered" /* empty, in the directory of a job that is to go a minute later */
#define TABLE_ASIDE TABLE_NAME ".damaged" /* one that was, set aside */

/* A standing job comes back to what still changes after so long, and so often; then it takes it as
 * it is. */
enum { RESTLESS_MS = 1000, RESTLESS_MAX = 20 };

enum job_stage {
    STAGE_IDLE,    /* no thread: paused, or ended */
    STAGE_QUEUED,  /* waits for a place; a standing job's thread waits with it */
    STAGE_PLACED,  /* has one of the LIMIT_JOBS_RUNNING places */
    STAGE_RESTING, /* a standing job between two passes: a thread, no place */
    STAGE_OVER     /* its thread is at its end, to be joined */
};

/* What is asked of a job's thread. */
enum job_stop_request {
    STOP_NONE,
    STOP_HALT /* pause, cancel, removal */,
    STOP_SHUTDOWN /* jobs_stop */
};

struct job {
    struct jobs *jobs;      /* borrowed; outlives it */
    atomic_uint references; /* the table's, each reader's, each call's */
    unsigned restless;      /* the thread's own: passes in a row that left out what still changes */
    struct job_spec spec; /* owned; constant, but for rules.defaults: guarded by `lock`, and changed
                           * while it has no thread, by who holds `control` */
    char *directory;      /* owned; constant */
    bool broken;          /* constant: its job.json cannot be read; its log can */
    atomic_bool halting;  /* there is a wish: what may take long comes back early */
    struct roots roots;   /* owned; see roots.h for whose it is */

    /* Locks in the order in which they are taken: control, the table's, opening, lock. None is held
     * over a call of store, disk or host but where that is said. */

    pthread_mutex_t control; /* one pause, resume, cancel or removal at a time. Held over all of it,
                              * the disk and the thread's way out included; nothing but these waits
                              * for it */

    /* Guarded by the table's lock. */
    enum job_stage stage;
    bool has_thread;
    bool lacking; /* it was done, and its log has lost results: to be queued */
    bool yields;  /* the keeper has asked it to give its place to one of a higher priority */
    pthread_t thread;
    int64_t placed_ns;       /* when it was given its last place; 0: it never had one */
    int64_t retry_ns;        /* paused by itself: when it is queued again (monotonic); 0: not */
    int64_t remove_ns;       /* delivered, not to be kept: when it goes (monotonic); 0: not */
    int64_t expire_after_ns; /* it could not be removed when its time had come */
    bool marked;             /* remove_ns, for the next start: the file DELIVERED_NAME is there */
    bool again; /* resumed while its thread was at its end, or might be: queued when it is joined */

    pthread_mutex_t opening; /* held while the log is opened, so that there is one of it */

    pthread_mutex_t lock; /* guards all below, and the window of the runner */
    pthread_cond_t wake;  /* the job's thread: a wish, or objects that came back */
    pthread_cond_t
        reader_wake; /* readers: lines were synced, the state changed, a callback ended */
    enum job_stop_request stop_request;
    enum job_state state;
    struct error reason;
    bool got_on; /* a line was synced since it was given its place */
    bool removed;
    bool stopped; /* jobs_stop() */
    bool between_passes;
    bool selected_known;
    bool unsaved;      /* what was selected, or the roots, since job.json was written */
    bool counted;      /* the table of known objects: `count` is known */
    bool totals_known; /* of a log that is closed */
    bool began_anew;
    uint64_t selected;
    uint64_t gone; /* of these, at the end of a job that does not stand: without a line */
    struct left_out left_out;
    uint64_t pass;
    uint64_t failed_before;
    struct known_count count; /* as of its last synced line */
    uint64_t table_lines; /* of the log, that the table of known objects has taken in for good */
    int64_t finished_s;
    int64_t ended_ns; /* where finished_s is not 0: when, by the monotonic clock, as if it had gone
                       * on running while situd did not, and had not gone meanwhile */
    struct job_log *log; /* owned; NULL while nobody uses it */
    unsigned log_users;
    struct job_log_totals totals;
    struct store_watch *watch;   /* borrowed from the job's thread while it waits with it */
    struct jobs_reader *readers; /* linked; borrowed */
    uint64_t news;               /* counts what readers are told */
};

/* Takes over `spec` in any case. */
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

/* One line of the log for the end of a job. */
void job_log_end(struct job *job);
/* Sets what readers and lists see, and tells the readers. `reason` may be NULL. */
void job_set_state(struct job *job, enum job_state state, const struct error *reason);
enum job_state job_state_now(struct job *job, bool *ret_by_itself);
/* A job that got somewhere shows as running: until then one that tries again after a pause by
 * itself shows that pause. */
void job_goes_on(struct job *job);
bool job_got_on(struct job *job);
void job_set_got_on(struct job *job, bool got_on);
/* There is news: wakes the readers and calls them back. Without locks. */
void job_notify(struct job *job);

/* Writes job.json with this state and what is known of the job. */
must_check int job_save(struct job *job, enum job_state state, const struct error *reason,
                        struct error *error);

/* The job's log, opened where it is not, for as long as it is not released. */
must_check int job_log_take(struct job *job, struct job_log **ret_log, struct error *error);
void job_log_release(struct job *job);

must_check int job_info_fill(struct job *job, struct job_info *ret_info);
/* Without what the log says: no file is read. */
must_check int job_info_fill_brief(struct job *job, struct job_info *ret_info);

/* A path in the job's directory; the caller frees it. NULL: no memory. */
char *job_path(const struct job *job, const char *name);

#endif
