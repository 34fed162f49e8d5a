/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs of the array: started without being followed, listed, shown, and told what to do.
 */
#include "client/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/job_post.h"

struct job {
    struct situ_job public; /* first, so that situ_job_free finds the rest */
    struct document document;
};

struct jobs {
    struct situ_jobs public; /* first */
    struct document document;
};

int job_fetch(struct situ *array, const struct request *request, struct situ_job **ret_job,
              struct situ_error *error)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job) {
        return client_fail_memory(error);
    }
    int r = document_request(&job->document, array, request, error);
    if (r == 0) {
        job_fill(&job->public, job->document.root);
        job->public.json = document_text(&job->document);
        if (job_id_check(job->public.id, NULL)) {
            r = client_fail(error, SITU_PROTOCOL, "the array's job cannot be read");
        }
    }
    if (r) {
        situ_job_free(&job->public);
        return r;
    }
    *ret_job = &job->public;
    return 0;
}

void situ_job_free(struct situ_job *job)
{
    if (job) {
        struct job *whole = (struct job *)(void *)job;
        document_done(&whole->document);
        free(whole);
    }
}

/* ---- Starting -------------------------------------------------------------------------------- */

static int start(struct situ *array, const char *model, const struct job_input *input,
                 const struct situ_run_options *options, struct situ_job **ret_job,
                 struct situ_error *error)
{
    struct model_name name;
    struct situ_run_options known;
    struct job_post job;
    int r = client_options(&known, sizeof known, options, error);
    if (r == 0) {
        r = model_name_parse(model, &name, error);
    }
    if (r) {
        return r;
    }
    struct job_order order = {.model = &name,
                              .input = input,
                              .options = &known,
                              .keep = true,
                              .labels = known.labels == SITU_LABELS_INLINE};
    r = job_post_make(&job, &order, error);
    if (r == 0) {
        r = job_fetch(array, &job.request, ret_job, error);
    }
    job_post_done(&job);
    return r;
}

int situ_job_start(struct situ *array, const char *model, const char *selection,
                   const struct situ_run_options *options, struct situ_job **ret_job,
                   struct situ_error *error)
{
    struct job_input chosen;
    if (ret_job) {
        *ret_job = NULL;
    }
    if (!array || !ret_job) {
        return -EINVAL;
    }
    int r = job_input_of_prefix(&chosen, selection, error);
    if (r == 0) {
        chosen.members = array->select_members;
        r = start(array, model, &chosen, options, ret_job, error);
    }
    job_input_done(&chosen);
    return r;
}

/* A job that nobody follows has nobody who could be told of a name that was never sent. */
static int all_sent(const struct job_input *input, struct situ_error *error)
{
    if (input->count == 0) {
        return client_fail(error, SITU_USAGE, "no names");
    }
    if (input->refused_count > 0) {
        const struct refused_name *name = &input->refused[0];
        return client_fail(error, SITU_USAGE, "name %zu, '%.200s': %s", name->position, name->name,
                           name->why);
    }
    return 0;
}

/* The last two parameters are those of every call. */
/* NOLINTNEXTLINE(readability-function-size) */
int situ_job_start_objects(struct situ *array, const char *model, const char *const *objects,
                           size_t count, const struct situ_run_options *options,
                           struct situ_job **ret_job, struct situ_error *error)
{
    struct job_input chosen;
    if (ret_job) {
        *ret_job = NULL;
    }
    if (!array || !ret_job) {
        return -EINVAL;
    }
    int r = job_input_of_names(&chosen, objects, count, error);
    if (r == 0) {
        r = all_sent(&chosen, error);
    }
    if (r == 0) {
        r = start(array, model, &chosen, options, ret_job, error);
    }
    job_input_done(&chosen);
    return r;
}

/* ---- Listing --------------------------------------------------------------------------------- */

static int fill(struct jobs *jobs, struct situ_error *error)
{
    const struct json *nodes = json_member(jobs->document.root, "jobs");
    if (json_type_of(nodes) != JSON_TYPE_ARRAY) {
        return client_fail(error, SITU_PROTOCOL, "the array's list of jobs cannot be read");
    }
    size_t count = json_length(nodes);
    const struct situ_job **list =
        document_alloc(&jobs->document, count, sizeof(struct situ_job *));
    struct situ_job *memory = document_alloc(&jobs->document, count, sizeof *memory);
    const char *const *texts = document_elements(&jobs->document, "\"jobs\"", count);
    if (!list || !memory || !texts) {
        return client_fail_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        job_fill(&memory[i], json_element(nodes, i));
        memory[i].json = texts[i];
        list[i] = &memory[i];
    }
    jobs->public =
        (struct situ_jobs){.jobs = list, .count = count, .json = document_text(&jobs->document)};
    return 0;
}

int situ_job_list(struct situ *array, struct situ_jobs **ret_jobs, struct situ_error *error)
{
    if (ret_jobs) {
        *ret_jobs = NULL;
    }
    if (!array || !ret_jobs) {
        return -EINVAL;
    }
    struct jobs *jobs = calloc(1, sizeof *jobs);
    if (!jobs) {
        return client_fail_memory(error);
    }
    cleanup_buffer struct buffer target = BUFFER_INIT;
    buffer_append_text(&target, "/v1/jobs");
    int r = document_get(&jobs->document, array, &target, error);
    if (r == 0) {
        r = fill(jobs, error);
    }
    if (r) {
        situ_jobs_free(&jobs->public);
        return r;
    }
    *ret_jobs = &jobs->public;
    return 0;
}

void situ_jobs_free(struct situ_jobs *jobs)
{
    if (jobs) {
        struct jobs *whole = (struct jobs *)(void *)jobs;
        document_done(&whole->document);
        free(whole);
    }
}

uint64_t situ_job_gone(const struct situ_job *job)
{
    cleanup_json struct json *root = NULL;
    if (!job || json_parse(job->json, strlen(job->json), "job", &root, NULL) < 0) {
        return 0;
    }
    int64_t gone = json_get_integer(json_member(root, "gone"), 0);
    return gone > 0 ? (uint64_t)gone : 0;
}

/* ---- One job --------------------------------------------------------------------------------- */

/* GET without an action, POST with one. */
static int ask(struct situ *array, const char *id, const char *action, struct situ_job **ret_job,
               struct situ_error *error)
{
    cleanup_buffer struct buffer target = BUFFER_INIT;
    struct situ_job *job = NULL;
    if (ret_job) {
        *ret_job = NULL;
    }
    if (!array) {
        return -EINVAL;
    }
    int r = job_id_check(id, error);
    if (r) {
        return r;
    }
    buffer_printf(&target, "/v1/jobs/%s%s%s", id, action ? "/" : "", action ? action : "");
    struct request request = {.method = action ? "POST" : "GET",
                              .target = buffer_text(&target),
                              .content = action ? CONTENT_JSON : CONTENT_NONE};
    if (!request.target) {
        return client_fail_memory(error);
    }
    r = job_fetch(array, &request, &job, error);
    if (r == 0 && ret_job) {
        *ret_job = job;
    } else {
        situ_job_free(job);
    }
    return r;
}

int situ_job_show(struct situ *array, const char *id, struct situ_job **ret_job,
                  struct situ_error *error)
{
    return ret_job ? ask(array, id, NULL, ret_job, error) : -EINVAL;
}

int situ_job_pause(struct situ *array, const char *id, struct situ_job **ret_job,
                   struct situ_error *error)
{
    return ask(array, id, "pause", ret_job, error);
}

int situ_job_resume(struct situ *array, const char *id, struct situ_job **ret_job,
                    struct situ_error *error)
{
    return ask(array, id, "resume", ret_job, error);
}

int situ_job_exclude_defaults(struct situ *array, const char *id, struct situ_job **ret_job,
                              struct situ_error *error)
{
    return ask(array, id, "exclude-defaults", ret_job, error);
}

int situ_job_resume_accepting(struct situ *array, const char *id, struct situ_job **ret_job,
                              struct situ_error *error)
{
    return ask(array, id, "resume?accept_store=1", ret_job, error);
}

int situ_job_cancel(struct situ *array, const char *id, struct situ_job **ret_job,
                    struct situ_error *error)
{
    return ask(array, id, "cancel", ret_job, error);
}

int situ_job_retry(struct situ *array, const char *id, struct situ_job **ret_job,
                   struct situ_error *error)
{
    return ask(array, id, "retry", ret_job, error);
}

int job_remove(struct situ *array, const char *id, bool once, struct situ_error *error)
{
    cleanup_buffer struct buffer target = BUFFER_INIT;
    cleanup_buffer struct buffer answer = BUFFER_INIT;
    buffer_printf(&target, "/v1/jobs/%s", id);
    struct request request = {.method = "DELETE", .target = buffer_text(&target), .once = once};
    return request.target ? request_perform(array, &request, &answer, error)
                          : client_fail_memory(error);
}

int situ_job_remove(struct situ *array, const char *id, struct situ_error *error)
{
    if (!array) {
        return -EINVAL;
    }
    int r = job_id_check(id, error);
    return r ? r : job_remove(array, id, false, error);
}
