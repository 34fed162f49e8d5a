/* SPDX-License-Identifier: Apache-2.0
 *
 * Indexes of the array: created, listed, shown, rebuilt and removed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "client/index_object.h"
#include "client/job_input.h"
#include "client/name_check.h"

enum { INTERVAL_MAX_S = 86400 };

struct indexes {
    struct situ_indexes public; /* first */
    struct document document;
};

/* Appends the member "model", a comma before it where `comma` is one. */
static int write_model(struct buffer *out, const char *comma, const char *model,
                       struct situ_error *error)
{
    struct model_name name;
    int r = model_name_parse(model, &name, error);
    if (r == 0) {
        buffer_append_text(out, comma);
        buffer_append_text(out, "\"model\":");
        json_write_string(out, model);
    }
    return r;
}

/* What follows the index's name. */
static int write_create(const struct situ *array, struct buffer *body, const char *model,
                        const char *selection, const struct situ_index_options *options,
                        struct situ_error *error)
{
    struct job_input chosen;
    if (options->interval_s > INTERVAL_MAX_S) {
        return client_fail(error, SITU_USAGE, "options: interval_s is above %d", INTERVAL_MAX_S);
    }
    if (options->metric && !text_is_utf8(options->metric)) {
        return client_fail(error, SITU_USAGE, "options: metric is not UTF-8");
    }
    int r = write_model(body, ",", model, error);
    if (r) {
        return r;
    }
    r = job_input_of_prefix(&chosen, selection, error);
    if (r == 0) {
        buffer_append_char(body, ',');
        chosen.members = array->select_members;
        job_input_write(&chosen, options->glob, body);
    }
    job_input_done(&chosen);
    if (options->metric) {
        buffer_append_text(body, ",\"metric\":");
        json_write_string(body, options->metric);
    }
    if (options->interval_s) {
        buffer_printf(body, ",\"interval_s\":%" PRIu32, options->interval_s);
    }
    buffer_append_char(body, '}');
    return r;
}

static int post(struct situ *array, struct buffer *target, struct buffer *body,
                struct situ_index **ret_index, struct situ_error *error)
{
    struct request request = {.method = "POST",
                              .target = buffer_text(target),
                              .content = CONTENT_JSON,
                              .body = buffer_text(body),
                              .body_size = body->size};
    if (!request.target || !request.body) {
        return client_fail_memory(error);
    }
    return index_request_perform(array, &request, ret_index, error);
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
    if (r == 0) {
        r = index_target(&target, index, "", error); /* for the name's sake */
    }
    if (r == 0) {
        buffer_append_text(&body, "{\"name\":");
        json_write_string(&body, index);
        r = write_create(array, &body, model, selection, &known, error);
    }
    buffer_clear(&target);
    buffer_append_text(&target, "/v1/indexes");
    return r ? r : post(array, &target, &body, ret_index, error);
}

int situ_index_rebuild(struct situ *array, const char *index, const char *model,
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
    buffer_append_char(&body, '{');
    if (r == 0) {
        r = write_model(&body, "", model, error);
    }
    buffer_append_char(&body, '}');
    return r ? r : post(array, &target, &body, ret_index, error);
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
    struct request request = {.method = "GET", .target = target.data};
    return r ? r : index_request_perform(array, &request, ret_index, error);
}

int situ_index_remove(struct situ *array, const char *index, struct situ_error *error)
{
    cleanup_buffer struct buffer target = BUFFER_INIT;
    cleanup_buffer struct buffer answer = BUFFER_INIT;
    if (!array) {
        return -EINVAL;
    }
    int r = index_target(&target, index, "", error);
    struct request request = {.method = "DELETE", .target = target.data};
    return r ? r : request_perform(array, &request, &answer, error);
}

/* ---- Listing --------------------------------------------------------------------------------- */

static int fill(struct indexes *indexes, struct situ_error *error)
{
    const struct json *nodes = json_member(indexes->document.root, "indexes");
    if (json_type_of(nodes) != JSON_TYPE_ARRAY) {
        return client_fail(error, SITU_PROTOCOL, "the array's list of indexes cannot be read");
    }
    size_t count = json_length(nodes);
    const struct situ_index **list =
        document_alloc(&indexes->document, count, sizeof(struct situ_index *));
    struct situ_index *memory = document_alloc(&indexes->document, count, sizeof *memory);
    const char *const *texts = document_elements(&indexes->document, "\"indexes\"", count);
    if (!list || !memory || !texts) {
        return client_fail_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        index_fill(&memory[i], json_element(nodes, i));
        memory[i].json = texts[i];
        list[i] = &memory[i];
    }
    indexes->public = (struct situ_indexes){
        .indexes = list, .count = count, .json = document_text(&indexes->document)};
    return 0;
}

int situ_index_list(struct situ *array, struct situ_indexes **ret_indexes, struct situ_error *error)
{
    if (ret_indexes) {
        *ret_indexes = NULL;
    }
    if (!array || !ret_indexes) {
        return -EINVAL;
    }
    struct indexes *indexes = calloc(1, sizeof *indexes);
    if (!indexes) {
        return client_fail_memory(error);
    }
    cleanup_buffer struct buffer target = BUFFER_INIT;
    buffer_append_text(&target, "/v1/indexes");
    int r = document_get(&indexes->document, array, &target, error);
    if (r == 0) {
        r = fill(indexes, error);
    }
    if (r) {
        situ_indexes_free(&indexes->public);
        return r;
    }
    *ret_indexes = &indexes->public;
    return 0;
}

void situ_indexes_free(struct situ_indexes *indexes)
{
    if (indexes) {
        struct indexes *whole = (struct indexes *)(void *)indexes;
        document_done(&whole->document);
        free(whole);
    }
}
