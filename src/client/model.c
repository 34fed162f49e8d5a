/* SPDX-License-Identifier: Apache-2.0
 *
 * Models of the array: list, show, remove.
 */
#include "client/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/name_check.h"

struct models {
    struct situ_models public; /* first */
    struct document document;
};

static const char *text_of(const struct json *object, const char *key)
{
    return json_get_string(json_member(object, key), "");
}

static uint64_t count_of(const struct json *object, const char *key)
{
    int64_t value = json_get_integer(json_member(object, key), 0);
    return value > 0 ? (uint64_t)value : 0;
}

/* An array of strings, or one string, as texts. */
static int read_texts(struct document *document, const struct json *node,
                      const char *const **ret_texts, size_t *ret_count)
{
    bool single = json_type_of(node) == JSON_TYPE_STRING && json_length(node) > 0;
    size_t count = json_type_of(node) == JSON_TYPE_ARRAY ? json_length(node) : single;
    const char **texts = document_alloc(document, count, sizeof *texts);
    if (!texts) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        texts[i] = json_get_string(single ? node : json_element(node, i), "");
    }
    *ret_texts = texts;
    *ret_count = count;
    return 0;
}

static int read_tensors(struct document *document, const struct json *node,
                        const struct situ_tensor_info **ret_infos, size_t *ret_count)
{
    size_t count = json_type_of(node) == JSON_TYPE_ARRAY ? json_length(node) : 0;
    struct situ_tensor_info *infos = document_alloc(document, count, sizeof *infos);
    if (!infos) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const struct json *tensor = json_element(node, i);
        const struct json *shape = json_member(tensor, "shape");
        size_t rank = json_type_of(shape) == JSON_TYPE_ARRAY ? json_length(shape) : 0;
        int64_t *dims = document_alloc(document, rank, sizeof *dims);
        if (!dims) {
            return -ENOMEM;
        }
        for (size_t d = 0; d < rank; d++) {
            dims[d] = json_get_integer(json_element(shape, d), -1);
        }
        infos[i] = (struct situ_tensor_info){.name = text_of(tensor, "name"),
                                             .datatype = text_of(tensor, "datatype"),
                                             .rank = (uint32_t)rank,
                                             .dims = dims};
    }
    *ret_infos = infos;
    *ret_count = count;
    return 0;
}

static void write_scalar(struct buffer *out, const struct json *node)
{
    switch (json_type_of(node)) {
    case JSON_TYPE_BOOL:
        buffer_append_text(out, json_get_bool(node, false) ? "yes" : "no");
        break;
    case JSON_TYPE_INTEGER:
        json_write_integer(out, json_get_integer(node, 0));
        break;
    case JSON_TYPE_REAL:
        buffer_printf(out, "%.6g", json_get_number(node, 0));
        break;
    case JSON_TYPE_STRING:
        buffer_append_text(out, json_get_string(node, ""));
        break;
    case JSON_TYPE_NULL:
        buffer_append_text(out, "none");
        break;
    default:
        buffer_append_text(out, "...");
        break;
    }
}

/* A scalar, or an array of scalars. */
static void write_flat(struct buffer *out, const struct json *node)
{
    if (json_type_of(node) != JSON_TYPE_ARRAY) {
        write_scalar(out, node);
        return;
    }
    for (size_t i = 0; i < json_length(node); i++) {
        buffer_append_text(out, i > 0 ? ", " : "");
        write_scalar(out, json_element(node, i));
    }
}

struct member_list {
    struct buffer *text; /* borrowed */
    bool first;
};

static int write_member(void *context, const char *key, const struct json *value)
{
    struct member_list *list = context;
    bool array = json_type_of(value) == JSON_TYPE_ARRAY;
    buffer_printf(list->text, "%s%s %s", list->first ? "" : ", ", key, array ? "(" : "");
    write_flat(list->text, value);
    buffer_append_text(list->text, array ? ")" : "");
    list->first = false;
    return 0;
}

/* A value as text: scalars and arrays, and an object of them. */
static void write_value(struct buffer *out, const struct json *node)
{
    if (json_type_of(node) == JSON_TYPE_OBJECT) {
        struct member_list list = {.text = out, .first = true};
        (void)json_each_member(node, write_member, &list);
    } else {
        write_flat(out, node);
    }
}

struct property_list {
    struct document *document;
    struct situ_property *properties;
    size_t count;
};

static int add_property(void *context, const char *key, const struct json *value)
{
    struct property_list *list = context;
    cleanup_buffer struct buffer text = BUFFER_INIT;
    write_value(&text, value);
    if (!buffer_text(&text)) {
        return -ENOMEM;
    }
    char *kept = document_alloc(list->document, text.size + 1, 1);
    if (!kept) {
        return -ENOMEM;
    }
    memcpy(kept, text.data, text.size);
    list->properties[list->count++] = (struct situ_property){.name = key, .value = kept};
    return 0;
}

static int read_pipeline(struct document *document, const struct json *node,
                         struct situ_model *model)
{
    bool object = json_type_of(node) == JSON_TYPE_OBJECT;
    size_t count = object ? json_length(node) : 1;
    struct property_list list = {.document = document,
                                 .properties =
                                     document_alloc(document, count, sizeof *list.properties)};
    if (!list.properties) {
        return -ENOMEM;
    }
    int r = 0;
    if (object) {
        r = json_each_member(node, add_property, &list);
    } else if (json_type_of(node) != JSON_TYPE_NULL) {
        r = add_property(&list, "steps", node);
    }
    model->pipeline = list.properties;
    model->pipeline_count = list.count;
    return r;
}

/* Fills *model from one model object; its strings are the document's. */
static int read_model(struct document *document, const struct json *node, struct situ_model *model)
{
    *model = (struct situ_model){.name = text_of(node, "name"),
                                 .version = text_of(node, "version"),
                                 .task = text_of(node, "task"),
                                 .state = text_of(node, "state"),
                                 .reason = text_of(node, "reason"),
                                 .loaded = json_get_bool(json_member(node, "loaded"), false),
                                 .digest = text_of(node, "digest"),
                                 .size_bytes = count_of(node, "bytes"),
                                 .label_count = count_of(node, "labels"),
                                 .family = text_of(node, "family"),
                                 .json = ""};
    int r = read_texts(document, json_member(node, "versions"), &model->versions,
                       &model->version_count);
    if (r == 0) {
        r = read_texts(document, json_member(node, "notes"), &model->notes, &model->note_count);
    }
    if (r == 0) {
        r = read_tensors(document, json_member(node, "inputs"), &model->inputs,
                         &model->input_count);
    }
    if (r == 0) {
        r = read_tensors(document, json_member(node, "outputs"), &model->outputs,
                         &model->output_count);
    }
    return r ? r : read_pipeline(document, json_member(node, "pipeline"), model);
}

static int fill_models(struct models *models, struct situ_error *error)
{
    const struct json *nodes = json_member(models->document.root, "models");
    if (json_type_of(nodes) != JSON_TYPE_ARRAY) {
        return client_fail(error, SITU_PROTOCOL, "the array's list of models cannot be read");
    }
    size_t count = json_length(nodes);
    const struct situ_model **list =
        document_alloc(&models->document, count, sizeof(struct situ_model *));
    if (!list) {
        return client_fail_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        struct situ_model *model = document_alloc(&models->document, 1, sizeof *model);
        if (!model || read_model(&models->document, json_element(nodes, i), model)) {
            return client_fail_memory(error);
        }
        list[i] = model;
    }
    models->public = (struct situ_models){
        .models = list, .count = count, .json = document_text(&models->document)};
    return 0;
}

int situ_model_list(struct situ *array, struct situ_models **ret_models, struct situ_error *error)
{
    if (ret_models) {
        *ret_models = NULL;
    }
    if (!array || !ret_models) {
        return -EINVAL;
    }
    struct models *models = calloc(1, sizeof *models);
    if (!models) {
        return client_fail_memory(error);
    }
    cleanup_buffer struct buffer target = BUFFER_INIT;
    buffer_append_text(&target, "/v1/models");
    int r = document_get(&models->document, array, &target, error);
    if (r == 0) {
        r = fill_models(models, error);
    }
    if (r) {
        situ_models_free(&models->public);
        return r;
    }
    *ret_models = &models->public;
    return 0;
}

void situ_models_free(struct situ_models *models)
{
    if (models) {
        struct models *whole = (struct models *)(void *)models;
        document_done(&whole->document);
        free(whole);
    }
}

int model_request(struct situ *array, const struct request *request, struct situ_model **ret_model,
                  struct situ_error *error)
{
    struct model *model = calloc(1, sizeof *model);
    if (!model) {
        return client_fail_memory(error);
    }
    int r = document_request(&model->document, array, request, error);
    if (r == 0 && json_type_of(model->document.root) != JSON_TYPE_OBJECT) {
        r = client_fail(error, SITU_PROTOCOL, "the array's model object cannot be read");
    }
    if (r == 0 && read_model(&model->document, model->document.root, &model->public)) {
        r = client_fail_memory(error);
    }
    if (r) {
        situ_model_free(&model->public);
        return r;
    }
    model->public.json = document_text(&model->document);
    *ret_model = &model->public;
    return 0;
}

static int model_target(struct buffer *target, const char *model, struct situ_error *error)
{
    struct model_name name;
    int r = model_name_parse(model, &name, error);
    if (r) {
        return r;
    }
    buffer_append_text(target, "/v1/models/");
    url_append(target, name.name, false);
    if (name.version[0]) {
        url_append_query(target, "version", name.version);
    }
    return buffer_text(target) ? 0 : client_fail_memory(error);
}

int situ_model_show(struct situ *array, const char *model, struct situ_model **ret_model,
                    struct situ_error *error)
{
    if (ret_model) {
        *ret_model = NULL;
    }
    if (!array || !ret_model) {
        return -EINVAL;
    }
    cleanup_buffer struct buffer target = BUFFER_INIT;
    int r = model_target(&target, model, error);
    if (r) {
        return r;
    }
    struct request request = {.method = "GET", .target = target.data};
    return model_request(array, &request, ret_model, error);
}

void situ_model_free(struct situ_model *model)
{
    if (model) {
        struct model *whole = (struct model *)(void *)model;
        document_done(&whole->document);
        free(whole);
    }
}

int situ_model_remove(struct situ *array, const char *model, struct situ_error *error)
{
    if (!array) {
        return -EINVAL;
    }
    cleanup_buffer struct buffer target = BUFFER_INIT;
    cleanup_buffer struct buffer answer = BUFFER_INIT;
    int r = model_target(&target, model, error);
    if (r) {
        return r;
    }
    struct request request = {.method = "DELETE", .target = target.data};
    return request_perform(array, &request, &answer, error);
}
