/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs of the array: starting them without following, listing, showing and controlling them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/job_object.h"
#include "client/job_post.h"
#include "client/reply.h"

/* ---- Starting -------------------------------------------------------------------------------- */

static int start(struct situ *array, const char *model, const struct job_input *input,
                 const struct situ_run_options *options, struct situ_job **ret_job,
                 struct situ_error *error)
{
    struct model_name name;
    struct situ_run_options known;
    cleanup_job_post struct job_post post = {.target = BUFFER_INIT};
    int r = client_options(&known, sizeof known, options, error);
    if (r) {
        return r;
    }
    r = model_name_parse(model, &name, error);
    if (r) {
        return r;
    }
    struct job_order order = {.model = &name,
                              .input = input,
                              .options = &known,
                              .keep = true,
                              .labels = known.labels == SITU_LABELS_INLINE};
    r = job_post_make(&post, &order, error);
    return r ? r : job_fetch(array, &post.request, ret_job, error);
}

int situ_job_start(struct situ *array, const char *model, const char *selection,
                   const struct situ_run_options *options, struct situ_job **ret_job,
                   struct situ_error *error)
{
    cleanup_job_input struct job_input chosen = {.by_name = false};
    if (ret_job) {
        *ret_job = NULL;
    }
    if (!array || !ret_job) {
        return -EINVAL;
    }
    int r = job_input_of_prefix(&chosen, selection, error);
    if (r) {
        return r;
    }
    chosen.members = array->select_members;
    return start(array, model, &chosen, options, ret_job, error);
}

/* If nobody follows a job, nobody would see the failure of a name that was not sent. */
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
    cleanup_job_input struct job_input chosen = {.by_name = false};
    if (ret_job) {
        *ret_job = NULL;
    }
    if (!array || !ret_job) {
        return -EINVAL;
    }
    int r = job_input_of_names(&chosen, objects, count, error);
    if (r) {
        return r;
    }
    r = all_sent(&chosen, error);
    return r ? r : start(array, model, &chosen, options, ret_job, error);
}

/* ---- Listing --------------------------------------------------------------------------------- */

static int fill(struct document *document, struct situ_error *error)
{
    struct situ_jobs *jobs = document_public(document);
    const struct json *nodes;
    int r = document_list(document, "jobs", &nodes, error);
    if (r) {
        return r;
    }
    size_t count = json_length(nodes);
    const struct situ_job **list = document_alloc(document, count, sizeof(struct situ_job *));
    struct situ_job *memory = document_alloc(document, count, sizeof *memory);
    const char *const *texts = document_elements(document, "jobs", count);
    if (!list || !memory || !texts) {
        return client_fail_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        job_fill(&memory[i], json_element(nodes, i));
        memory[i].json = texts[i];
        list[i] = &memory[i];
    }
    *jobs = (struct situ_jobs){.jobs = list, .count = count, .json = document_text(document)};
    return 0;
}

int situ_job_list(struct situ *array, struct situ_jobs **ret_jobs, struct situ_error *error)
{
    static const struct document_form form = {sizeof(struct situ_jobs), fill};
    return document_show(array, "/v1/jobs", &form, ret_jobs, error);
}

void situ_jobs_free(struct situ_jobs *jobs)
{
    document_free_public(jobs);
}

uint64_t situ_job_gone(const struct situ_job *job)
{
    cleanup_json struct json *root = NULL;
    if (!job || json_parse(job->json, strlen(job->json), "job", &root, NULL) < 0) {
        return 0;
    }
    return reply_count(root, "gone");
}

int situ_job_owner(const struct situ_job *job, char *owner, size_t size)
{
    cleanup_json struct json *root = NULL;
    if (!job || !owner || size == 0) {
        return -EINVAL;
    }
    if (json_parse(job->json, strlen(job->json), "job", &root, NULL) < 0) {
        return -ENOMEM;
    }
    (void)snprintf(owner, size, "%s", reply_text(root, "owner"));
    return 0;
}

/* ---- One job --------------------------------------------------------------------------------- */

/* GET without an action, POST with one. */
static int ask(struct situ *array, const char *id, const char *action, struct situ_job **ret_job,
               struct situ_error *error)
{
    cleanup_buffer struct buffer target = BUFFER_INIT;
    cleanup_buffer struct buffer body = BUFFER_INIT;
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
    struct request request =
        action ? request_json("POST", &target, &body) : request_of("GET", &target);
    return job_fetch(array, &request, ret_job, error);
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

int situ_job_remove(struct situ *array, const char *id, struct situ_error *error)
{
    if (!array) {
        return -EINVAL;
    }
    int r = job_id_check(id, error);
    return r ? r : job_remove(array, id, false, error);
}
