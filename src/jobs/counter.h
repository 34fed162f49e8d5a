/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts a job's whole selection on a thread of its own while the job runs, so that its progress
 * can be told. At most one a job; started, stopped and freed by the job's thread.
 */
#ifndef SITU_JOBS_COUNTER_H
#define SITU_JOBS_COUNTER_H

#include <stdint.h>

#include "base/cleanup.h"

struct job;
struct left_out;
struct counter;

/* Starts; a job that cannot be counted for want of memory stays uncounted: NULL. */
struct counter *counter_new(struct job *job, const char *keys_path);
/* Waits for the count, or for a wish to the job. */
void counter_wait(struct counter *counter);
void counter_free(struct counter *counter); /* stops it; NULL is fine */

/* What the count says, told to the job's readers. */
void counter_publish(struct job *job, uint64_t selected, const struct left_out *left_out);

#endif
