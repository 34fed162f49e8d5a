/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts the whole selection of a job in its own thread while the job runs, so that its progress is
 * known. At most one per job; started, stopped and freed by the job's thread.
 */
#ifndef SITU_JOBS_COUNTER_H
#define SITU_JOBS_COUNTER_H

#include <stdint.h>

#include "base/cleanup.h"

struct job;
struct left_out;
struct counter;

/* Starts. NULL: no memory, the selection stays uncounted. */
struct counter *counter_new(struct job *job, const char *keys_path);
/* Waits for the count, or for a stop request. */
void counter_wait(struct counter *counter);
void counter_free(struct counter *counter); /* stops it; NULL is fine */

/* Publishes a count to the readers of the job. */
void counter_publish(struct job *job, uint64_t selected, const struct left_out *left_out);

#endif
