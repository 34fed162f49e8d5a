/* SPDX-License-Identifier: Apache-2.0
 *
 * A new job over exactly the objects that failed in an ended job: their names are read from its log
 * and become the list of the new job. A standing job may have several lines for an object, of which
 * the last one counts: there the table of known objects is used.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/control.h"
#include "jobs/job_log.h"
#include "jobs/pass.h"

/* The list that is being written. */
struct failures {
    const struct job *job;
    const struct access *access; /* borrowed */
    struct jobs_keys *keys;
    struct error *error;
    uint64_t count;
};

static int add_name(struct failures *failures, const char *object)
{
    failures->count++;
    return jobs_keys_add(failures->keys, object, failures->error);
}

static int add_line(void *context, const char *line, size_t size,
                    const struct job_record_facts *facts)
{
    struct failures *failures = context;
    cleanup_free char *object = NULL;
    if (!job_record_is_failure(line, size)) {
        return 0;
    }
    int r = job_record_object(line, size, facts, &object);
    if (r < 0) {
        return error_set(failures->error, r == -ENOMEM ? ERROR_MEMORY : ERROR_IO,
                         "a line of the log has no object");
    }
    return add_name(failures, object);
}

static int add_key(void *context, const char *key)
{
    struct failures *failures = context;
    cleanup_buffer struct buffer object = BUFFER_INIT;
    buffer_printf(&object, "%s/%s", failures->job->spec.select.store, key);
    const char *text = buffer_text(&object);
    return text ? add_name(failures, text) : error_memory(failures->error, NULL);
}

static int gather(struct job *job, struct failures *failures, uint64_t *ret_left_out,
                  struct error *error)
{
    struct job_log *log = NULL;
    struct job_log_place place = {0};
    struct pass *pass = NULL;
    int r = job_log_take(job, &log, error);
    if (r < 0) {
        return r;
    }
    if (job->spec.standing) {
        r = pass_new(job, log, &pass, error);
        if (r == 0) {
            r = pass_each_failed(pass, add_key, failures, ret_left_out, error);
        }
        pass_free(pass);
    } else {
        r = job_log_each(log, &place, add_line, failures, error);
    }
    job_log_release(job);
    return r;
}

/* The spec of the new job: that of the old one, over a list. */
static int list_spec(const struct job *job, const struct access *access, struct job_spec *ret_spec,
                     struct error *error)
{
    struct job_spec spec = {0};
    char *prefix = strdup("");
    if (!prefix || job_spec_copy(&job->spec, &spec) < 0) {
        free(prefix);
        return error_memory(error, NULL);
    }
    selection_done(&spec.select); /* names in a list are not filtered */
    spec.select.prefix = prefix;
    spec.token[0] = '\0';
    job_spec_set_owner(&spec, access);
    free(take_ptr(spec.keys_stores));
    spec.has_keys = true;
    spec.standing = false;
    *ret_spec = spec;
    return 0;
}

static int none_to_try(const struct job *job, uint64_t left_out, struct error *error)
{
    if (left_out == 0) {
        return error_set(error, ERROR_CONFLICT, "no object failed in job %s", job->spec.id);
    }
    return error_set(
        error, ERROR_CONFLICT,
        "all objects that failed in job %s have names that are too long to be keys (%llu): "
        "rename them",
        job->spec.id, (unsigned long long)left_out);
}

/* Writes the list, and makes the spec of the new job. */
static int prepare(struct job *job, struct failures *failures, struct job_spec *ret_spec,
                   uint64_t *ret_left_out, struct error *error)
{
    int r = gather(job, failures, ret_left_out, error);
    if (r < 0) {
        return r;
    }
    r = failures->count == 0 ? none_to_try(job, *ret_left_out, error)
                             : list_spec(job, failures->access, ret_spec, error);
    if (r < 0) {
        return r;
    }
    r = jobs_keys_check(failures->keys, NULL, failures->access, &ret_spec->keys_stores, error);
    if (r < 0) {
        job_spec_done(ret_spec);
    }
    return r;
}

/* `control` is held: the job cannot be resumed or removed. */
static int retry_job(struct jobs *jobs, struct job *job, const struct access *access,
                     struct job_info *ret_info, struct error *error)
{
    bool by_itself = false;
    bool existing = false;
    enum job_state state = job_state_now(job, &by_itself);
    if (!job_state_is_end(state) || job->broken) {
        return error_set(error, ERROR_CONFLICT,
                         "job %s is %s: its failed objects can be retried when it has ended",
                         job->spec.id, job_state_name(state));
    }
    struct failures failures = {.job = job, .access = access, .error = error};
    struct job_spec spec = {0};
    uint64_t left_out = 0;
    int r = jobs_keys_new(jobs, &failures.keys, error);
    if (r < 0) {
        return r;
    }
    r = prepare(job, &failures, &spec, &left_out, error);
    if (r < 0) {
        jobs_keys_free(failures.keys);
        return r;
    }
    r = jobs_create(jobs, &spec, failures.keys, ret_info, &existing, error);
    job_spec_done(&spec);
    if (r < 0) {
        return r;
    }
    ret_info->not_retried = left_out;
    return 0;
}

int jobs_retry(struct jobs *jobs, const char *id, const struct access *access,
               struct job_info *ret_info, struct error *error)
{
    cleanup_control struct job *job = NULL;
    int r = control_take(jobs, id, &job, error);
    return job ? retry_job(jobs, job, access, ret_info, error) : r;
}
