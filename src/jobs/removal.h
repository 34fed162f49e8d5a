/* SPDX-License-Identifier: Apache-2.0
 *
 * Removing a job. Any thread.
 */
#ifndef SITU_JOBS_REMOVAL_H
#define SITU_JOBS_REMOVAL_H

#include "base/cleanup.h"
#include "base/error.h"
#include "jobs/job_table.h"

/* Removes the job from the table and from the disk, and logs `why`, one word. The job has no
 * thread, `control` is held. */
must_check int job_delete(struct jobs *jobs, struct job *job, const char *why, struct error *error);

#endif
