/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of jobs: see job_table.h.
 */
#include "jobs/job_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct job *find_locked(const struct jobs *jobs, const char *id)
{
    for (size_t i = 0; i < jobs->count; i++) {
        if (strcmp(jobs->all[i]->spec.id, id) == 0) {
            return jobs->all[i];
        }
    }
    return NULL;
}

int jobs_no_such(const char *id, struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, "no job '%s'", id);
}

int jobs_find(struct jobs *jobs, const char *id, struct job **ret_job, struct error *error)
{
    HOLD(&jobs->lock);
    if (jobs->stopping) {
        return error_set(error, ERROR_UNAVAILABLE, "jobs are stopping");
    }
    struct job *job = find_locked(jobs, id);
    if (!job) {
        return jobs_no_such(id, error);
    }
    *ret_job = job_ref(job);
    return 0;
}

struct job *jobs_find_token(struct jobs *jobs, const char *owner, const char *token)
{
    HOLD(&jobs->lock);
    for (size_t i = 0; token[0] != '\0' && i < jobs->count; i++) {
        struct job *job = jobs->all[i];
        if (strcmp(job->spec.token, token) == 0 && strcmp(job->spec.owner, owner) == 0) {
            return job_ref(job);
        }
    }
    return NULL;
}

int jobs_reference_all(struct jobs *jobs, struct job ***ret_all, size_t *ret_count)
{
    HOLD(&jobs->lock);
    if (jobs->stopping) {
        return error_code_errno(ERROR_UNAVAILABLE);
    }
    struct job **all = calloc(jobs->count + 1, sizeof(struct job *));
    if (!all) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < jobs->count; i++) {
        all[i] = job_ref(jobs->all[i]);
    }
    *ret_all = all;
    *ret_count = jobs->count;
    return 0;
}

bool jobs_has(const struct jobs *jobs, const char *id)
{
    return find_locked(jobs, id) != NULL;
}

int jobs_reserve(struct jobs *jobs)
{
    if (jobs->count < jobs->capacity) {
        return 0;
    }
    size_t capacity = jobs->capacity > 0 ? jobs->capacity * 2 : 16;
    struct job **all = reallocarray(jobs->all, capacity, sizeof(struct job *));
    if (!all) {
        return -ENOMEM;
    }
    jobs->all = all;
    jobs->capacity = capacity;
    return 0;
}

bool jobs_drop(struct jobs *jobs, struct job *job)
{
    HOLD(&jobs->lock);
    size_t at = 0;
    while (at < jobs->count && jobs->all[at] != job) {
        at++;
    }
    if (at == jobs->count) {
        return false;
    }
    jobs->count--;
    memmove(jobs->all + at, jobs->all + at + 1, (jobs->count - at) * sizeof(struct job *));
    job_unref(job); /* the caller has one */
    return true;
}
