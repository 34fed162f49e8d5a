/* SPDX-License-Identifier: Apache-2.0
 *
 * The keeper, and the requests to it. Any thread.
 */
#ifndef SITU_JOBS_KEEPER_H
#define SITU_JOBS_KEEPER_H

#include "base/cleanup.h"
#include "jobs/job_table.h"

must_check int keeper_start(struct jobs *jobs);
/* Stops the thread of `job` and waits for its end; the job is not queued any more. */
void keeper_halt(struct jobs *jobs, struct job *job);
/* Queues a job that has no thread, at once or after retry_ms. */
void keeper_queue(struct jobs *jobs, struct job *job);
void keeper_retry(struct jobs *jobs, struct job *job);
/* Queues a job and shows it as waiting, unless it runs: at once, or when its thread, which may
 * be ending, is joined. `seen` is the state that the caller found. */
void keeper_resume(struct jobs *jobs, struct job *job, enum job_state seen);

#endif
