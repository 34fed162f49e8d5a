/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams of a job's results to clients that follow it. A few threads serve any number of them: a
 * stream is served when its job has news, when its client has received what was sent, and when a
 * line of progress or a keep-alive is due. Any thread may start one.
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

/* Aborts all streams, without waiting for their end, and refuses new ones: clients retry when situd
 * is back. */
void job_streams_stop(struct job_streams *streams);

/* The same, and waits for their end. Call it before jobs_close(). NULL is fine. */
void job_streams_free(struct job_streams *streams);

struct job_stream_options {
    uint64_t after;
    bool wait;                    /* follow the job to its end; otherwise send the results so far */
    bool progress;                /* with lines of progress */
    const struct job_info *first; /* NULL, or the job's object as the first line */
};

/* Answers the call with the results of the job, from another thread. Takes a reference, and sets
 * the call's state, which must be free. */
void job_streams_follow(struct job_streams *streams, struct call *call, const char *id,
                        const struct job_stream_options *options);

#endif
