/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams of a job's results to clients that follow it. A few threads serve all of them, however
 * many there are: a stream has a turn when its job has news, when its client has taken what was
 * sent, and when it is time for a line of progress or a sign of life. Any thread may begin one.
 */
#ifndef SITU_API_JOBS_JOB_STREAMS_H
#define SITU_API_JOBS_JOB_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "jobs/jobs.h"

struct call;
struct job_streams;

must_check int job_streams_new(struct jobs *jobs, struct job_streams **ret_streams);

/* Breaks off what streams there are, without waiting for it, and takes no new ones: their clients
 * ask again when situd is back. */
void job_streams_stop(struct job_streams *streams);

/* The same, and waits for the end: before jobs_close(). NULL is fine. */
void job_streams_free(struct job_streams *streams);

struct job_stream_options {
    uint64_t after;
    bool wait;                    /* follow the job to its end; else what is there now */
    bool progress;                /* with lines of progress */
    const struct job_info *first; /* NULL, or the job's object as the first line */
};

/* Answers the call, from another thread, with the results of the job: takes a reference, and the
 * place of the call's state, which the caller has freed. */
void job_streams_follow(struct job_streams *streams, struct call *call, const char *id,
                        const struct job_stream_options *options);

#endif
