/* SPDX-License-Identifier: Apache-2.0
 *
 * Result objects: from JSON into the public struct, and back.
 */
#include "client/client_result.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "client/plain_numbers.h"
#include "client/reply.h"
#include "data/object_name.h"

static const struct situ_class no_class = {.label = ""};

/* These mark a result whose name is percent-encoded: as its classes if it has none, otherwise as
 * its message. So even a copy of the public struct has the mark. */
static const struct situ_class no_class_encoded = {.label = ""};
static const char no_message_encoded[] = "";

static bool is_encoded(const struct situ_result *result)
{
    return result->classes == &no_class_encoded || result->message == no_message_encoded;
}

/* Grows the array to `count` elements of `size` bytes each, at least one. */
static int grow(void **array, size_t *capacity, size_t count, size_t size)
{
    if (count <= *capacity && *array) {
        return 0;
    }
    void *larger = reallocarray(*array, count ? count : 1, size);
    if (!larger) {
        return -ENOMEM;
    }
    *array = larger;
    *capacity = count ? count : 1;
    return 0;
}

static int take_classes(struct client_result *held, const struct situ_label_table *table)
{
    const struct answer *answer = &held->wire.answer;
    void *memory = held->classes;
    int r = grow(&memory, &held->class_capacity, answer->class_count, sizeof *held->classes);
    held->classes = memory;
    if (r) {
        return r;
    }
    for (size_t i = 0; i < answer->class_count; i++) {
        const struct answer_class *class = &answer_class_list(answer)[i];
        const char *label = answer->class_labels ? answer->class_labels[i] : NULL;
        if (!label && table && class->index < table->count) {
            label = table->labels[class->index];
        }
        held->classes[i] = (struct situ_class){
            .index = class->index, .score = class->score, .label = label ? label : ""};
    }
    if (answer->class_count > 0) {
        held->result.classes = held->classes;
        held->result.class_count = answer->class_count;
    }
    return 0;
}

static int take_outputs(struct client_result *held)
{
    const struct answer *answer = &held->wire.answer;
    void *memory = held->outputs;
    int r = grow(&memory, &held->output_capacity, answer->tensor_count, sizeof *held->outputs);
    held->outputs = memory;
    if (r) {
        return r;
    }
    for (size_t i = 0; i < answer->tensor_count; i++) {
        const struct tensor *output = &answer->tensors[i];
        size_t count = 0;
        if (tensor_shape_count(&output->shape, &count) < 0) {
            count = 0; /* impossible: the parser has compared it with the data */
        }
        held->outputs[i] = (struct situ_tensor){.name = output->name,
                                                .datatype = datatype_name(output->datatype),
                                                .rank = output->shape.rank,
                                                .dims = output->shape.dims,
                                                .data = output->data,
                                                .size_bytes = output->size_bytes,
                                                .count = count};
    }
    held->result.outputs = held->outputs;
    held->result.output_count = answer->tensor_count;
    return 0;
}

static void forget(struct client_result *held)
{
    if (held->wire_set) {
        result_done(&held->wire);
        held->wire_set = false;
    }
    json_free(held->root);
    held->root = NULL;
    held->result = (struct situ_result){.object = "", .message = "", .classes = &no_class};
}

/* Sets the result's name: unchanged, or if it is not UTF-8 encoded and followed by its bytes. */
static int put_name(struct client_result *held, const char *bytes)
{
    struct buffer *name = &held->name;
    struct situ_result *result = &held->result;
    if (object_name_is_text(bytes)) {
        result->object = bytes;
        return 0;
    }
    buffer_clear(name);
    object_name_encode(name, bytes);
    buffer_append_char(name, '\0');
    buffer_append(name, bytes, strlen(bytes) + 1);
    if (buffer_ok(name) < 0) {
        return -ENOMEM;
    }
    result->object = name->data;
    if (result->class_count == 0) {
        result->classes = &no_class_encoded;
    } else {
        result->message = no_message_encoded;
    }
    return 0;
}

const char *situ_result_raw_name(const struct situ_result *result)
{
    if (!result) {
        return NULL;
    }
    return is_encoded(result) ? result->object + strlen(result->object) + 1 : result->object;
}

static int take_gone(struct client_result *held, struct situ_error *error)
{
    const char *name = NULL;
    pool_done(&held->gone_name);
    held->result.gone = 1;
    int r = reply_name(held->root, "object", &held->gone_name, &name, error);
    if (r) {
        return r;
    }
    return put_name(held, name ? name : "") ? client_fail_memory(error) : 0;
}

static int take_answer(struct client_result *held, const struct situ_label_table *table)
{
    const struct answer *answer = &held->wire.answer;
    struct situ_result *result = &held->result;
    if (answer->kind == &answer_classes) {
        return take_classes(held, table);
    }
    if (answer->kind == &answer_tensors) {
        return take_outputs(held);
    }
    if (answer->kind == &answer_embedding) {
        result->embedding = answer->embedding;
        result->embedding_size = answer->embedding_size;
    } else if (answer->kind == &answer_failure) {
        result->code = answer->error_code == ERROR_NONE ? SITU_INTERNAL : (int)answer->error_code;
        result->message = answer->error_message ? answer->error_message : "";
    }
    return 0;
}

int client_result_take(struct client_result *held, struct json *root,
                       const struct situ_label_table *table, struct situ_error *error)
{
    forget(held);
    held->root = root;
    struct error reason;
    if (json_get_bool(json_member(root, "gone"), false)) {
        return take_gone(held, error);
    }
    int r = result_parse_node(root, &held->wire, &reason);
    if (r) {
        return client_fail_answer(error, &reason);
    }
    held->wire_set = true;
    const struct result *wire = &held->wire;
    r = take_answer(held, table);
    if (r == 0) {
        r = put_name(held, wire->object ? wire->object : "");
    }
    return r ? client_fail_memory(error) : 0;
}

int client_result_refuse(struct client_result *held, const char *object, const char *message,
                         struct situ_error *error)
{
    forget(held);
    held->result.code = SITU_MALFORMED;
    held->result.message = message;
    return put_name(held, object) ? client_fail_memory(error) : 0;
}

void client_result_done(struct client_result *held)
{
    forget(held);
    free(held->classes);
    free(held->outputs);
    buffer_done(&held->name);
    pool_done(&held->gone_name);
    *held = (struct client_result){0};
}

void situ_result_free(struct situ_result *result)
{
    if (result) {
        struct client_result *held = (struct client_result *)(void *)result;
        client_result_done(held);
        free(held);
    }
}

static void write_gone(struct buffer *out, const char *object)
{
    struct json_writer w = JSON_WRITER(out);
    json_begin_object(&w, NULL);
    object_name_put(&w, "object", object);
    json_put_bool(&w, "gone", true);
    json_end_object(&w);
}

static struct tensor tensor_of(const struct situ_tensor *from)
{
    struct tensor tensor = {.name = from->name,
                            .datatype = datatype_parse(from->datatype),
                            .shape.rank = from->rank,
                            .data = from->data,
                            .size_bytes = from->size_bytes};
    for (uint32_t d = 0; d < from->rank && d < LIMIT_TENSOR_RANK; d++) {
        tensor.shape.dims[d] = from->dims[d];
    }
    return tensor;
}

static int write_result(struct buffer *out, const struct situ_result *from, const char *object)
{
    cleanup_free struct answer_class *classes = NULL;
    cleanup_free const char **labels = NULL;
    cleanup_free struct tensor *outputs = NULL;
    struct result wire = {.object = object[0] ? object : NULL};
    struct answer *answer = &wire.answer;

    if (from->gone) {
        write_gone(out, object);
        return 0;
    }
    classes = calloc(from->class_count + 1, sizeof *classes);
    labels = calloc(from->class_count + 1, sizeof *labels);
    outputs = calloc(from->output_count + 1, sizeof *outputs);
    if (!classes || !labels || !outputs) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < from->class_count; i++) {
        const struct situ_class *class = &from->classes[i];
        classes[i] = (struct answer_class){.index = class->index, .score = class->score};
        labels[i] = class->label[0] ? class->label : NULL;
    }
    for (size_t i = 0; i < from->output_count; i++) {
        outputs[i] = tensor_of(&from->outputs[i]);
    }
    if (from->code != SITU_OK) {
        answer->kind = &answer_failure;
        answer->error_code = (enum error_code)from->code;
        answer->error_message = from->message;
    } else if (from->embedding) {
        answer->kind = &answer_embedding;
        answer->embedding = from->embedding;
        answer->embedding_size = from->embedding_size;
    } else if (from->outputs) {
        answer->kind = &answer_tensors;
        answer->tensors = outputs;
        answer->tensor_count = from->output_count;
    } else {
        answer->kind = &answer_classes;
        answer->classes = classes;
        answer->class_labels = labels;
        answer->class_count = from->class_count;
    }
    result_write_json(out, &wire, NULL);
    return 0;
}

int situ_result_json(const struct situ_result *result, char **ret_text)
{
    if (!result || !ret_text) {
        return -EINVAL;
    }
    *ret_text = NULL;
    cleanup_buffer struct buffer out = BUFFER_INIT;
    struct plain_numbers plain;
    if (plain_numbers_begin(&plain)) {
        return -ENOMEM;
    }
    int failed = write_result(&out, result, situ_result_raw_name(result));
    plain_numbers_end(&plain);
    if (failed || !buffer_text(&out)) {
        return -ENOMEM;
    }
    *ret_text = take_ptr(out.data);
    return 0;
}

static double read_number(enum datatype datatype, const unsigned char *at)
{
    union {
        uint8_t u8;
        uint16_t u16;
        uint32_t u32;
        uint64_t u64;
        int8_t i8;
        int16_t i16;
        int32_t i32;
        int64_t i64;
        float f32;
        double f64;
    } value = {.u64 = 0};
    memcpy(&value, at, datatype_size(datatype));
    switch (datatype) {
    case DATATYPE_BOOL:
    case DATATYPE_UINT8:
        return value.u8;
    case DATATYPE_UINT16:
        return value.u16;
    case DATATYPE_UINT32:
        return value.u32;
    case DATATYPE_UINT64:
        return (double)value.u64;
    case DATATYPE_INT8:
        return value.i8;
    case DATATYPE_INT16:
        return value.i16;
    case DATATYPE_INT32:
        return value.i32;
    case DATATYPE_INT64:
        return (double)value.i64;
    case DATATYPE_FP16:
        return (double)half_to_float(value.u16);
    case DATATYPE_BF16:
        return (double)bf16_to_float(value.u16);
    case DATATYPE_FP32:
        return (double)value.f32;
    case DATATYPE_FP64:
        return value.f64;
    default:
        return NAN;
    }
}

double situ_tensor_value(const struct situ_tensor *tensor, size_t index)
{
    if (!tensor || index >= tensor->count) {
        return NAN;
    }
    enum datatype datatype = datatype_parse(tensor->datatype);
    size_t width = datatype_size(datatype);
    if (width == 0 || (index + 1) * width > tensor->size_bytes) {
        return NAN;
    }
    return read_number(datatype, (const unsigned char *)tensor->data + index * width);
}
