/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs that fill indexes: see filling_job.h.
 */
#include "retrieval/filling_job.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

#define TOKEN_HEAD "index."

enum { PRIORITY = 5 /* the default: an equal share with other jobs */, NUMBER_DIGITS = 20 };

/* The part before the number. Names do not begin with a dot, so a hash differs from a name. */
static void token_stem(const char *name, char stem[JOB_TOKEN_SIZE])
{
    if (strlen(TOKEN_HEAD) + strlen(name) + 1 + NUMBER_DIGITS < JOB_TOKEN_SIZE) {
        (void)snprintf(stem, JOB_TOKEN_SIZE, TOKEN_HEAD "%s.", name);
        return;
    }
    (void)snprintf(stem, JOB_TOKEN_SIZE, TOKEN_HEAD ".%016" PRIx64 ".", hash_stored_text(name));
}

/* `index.NAME.N`; for a long name with a hash in its place. */
static void write_token(const char *name, uint64_t number, char ret_token[JOB_TOKEN_SIZE])
{
    char stem[JOB_TOKEN_SIZE];
    token_stem(name, stem);
    (void)snprintf(ret_token, JOB_TOKEN_SIZE, "%.44s%" PRIu64, stem, number);
}

bool filling_job_is_one(const struct job_spec *spec)
{
    return strncmp(spec->token, TOKEN_HEAD, strlen(TOKEN_HEAD)) == 0 && spec->standing &&
           spec->binary && spec->owner[0] == '\0';
}

void retrieval_adopt_job(struct job_spec *spec)
{
    if (filling_job_is_one(spec) && spec->priority < PRIORITY) {
        spec->priority = PRIORITY;
    }
}

bool filling_job_is_of(const struct job_spec *spec, const char *name, uint64_t number)
{
    char stem[JOB_TOKEN_SIZE];
    char token[JOB_TOKEN_SIZE];
    token_stem(name, stem);
    write_token(name, number, token);
    if (!filling_job_is_one(spec) || strncmp(spec->token, stem, strlen(stem)) != 0) {
        return false;
    }
    const char *rest = spec->token + strlen(stem);
    bool numbered = rest[0] != '\0' && rest[strspn(rest, "0123456789")] == '\0';
    return number > 0 ? strcmp(spec->token, token) == 0 : numbered;
}

static bool is_ours(const struct job_spec *job, const struct retrieval_spec *spec)
{
    return filling_job_is_one(job) && strcmp(job->model, spec->model) == 0 &&
           (spec->version[0] == '\0' || strcmp(job->version, spec->version) == 0) &&
           selection_is_same(&job->select, &spec->select);
}

static int create(struct jobs *jobs, const struct retrieval_spec *spec, uint64_t number,
                  struct job_info *ret_info, bool *ret_existing, struct error *error)
{
    struct job_spec job = {.select = spec->select, /* borrowed */
                           .top = 1,
                           .binary = true,
                           .priority = PRIORITY,
                           .max_failures = UINT64_MAX,
                           .cache = true,
                           .keep = true,
                           .standing = true,
                           .interval_s = spec->interval_s};
    _Static_assert(sizeof job.model == sizeof spec->model, "models fit");
    _Static_assert(sizeof job.version == sizeof spec->version, "versions fit");
    memcpy(job.model, spec->model, sizeof job.model);
    memcpy(job.version, spec->version, sizeof job.version);
    write_token(spec->name, number, job.token);
    return jobs_create(jobs, &job, NULL, ret_info, ret_existing, error);
}

int filling_job_make(struct jobs *jobs, const struct retrieval_spec *spec, uint64_t number,
                     struct job_info *ret_info, struct error *error)
{
    bool existing = false;
    int r = create(jobs, spec, number, ret_info, &existing, error);
    if (r == 0 && existing && !is_ours(&ret_info->spec, spec)) {
        r = error_set(error, ERROR_CONFLICT,
                      "job %s has the token that index '%s' needs: remove it", ret_info->spec.id,
                      spec->name);
        job_info_done(ret_info);
    }
    return r;
}

int filling_job_make_anew(struct jobs *jobs, const struct retrieval_spec *spec, uint64_t number,
                          struct job_info *ret_info, struct error *error)
{
    bool existing = false;
    int r = create(jobs, spec, number, ret_info, &existing, error);
    if (r < 0 || !existing) {
        return r;
    }
    bool fills = filling_job_is_one(&ret_info->spec); /* left over from a removed index */
    if (fills) {
        r = jobs_remove(jobs, ret_info->spec.id, error);
    }
    job_info_done(ret_info);
    return r == 0 || r == -ENOENT ? filling_job_make(jobs, spec, number, ret_info, error) : r;
}
