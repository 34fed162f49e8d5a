/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs as JSON: the job object, and the lines of a stream of results that are not results.
 */
#ifndef SITU_API_JOBS_JOB_OBJECT_H
#define SITU_API_JOBS_JOB_OBJECT_H

#include "base/json_write.h"
#include "jobs/jobs.h"

/* The job object, {"id":...}. */
void job_put_json(struct json_writer *w, const char *key, const struct job_info *info);

/* Whole lines: {"job":...}, {"progress":...}, {"done":...}, {"more":{"after":N}}. */
void job_write_job_line(struct buffer *out, const struct job_info *info);
void job_write_progress_line(struct buffer *out, const struct job_info *info);
void job_write_done_line(struct buffer *out, const struct job_info *info);
void job_write_more_line(struct buffer *out, uint64_t position);

#endif
