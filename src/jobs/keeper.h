/* SPDX-License-Identifier: Apache-2.0
 *
 * The keeper, and what is asked of it. Any thread.
 */
#ifndef SITU_JOBS_KEEPER_H
#define SITU_JOBS_KEEPER_H

#include "base/cleanup.h"
#include "jobs/job_table.h"

must_check int keeper_start(struct jobs *jobs);
/* Waits until `job` has no thread, asking it to come to its end; it is not queued any more. */
void keeper_halt(struct jobs *jobs, struct job *job);
/* Queues a job without thread, at once or after retry_ms. */
void keeper_queue(struct jobs *jobs, struct job *job);
void keeper_retry(struct jobs *jobs, struct job *job);
/* Queues it, and shows that it waits, unless it goes already: at once, or when its thread is
 * joined, which may have its end before it still. `seen` is the state in which it was found. */
void keeper_resume(struct jobs *jobs, struct job *job, enum job_state seen);

#endif
