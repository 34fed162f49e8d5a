/* SPDX-License-Identifier: Apache-2.0
 *
 * Control of a job: one pause, resume, cancel or removal at a time. Any thread.
 */
#ifndef SITU_JOBS_CONTROL_H
#define SITU_JOBS_CONTROL_H

#include "base/cleanup.h"
#include "base/error.h"
#include "jobs/job_table.h"

/* The job, referenced, with its `control` locked. ERROR_NOT_FOUND, ERROR_UNAVAILABLE. */
must_check int control_take(struct jobs *jobs, const char *id, struct job **ret_job,
                            struct error *error);
void control_leave(struct job *job); /* NULL is fine */
static inline void cleanup_control_function(struct job **job)
{
    control_leave(*job);
}
#define cleanup_control __attribute__((cleanup(cleanup_control_function)))

#endif
