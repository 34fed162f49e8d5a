/* SPDX-License-Identifier: Apache-2.0
 *
 * Releasing results. The job itself needs the lines of its log that are not committed to its table
 * of known objects, and the last line: these are kept.
 */
#include "jobs/job_table.h"

int jobs_release(struct jobs *jobs, const char *id, uint64_t before, struct error *error)
{
    cleanup_job struct job *job = NULL;
    struct job_log *log = NULL;
    int r = jobs_find(jobs, id, &job, error);
    if (r < 0) {
        return r;
    }
    if (!job->spec.standing) {
        return error_set(error, ERROR_CONFLICT,
                         "job %s is not a standing job: its results are kept until it is removed",
                         id);
    }
    (void)pthread_mutex_lock(&job->lock);
    uint64_t needed = job->table_lines;
    (void)pthread_mutex_unlock(&job->lock);
    if (job->broken || needed == 0) {
        return 0;
    }
    r = job_log_take(job, &log, error);
    if (r == 0) {
        r = job_log_drop(log, before < needed ? before : needed, error);
        job_log_release(job);
    }
    return r;
}
