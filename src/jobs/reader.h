/* SPDX-License-Identifier: Apache-2.0
 *
 * A reader of results, as the job sees it: an element of its list, guarded by the job's lock except
 * for what only the reader's own thread uses. It references the job and the log, so that both
 * outlive the removal of the job.
 */
#ifndef SITU_JOBS_READER_H
#define SITU_JOBS_READER_H

#include <stdint.h>

#include "jobs/job_log.h"
#include "jobs/jobs.h"

struct jobs_reader {
    struct job *job;            /* referenced */
    struct job_log *log;        /* taken from the job */
    struct job_log_place place; /* the reader's thread only */
    void (*woken)(void *context);
    void *context;
    struct jobs_reader *next; /* guarded by job->lock, as all below */
    uint64_t news_seen;       /* of job->news, before the last read */
    unsigned calls;           /* running calls of `woken` */
};

#endif
