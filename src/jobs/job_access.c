/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose a job is, and over what: who may see it, take its results, and let it run. Any thread.
 */
#include <string.h>

#include "jobs/job_table.h"

/* All objects of the stores of a list, with blanks between; the least that the caller has of any.
 * No store's name is empty: "" is in the scope of `stores = *` alone. */
static enum access_verdict over_stores(const char *stores, const struct access *access,
                                       enum right right)
{
    enum access_verdict least = ACCESS_GRANTED;
    for (const char *at = stores; at; at = strchr(at, ' ') ? strchr(at, ' ') + 1 : NULL) {
        char store[LIMIT_STORE_NAME + 1] = "";
        size_t size = strcspn(at, " ");
        memcpy(store, at, size < sizeof store ? size : 0);
        enum access_verdict verdict = access_prefix(access, right, store, "");
        least = verdict > least ? verdict : least;
    }
    return least;
}

/* All objects of the selection, as far as it is known by name. */
static enum access_verdict over(const struct job_spec *spec, const struct access *access,
                                enum right right)
{
    if (spec->select.store && !spec->has_keys) {
        return access_prefix(access, right, spec->select.store,
                             spec->select.prefix ? spec->select.prefix : "");
    }
    const char *stores = spec->select.store ? spec->select.store : spec->keys_stores;
    return over_stores(stores ? stores : "", access, right);
}

void job_spec_set_owner(struct job_spec *spec, const struct access *access)
{
    bool plain = access->generation && rights_plain_line(access->generation) > 0;
    _Static_assert((int)JOB_OWNER_SIZE >= (int)ACCESS_NAME_SIZE, "names fit");
    (void)stpcpy(spec->owner, plain ? "" : access->name);
}

static bool is_owner(const struct job_spec *spec, const struct access *access)
{
    return spec->owner[0] != '\0' && strcmp(spec->owner, access->name) == 0;
}

bool job_is_visible(const struct job_spec *spec, const struct access *access)
{
    return access->all || is_owner(spec, access) ||
           over(spec, access, RIGHT_JOBS) == ACCESS_GRANTED;
}

/* Of a list the owner was asked for each name; now he must know of their stores still. */
static bool still_has(const struct job_spec *spec, const struct access *access, enum right right)
{
    enum access_verdict verdict = over(spec, access, right);
    bool unknown = !spec->select.store && !spec->keys_stores;
    return verdict == ACCESS_GRANTED ||
           (spec->has_keys && is_owner(spec, access) && access_has(access, right) &&
            (unknown || verdict == ACCESS_FORBIDDEN));
}

static int check(const struct job_spec *spec, const struct access *access, enum job_use use,
                 struct error *error)
{
    if (use != JOB_USE_SEE && !still_has(spec, access, RIGHT_JOBS)) {
        return error_set(error, ERROR_FORBIDDEN,
                         "your rights do not include 'jobs' for all objects of job %s", spec->id);
    }
    if (use == JOB_USE_RUN && !still_has(spec, access, RIGHT_INFER)) {
        return error_set(error, ERROR_FORBIDDEN,
                         "your rights do not include 'infer' for all objects of job %s", spec->id);
    }
    return 0;
}

/* The job, referenced, if the caller sees it. All are looked through whether it is there or not,
 * so that one that is hidden takes no other time than one that does not exist. */
static struct job *find_visible(struct jobs *jobs, const char *id, const struct access *access)
{
    struct job *found = NULL;
    HOLD(&jobs->lock);
    for (size_t i = 0; i < jobs->count; i++) {
        if (strcmp(jobs->all[i]->spec.id, id) == 0) {
            found = jobs->all[i];
        }
    }
    return found && job_is_visible(&found->spec, access) ? job_ref(found) : NULL;
}

int jobs_check_access(struct jobs *jobs, const char *id, const struct access *access,
                      enum job_use use, struct error *error)
{
    if (access->all) {
        return 0; /* the call itself finds the job, or not */
    }
    cleanup_job struct job *job = find_visible(jobs, id, access);
    return job ? check(&job->spec, access, use, error) : jobs_no_such(id, error);
}
