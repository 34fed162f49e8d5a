/* SPDX-License-Identifier: Apache-2.0
 *
 * Indexes of the array: created, listed, shown, rebuilt and removed.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/json_write.h"
#include "client/index_object.h"
#include "client/job_input.h"
#include "client/name_check.h"

enum { INTERVAL_MAX_S = 86400 };

static int put_model(struct json_writer *w, const char *model, struct situ_error *error)
{
    struct model_name name;
    int r = model_name_parse(model, &name, error);
    if (r) {
        return r;
    }
    json_put_string(w, "model", model);
    return 0;
}

static int put_selection(struct json_writer *w, const struct situ *array, const char *selection,
                         const char *glob, struct situ_error *error)
{
    cleanup_job_input struct job_input chosen = {.by_name = false};
    int r = job_input_of_prefix(&chosen, selection, error);
    if (r) {
        return r;
    }
    chosen.members = array->select_members;
    job_input_put(&chosen, glob, w);
    return 0;
}

/* The members after the name. */
static int put_create(struct json_writer *w, const struct situ *array, const char *model,
                      const char *selection, const struct situ_index_options *options,
                      struct situ_error *error)
{
    if (options->interval_s > INTERVAL_MAX_S) {
        return client_fail(error, SITU_USAGE, "options: interval_s is above %d", INTERVAL_MAX_S);
    }
    if (options->metric && !name_check_is_utf8(options->metric)) {
        return client_fail(error, SITU_USAGE, "options: metric is not UTF-8");
    }
    int r = put_model(w, model, error);
    if (r) {
        return r;
    }
    r = put_selection(w, array, selection, options->glob, error);
    if (r) {
        return r;
    }
    if (options->metric) {
        json_put_string(w, "metric", options->metric);
    }
    if (options->interval_s) {
        json_put_unsigned(w, "interval_s", options->interval_s);
    }
    return 0;
}

/* The last two parameters are those of every call. */
/* NOLINTNEXTLINE(readability-function-size) */
int situ_index_create(struct situ *array, const char *index, const char *model,
                      const char *selection, const struct situ_index_options *options,
                      struct situ_index **ret_index, struct situ_error *error)
{
    cleanup_buffer struct buffer target = BUFFER_INIT;
    cleanup_buffer struct buffer body = BUFFER_INIT;
    struct situ_index_options known;
    if (ret_index) {
        *ret_index = NULL;
    }
    if (!array) {
        return -EINVAL;
    }
    int r = client_options(&known, sizeof known, options, error);
    if (r) {
        return r;
    }
    r = index_name_check(index, error);
    if (r) {
        return r;
    }
    struct json_writer w = JSON_WRITER(&body);
    json_begin_object(&w, NULL);
    json_put_string(&w, "name", index);
    r = put_create(&w, array, model, selection, &known, error);
    if (r) {
        return r;
    }
    json_end_object(&w);
    buffer_append_text(&target, "/v1/indexes");
    struct request request = request_json("POST", &target, &body);
    return index_fetch(array, &request, ret_index, error);
}

/* Requests a rebuild. `model` NULL: keep the present one. */
static int rebuild(struct situ *array, const char *index, const char *model, bool exclude_defaults,
                   struct situ_index **ret_index, struct situ_error *error)
{
    cleanup_buffer struct buffer target = BUFFER_INIT;
    cleanup_buffer struct buffer body = BUFFER_INIT;
    if (ret_index) {
        *ret_index = NULL;
    }
    if (!array) {
        return -EINVAL;
    }
    int r = index_target(&target, index, "/rebuild", error);
    if (r) {
        return r;
    }
    struct json_writer w = JSON_WRITER(&body);
    json_begin_object(&w, NULL);
    if (exclude_defaults) {
        json_put_bool(&w, "exclude_defaults", true);
    }
    if (model || !exclude_defaults) {
        r = put_model(&w, model, error);
    }
    if (r) {
        return r;
    }
    json_end_object(&w);
    struct request request = request_json("POST", &target, &body);
    return index_fetch(array, &request, ret_index, error);
}

int situ_index_rebuild(struct situ *array, const char *index, const char *model,
                       struct situ_index **ret_index, struct situ_error *error)
{
    return rebuild(array, index, model, false, ret_index, error);
}

int situ_index_exclude_defaults(struct situ *array, const char *index, const char *model,
                                struct situ_index **ret_index, struct situ_error *error)
{
    return rebuild(array, index, model, true, ret_index, error);
}

int situ_index_show(struct situ *array, const char *index, struct situ_index **ret_index,
                    struct situ_error *error)
{
    cleanup_buffer struct buffer target = BUFFER_INIT;
    if (ret_index) {
        *ret_index = NULL;
    }
    if (!array || !ret_index) {
        return -EINVAL;
    }
    int r = index_target(&target, index, "", error);
    struct request request = request_of("GET", &target);
    return r ? r : index_fetch(array, &request, ret_index, error);
}

int situ_index_remove(struct situ *array, const char *index, struct situ_error *error)
{
    cleanup_buffer struct buffer target = BUFFER_INIT;
    cleanup_buffer struct buffer answer = BUFFER_INIT;
    if (!array) {
        return -EINVAL;
    }
    int r = index_target(&target, index, "", error);
    struct request request = request_of("DELETE", &target);
    return r ? r : request_perform(array, &request, &answer, error);
}

int situ_index_is_partial(const struct situ_index *index)
{
    cleanup_json struct json *root = NULL;
    if (!index) {
        return -EINVAL;
    }
    if (json_parse(index->json, strlen(index->json), "index", &root, NULL) < 0) {
        return -ENOMEM; /* the text has been parsed before: only memory can be missing */
    }
    const struct json *rows = json_member(root, "rows");
    return rows && json_type_of(rows) == JSON_TYPE_NULL ? 1 : 0;
}

/* ---- Listing --------------------------------------------------------------------------------- */

static int fill(struct document *document, struct situ_error *error)
{
    struct situ_indexes *indexes = document_public(document);
    const struct json *nodes;
    int r = document_list(document, "indexes", &nodes, error);
    if (r) {
        return r;
    }
    size_t count = json_length(nodes);
    const struct situ_index **list = document_alloc(document, count, sizeof(struct situ_index *));
    struct situ_index *memory = document_alloc(document, count, sizeof *memory);
    const char *const *texts = document_elements(document, "indexes", count);
    if (!list || !memory || !texts) {
        return client_fail_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        index_fill(&memory[i], json_element(nodes, i));
        memory[i].json = texts[i];
        list[i] = &memory[i];
    }
    *indexes =
        (struct situ_indexes){.indexes = list, .count = count, .json = document_text(document)};
    return 0;
}

int situ_index_list(struct situ *array, struct situ_indexes **ret_indexes, struct situ_error *error)
{
    static const struct document_form form = {sizeof(struct situ_indexes), fill};
    return document_show(array, "/v1/indexes", &form, ret_indexes, error);
}

void situ_indexes_free(struct situ_indexes *indexes)
{
    document_free_public(indexes);
}
