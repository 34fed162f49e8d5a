/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the array's model objects.
 */
#include "client/model_object.h"

#include <errno.h>
#include <string.h>

#include "base/json_write.h"
#include "client/reply.h"

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
        infos[i] = (struct situ_tensor_info){.name = reply_text(tensor, "name"),
                                             .datatype = reply_text(tensor, "datatype"),
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
        json_put_integer(&JSON_WRITER(out), NULL, json_get_integer(node, 0));
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

int model_fill(struct situ_model *model, struct document *document, const struct json *node)
{
    *model = (struct situ_model){.name = reply_text(node, "name"),
                                 .version = reply_text(node, "version"),
                                 .task = reply_text(node, "task"),
                                 .state = reply_text(node, "state"),
                                 .reason = reply_text(node, "reason"),
                                 .loaded = reply_flag(node, "loaded", false),
                                 .digest = reply_text(node, "digest"),
                                 .size_bytes = reply_count(node, "bytes"),
                                 .label_count = reply_count(node, "labels"),
                                 .family = reply_text(node, "family"),
                                 .json = ""};
    if (read_texts(document, json_member(node, "versions"), &model->versions,
                   &model->version_count) ||
        read_texts(document, json_member(node, "notes"), &model->notes, &model->note_count) ||
        read_tensors(document, json_member(node, "inputs"), &model->inputs, &model->input_count) ||
        read_tensors(document, json_member(node, "outputs"), &model->outputs,
                     &model->output_count)) {
        return -ENOMEM;
    }
    return read_pipeline(document, json_member(node, "pipeline"), model);
}

static int fill(struct document *document, struct situ_error *error)
{
    struct situ_model *model = document_public(document);
    if (json_type_of(document->root) != JSON_TYPE_OBJECT) {
        return client_fail(error, SITU_PROTOCOL, "the array's model object cannot be read");
    }
    if (model_fill(model, document, document->root)) {
        return client_fail_memory(error);
    }
    model->json = document_text(document);
    return 0;
}

int model_fetch(struct situ *array, const struct request *request, struct situ_model **ret_model,
                struct situ_error *error)
{
    static const struct document_form form = {sizeof(struct situ_model), fill};
    return document_fetch(array, request, &form, ret_model, error);
}

void situ_model_free(struct situ_model *model)
{
    document_free_public(model);
}
