/* SPDX-License-Identifier: Apache-2.0
 *
 * Removing a job: its directory is renamed first, so that the next start deletes it whatever
 * happens; then the job leaves the table, and its files are deleted.
 */
#include "jobs/removal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/tree.h"
#include "base/whole_file.h"

/* Renames the directory to a name that the next start deletes. */
static int put_aside(const struct jobs *jobs, const struct job *job, char **ret_path,
                     struct error *error)
{
    cleanup_free char *path = NULL;
    if (asprintf(&path, "%s/.old-%s", jobs->directory, job->spec.id) < 0) {
        path = NULL;
        return error_memory(error, NULL);
    }
    if (rename(job->directory, path) < 0 && errno != ENOENT) {
        return error_io(error, errno, "%s", error_file(job->directory));
    }
    int r = whole_file_sync_names(jobs->directory);
    if (r < 0) { /* the next call or the next start removes it */
        return error_io(error, -r, "%s", error_file(jobs->directory));
    }
    *ret_path = take_ptr(path);
    return 0;
}

/* Its readers get an end; a job that had not ended shows as cancelled. */
static void mark_removed(struct job *job)
{
    HOLD(&job->lock);
    job->removed = true;
    if (!job_state_is_end(job->state)) {
        job->state = JOB_CANCELLED;
        job->reason = (struct error){.code = ERROR_NONE};
    }
}

int job_delete(struct jobs *jobs, struct job *job, const char *why, struct error *error)
{
    cleanup_free char *path = NULL;
    int r = put_aside(jobs, job, &path, error);
    if (r < 0) {
        return r;
    }
    if (jobs_drop(jobs, job)) {
        mark_removed(job);
        job_notify(job);
    }
    tree_remove(path);
    log_event(LOG_LEVEL_INFO, "job_removed", "job=%s why=%s", job->spec.id, why);
    return 0;
}
