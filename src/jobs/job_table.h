/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of jobs, for the files of this room. The keeper is its thread: it starts and joins the
 * threads of jobs and removes what has expired.
 */
#ifndef SITU_JOBS_JOB_TABLE_H
#define SITU_JOBS_JOB_TABLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "jobs/job.h"
#include "jobs/jobs.h"

struct jobs {
    char *directory;                      /* owned; constant. NULL: none */
    struct jobs_host host;                /* constant */
    void (*adopt)(struct job_spec *spec); /* likewise; NULL: none */
    uint32_t sync_ms;
    uint32_t retry_ms;
    uint32_t turn_ms;
    uint32_t delivered_ms;
    uint64_t keep_s;
    struct ages *ages; /* owned; only while the jobs are loaded */

    /* Locks, in the order in which they are taken; `control` of a job comes before both. */

    pthread_mutex_t create; /* one creation at a time, so that a token makes one job. Held over its
                             * disk writes, and over jobs_stop(), so that none comes after that */

    pthread_mutex_t lock;   /* guards all below, and some of each job */
    pthread_cond_t changed; /* for the keeper, and for those who wait for a stage */
    struct job **all;       /* owned, one reference each; oldest first */
    size_t count;
    size_t capacity;
    unsigned placed; /* jobs in STAGE_PLACED */
    bool stopping;
    bool keeper_runs;
    pthread_t keeper;
    int64_t ages_due_ns; /* the keeper's: when the ages of ended jobs are next written */
};

/* The job, referenced. ERROR_NOT_FOUND; ERROR_UNAVAILABLE while stopping. */
must_check int jobs_find(struct jobs *jobs, const char *id, struct job **ret_job,
                         struct error *error);
/* ERROR_NOT_FOUND, in the words for each job that does not exist. */
must_check int jobs_no_such(const char *id, struct error *error);
/* The job of this owner with this token, referenced, or NULL. */
struct job *jobs_find_token(struct jobs *jobs, const char *owner, const char *token);
/* All jobs, each referenced; the caller frees the array. ERROR_UNAVAILABLE while stopping;
 * -ENOMEM. */
must_check int jobs_reference_all(struct jobs *jobs, struct job ***ret_all, size_t *ret_count);

/* With the table locked: */
bool jobs_has(const struct jobs *jobs, const char *id);
must_check int jobs_reserve(struct jobs *jobs); /* room for one more; -ENOMEM */

/* Removes the job from the table and drops the reference of the table. False: it was not there. */
bool jobs_drop(struct jobs *jobs, struct job *job);

#endif
