/* SPDX-License-Identifier: Apache-2.0
 *
 * Result objects, written by the array and read by its clients. The reader does not trust the
 * array: every count is that of the JSON at hand.
 */
#include "data/result.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/bytes.h"
#include "base/pool.h"
#include "data/object_name.h"
#include "data/tensor_bytes.h"
#include "data/tensor_json.h"

struct result_memory {
    struct json *root; /* owned; NULL where the caller keeps the tree */
    struct pool pool;
};

static void write_member(struct buffer *out, const char *key, const char *value)
{
    json_write_string(out, key);
    buffer_append_char(out, ':');
    json_write_string(out, value);
}

/* Six significant digits tell all that a score has to say. */
static void write_score(struct buffer *out, float score)
{
    if (isfinite(score) && score != 0) {
        buffer_printf(out, "%.6g", (double)score);
    } else {
        json_write_float(out, score);
    }
}

static void write_classes(struct buffer *out, const struct result *result)
{
    buffer_append_text(out, "\"classes\":[");
    for (size_t i = 0; i < result->class_count; i++) {
        const struct result_class *class = &result->classes[i];
        buffer_printf(out, "%s{\"index\":%" PRIu32 ",", i > 0 ? "," : "", class->index);
        if (class->label) {
            write_member(out, "label", class->label);
            buffer_append_char(out, ',');
        }
        buffer_append_text(out, "\"score\":");
        write_score(out, class->score);
        buffer_append_char(out, '}');
    }
    buffer_append_char(out, ']');
}

static void write_embedding_base64(struct buffer *out, const struct result *result)
{
    uint8_t piece[768]; /* whole float32, and whole base64 steps */
    buffer_append_text(out, "\"embedding\":\"");
    for (size_t i = 0; i < result->embedding_size;) {
        size_t size = 0;
        for (; size < sizeof piece && i < result->embedding_size; i++, size += sizeof(uint32_t)) {
            uint32_t bits;
            memcpy(&bits, &result->embedding[i], sizeof bits);
            bytes_put_u32(piece + size, bits);
        }
        base64_write(out, piece, size);
    }
    buffer_append_char(out, '"');
}

static void write_embedding(struct buffer *out, const struct result *result)
{
    if (result->embedding_base64) {
        write_embedding_base64(out, result);
        return;
    }
    buffer_append_text(out, "\"embedding\":[");
    for (size_t i = 0; i < result->embedding_size; i++) {
        if (i > 0) {
            buffer_append_char(out, ',');
        }
        json_write_float(out, result->embedding[i]);
    }
    buffer_append_char(out, ']');
}

static void write_outputs(struct buffer *out, const struct result *result)
{
    buffer_append_text(out, "\"outputs\":[");
    for (size_t i = 0; i < result->output_count; i++) {
        const struct tensor *output = &result->outputs[i];
        buffer_append_text(out, i > 0 ? ",{" : "{");
        write_member(out, "name", output->name);
        buffer_append_char(out, ',');
        write_member(out, "datatype", datatype_name(output->datatype));
        buffer_append_text(out, ",\"shape\":[");
        for (uint32_t d = 0; d < output->shape.rank && d < LIMIT_TENSOR_RANK; d++) {
            buffer_printf(out, "%s%" PRId64, d > 0 ? "," : "", output->shape.dims[d]);
        }
        buffer_append_text(out, "],\"data\":");
        size_t size = datatype_size(output->datatype);
        size_t count = size > 0 ? output->size_bytes / size : 0;
        if (output->datatype == DATATYPE_BYTES && result->later) {
            pieces_add_strings(result->later, output->data, output->size_bytes);
        } else if (output->datatype == DATATYPE_BYTES) {
            tensor_json_write_strings(out, output->data, output->size_bytes);
        } else if (result->later && size > 0) {
            pieces_add_numbers(result->later, output->datatype, output->data, count);
        } else {
            tensor_json_write(out, output->datatype, output->data, count);
        }
        buffer_append_char(out, '}');
    }
    buffer_append_char(out, ']');
}

void result_write_json(struct buffer *out, const struct result *result)
{
    buffer_append_char(out, '{');
    if (result->object) {
        object_name_write(out, "object", result->object);
        buffer_append_char(out, ',');
    }
    switch (result->kind) {
    case RESULT_CLASSES:
        write_classes(out, result);
        break;
    case RESULT_EMBEDDING:
        write_embedding(out, result);
        break;
    case RESULT_OUTPUTS:
        write_outputs(out, result);
        break;
    case RESULT_ERROR:
        buffer_append_text(out, "\"error\":{");
        write_member(out, "code", error_code_name(result->error_code));
        buffer_append_char(out, ',');
        write_member(out, "message", result->error_message ? result->error_message : "");
        buffer_append_char(out, '}');
        break;
    }
    buffer_append_char(out, '}');
}

static int malformed(const char *what, struct error *error)
{
    return error_set(error, ERROR_MALFORMED, "the array's answer has a result whose %s", what);
}

static int out_of_memory(struct error *error)
{
    return error_memory(error, "a result");
}

/* A number, or null for one that was not finite. */
static bool read_float(const struct json *node, float *ret_value)
{
    if (node && json_type_of(node) == JSON_TYPE_NULL) {
        *ret_value = NAN;
        return true;
    }
    unsigned char bytes[sizeof *ret_value];
    if (!tensor_json_read(DATATYPE_FP32, node, bytes)) {
        return false;
    }
    uint32_t bits = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
                    (uint32_t)bytes[3] << 24;
    memcpy(ret_value, &bits, sizeof bits);
    return true;
}

static int parse_error(const struct json *fault, struct result *result, struct error *error)
{
    if (json_type_of(fault) != JSON_TYPE_OBJECT) {
        return malformed("error is no object", error);
    }
    result->kind = RESULT_ERROR;
    result->error_code = error_code_parse(json_get_string(json_member(fault, "code"), ""));
    result->error_message = json_get_string(json_member(fault, "message"), "");
    return 0;
}

static int parse_classes(struct pool *pool, const struct json *array, struct result *result,
                         struct error *error)
{
    size_t count = json_length(array);
    struct result_class *classes = pool_take(pool, count * sizeof *classes);
    if (!classes) {
        return out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        const struct json *class = json_element(array, i);
        int64_t index = json_get_integer(json_member(class, "index"), -1);
        float score = 0;
        if (index < 0 || index > UINT32_MAX || !read_float(json_member(class, "score"), &score)) {
            return malformed("classes want an index and a score each", error);
        }
        classes[i] =
            (struct result_class){.index = (uint32_t)index,
                                  .score = score,
                                  .label = json_get_string(json_member(class, "label"), NULL)};
    }
    result->kind = RESULT_CLASSES;
    result->classes = classes;
    result->class_count = count;
    return 0;
}

static int parse_embedding(struct pool *pool, const struct json *array, struct result *result,
                           struct error *error)
{
    size_t count = json_length(array);
    float *values = pool_take(pool, count * sizeof *values);
    if (!values) {
        return out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        if (!read_float(json_element(array, i), &values[i])) {
            return malformed("embedding holds something else than numbers", error);
        }
    }
    result->kind = RESULT_EMBEDDING;
    result->embedding = values;
    result->embedding_size = count;
    return 0;
}

static int parse_embedding_base64(struct pool *pool, const struct json *text, struct result *result,
                                  struct error *error)
{
    size_t length = json_length(text);
    size_t size = 0;
    uint8_t *bytes = pool_take(pool, base64_room(length));
    if (!bytes) {
        return out_of_memory(error);
    }
    if (base64_decode(json_get_string(text, ""), length, bytes, &size) < 0 ||
        size % sizeof(float) != 0) {
        return malformed("embedding is no base64 of float32 values", error);
    }
    size_t count = size / sizeof(float);
    float *values = pool_take(pool, size);
    if (!values) {
        return out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = bytes_get_u32(bytes + i * sizeof bits);
        memcpy(&values[i], &bits, sizeof bits);
    }
    result->kind = RESULT_EMBEDDING;
    result->embedding = values;
    result->embedding_size = count;
    result->embedding_base64 = true;
    return 0;
}

/* Null, where the value was not finite, as NaN. */
static void store_nan(enum datatype datatype, unsigned char *out)
{
    const uint16_t half = float_to_half(NAN);
    const float single = NAN;
    const double twice = (double)NAN;
    const uint16_t brain = float_to_bf16(NAN);
    if (datatype == DATATYPE_FP16) {
        memcpy(out, &half, sizeof half);
    } else if (datatype == DATATYPE_BF16) {
        memcpy(out, &brain, sizeof brain);
    } else if (datatype == DATATYPE_FP32) {
        memcpy(out, &single, sizeof single);
    } else {
        memcpy(out, &twice, sizeof twice);
    }
}

static int parse_values(struct pool *pool, const struct json *array, struct tensor *output,
                        struct error *error)
{
    size_t size = datatype_size(output->datatype);
    size_t count = json_length(array);
    bool floats = output->datatype == DATATYPE_FP16 || output->datatype == DATATYPE_BF16 ||
                  output->datatype == DATATYPE_FP32 || output->datatype == DATATYPE_FP64;
    unsigned char *data = pool_take(pool, count * size);
    if (!data) {
        return out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        const struct json *value = json_element(array, i);
        if (floats && json_type_of(value) == JSON_TYPE_NULL) {
            store_nan(output->datatype, data + i * size);
        } else if (!tensor_json_read(output->datatype, value, data + i * size)) {
            return malformed("output holds a value that its datatype has not", error);
        }
    }
    output->data = data;
    output->size_bytes = count * size;
    return 0;
}

static int parse_strings(struct pool *pool, const struct json *array, struct tensor *output,
                         struct error *error)
{
    size_t count = json_length(array);
    size_t size = count * TENSOR_BYTES_HEAD;
    for (size_t i = 0; i < count; i++) {
        size += json_length(json_element(array, i));
        if (json_type_of(json_element(array, i)) != JSON_TYPE_STRING) {
            return malformed("output of BYTES holds what is no string", error);
        }
    }
    char *out = pool_take(pool, size);
    if (!out) {
        return out_of_memory(error);
    }
    output->data = out;
    output->size_bytes = size;
    for (size_t i = 0; i < count; i++) {
        const struct json *element = json_element(array, i);
        size_t length = json_length(element);
        tensor_bytes_put(out, (uint32_t)length);
        memcpy(out + TENSOR_BYTES_HEAD, json_get_string(element, ""), length);
        out += TENSOR_BYTES_HEAD + length;
    }
    return 0;
}

static int parse_output(struct pool *pool, const struct json *node, struct tensor *output,
                        struct error *error)
{
    const struct json *shape = json_member(node, "shape");
    const struct json *data = json_member(node, "data");
    size_t rank = json_length(shape);
    output->name = json_get_string(json_member(node, "name"), NULL);
    output->datatype = datatype_parse(json_get_string(json_member(node, "datatype"), ""));
    if (!output->name || output->datatype == DATATYPE_NONE || rank > LIMIT_TENSOR_RANK ||
        json_type_of(shape) != JSON_TYPE_ARRAY || json_type_of(data) != JSON_TYPE_ARRAY) {
        return malformed("outputs want name, datatype, shape and data each", error);
    }
    output->shape.rank = (uint32_t)rank;
    for (size_t i = 0; i < rank; i++) {
        output->shape.dims[i] = json_get_integer(json_element(shape, i), -1);
    }
    size_t count = 0;
    if (tensor_shape_count(&output->shape, &count) < 0 || count != json_length(data)) {
        return malformed("output is not as long as its shape says", error);
    }
    return output->datatype == DATATYPE_BYTES ? parse_strings(pool, data, output, error)
                                              : parse_values(pool, data, output, error);
}

static int parse_outputs(struct pool *pool, const struct json *array, struct result *result,
                         struct error *error)
{
    size_t count = json_length(array);
    struct tensor *outputs = pool_take(pool, count * sizeof *outputs);
    if (!outputs) {
        return out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        int r = parse_output(pool, json_element(array, i), &outputs[i], error);
        if (r < 0) {
            return r;
        }
    }
    result->kind = RESULT_OUTPUTS;
    result->outputs = outputs;
    result->output_count = count;
    return 0;
}

static int parse_node(struct pool *pool, const struct json *node, struct result *result,
                      struct error *error)
{
    static const struct {
        const char *key;
        int (*parse)(struct pool *pool, const struct json *array, struct result *result,
                     struct error *error);
    } kinds[] = {
        {"classes", parse_classes}, {"embedding", parse_embedding}, {"outputs", parse_outputs}};
    if (json_type_of(node) != JSON_TYPE_OBJECT) {
        return malformed("line is no JSON object", error);
    }
    result->object_text = json_get_string(json_member(node, "object"), NULL);
    int r = object_name_read(node, "object", pool, &result->object);
    if (r < 0) {
        return r == -ENOMEM
                   ? out_of_memory(error)
                   : malformed("object is marked as encoded, and cannot be decoded", error);
    }
    const struct json *fault = json_member(node, "error");
    if (fault) {
        return parse_error(fault, result, error);
    }
    const struct json *embedding = json_member(node, "embedding");
    if (json_type_of(embedding) == JSON_TYPE_STRING) {
        return parse_embedding_base64(pool, embedding, result, error);
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct json *array = json_member(node, kinds[i].key);
        if (json_type_of(array) == JSON_TYPE_ARRAY) {
            return kinds[i].parse(pool, array, result, error);
        }
    }
    return malformed("object has neither classes, embedding, outputs nor error", error);
}

/* Takes `root` over, whatever comes of it. */
static int parse_owned(struct json *root, const struct json *node, struct result *ret_result,
                       struct error *error)
{
    struct result result = {.memory = calloc(1, sizeof *result.memory)};
    if (!result.memory) {
        json_free(root);
        return out_of_memory(error);
    }
    result.memory->root = root;
    int r = parse_node(&result.memory->pool, node, &result, error);
    if (r < 0) {
        result_done(&result);
        return r;
    }
    *ret_result = result;
    return 0;
}

int result_parse(const char *line, size_t size, struct result *ret_result, struct error *error)
{
    struct json *root = NULL;
    int r = json_parse_large(line, size, "result", &root, error);
    return r < 0 ? r : parse_owned(root, root, ret_result, error);
}

int result_parse_node(const struct json *node, struct result *ret_result, struct error *error)
{
    return parse_owned(NULL, node, ret_result, error);
}

void result_done(struct result *result)
{
    if (result->memory) {
        json_free(result->memory->root);
        pool_done(&result->memory->pool);
        free(result->memory);
    }
    *result = (struct result){0};
}
