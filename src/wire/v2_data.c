/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the data of an input tensor. In JSON it is flat or nested like the shape, as the protocol
 * allows both; in the binary part there are plain numbers, or BYTES elements, each after its length
 * in four bytes, little-endian.
 */
#include "wire/v2_data.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/base64.h"
#include "data/object_name.h"
#include "data/tensor_bytes.h"
#include "data/tensor_json.h"

enum { LENGTH_SIZE = 4 };

static int out_of_memory(struct error *error)
{
    return error_memory(error, "a request");
}

static int wrong_count(const struct v2_input *input, struct error *error)
{
    char shape[128];
    return error_set(error, ERROR_MALFORMED,
                     "input '%s': shape %s wants %zu elements, flat or nested as the shape is, and "
                     "data has others",
                     input->tensor.name,
                     tensor_shape_text(&input->tensor.shape, shape, sizeof shape), input->count);
}

/* Iterates over the elements of a JSON array, through all its levels. */
struct leaves {
    const struct v2_input *input;
    const struct json *arrays[LIMIT_TENSOR_RANK + 1]; /* the path to the next element */
    size_t next[LIMIT_TENSOR_RANK + 1];
    uint32_t depth;
    uint32_t levels; /* of arrays: 1 if flat, otherwise the rank */
};

/* A flat array must have all elements, a nested one the shape's number at each level. */
static int leaves_down(struct leaves *leaves, const struct json *array, struct error *error)
{
    const struct v2_input *input = leaves->input;
    size_t wanted =
        leaves->levels == 1 ? input->count : (size_t)input->tensor.shape.dims[leaves->depth];
    if (json_type_of(array) != JSON_TYPE_ARRAY || json_length(array) != wanted) {
        return wrong_count(input, error);
    }
    leaves->arrays[leaves->depth] = array;
    leaves->next[leaves->depth] = 0;
    leaves->depth++;
    return 0;
}

static int leaves_init(struct leaves *leaves, const struct v2_input *input, const struct json *data,
                       struct error *error)
{
    *leaves = (struct leaves){.input = input, .levels = 1};
    if (input->tensor.shape.rank > 1 && json_type_of(json_element(data, 0)) == JSON_TYPE_ARRAY) {
        leaves->levels = input->tensor.shape.rank;
    }
    return leaves_down(leaves, data, error);
}

/* The next element; NULL at the end. */
static int leaves_next(struct leaves *leaves, const struct json **ret_leaf, struct error *error)
{
    while (leaves->depth > 0) {
        uint32_t level = leaves->depth - 1;
        const struct json *array = leaves->arrays[level];
        if (leaves->next[level] == json_length(array)) {
            leaves->depth--;
            continue;
        }
        const struct json *element = json_element(array, leaves->next[level]++);
        if (leaves->depth == leaves->levels) {
            *ret_leaf = element;
            return 0;
        }
        int r = leaves_down(leaves, element, error);
        if (r < 0) {
            return r;
        }
    }
    *ret_leaf = NULL;
    return 0;
}

static int read_json_numbers(struct pool *memory, const struct v2_source *source,
                             struct v2_input *input, struct error *error)
{
    if (input->tensor.datatype == DATATYPE_FP16 || input->tensor.datatype == DATATYPE_BF16) {
        return error_set(error, ERROR_MALFORMED,
                         "input '%s': %s has no form in JSON; send it as binary data",
                         input->tensor.name, datatype_name(input->tensor.datatype));
    }
    if (input->count > LIMIT_JSON_VALUES) { /* more than the document can have */
        return wrong_count(input, error);
    }
    size_t size = datatype_size(input->tensor.datatype);
    unsigned char *out = pool_take(memory, input->count * size);
    if (!out) {
        return out_of_memory(error);
    }
    input->tensor.data = out;
    input->tensor.size_bytes = input->count * size;
    struct leaves leaves;
    int r = leaves_init(&leaves, input, source->data, error);
    for (size_t i = 0; r == 0 && i < input->count; i++) {
        const struct json *leaf = NULL;
        r = leaves_next(&leaves, &leaf, error);
        if (r == 0 && !tensor_json_read(input->tensor.datatype, leaf, out + i * size)) {
            return error_set(error, ERROR_MALFORMED,
                             "input '%s': element %zu of data is %s that is no %s",
                             input->tensor.name, i, json_type_name(json_type_of(leaf)),
                             datatype_name(input->tensor.datatype));
        }
    }
    return r;
}

/* The next bytes of the binary part. */
static int take_binary(struct v2_source *source, const struct v2_input *input,
                       const char **ret_bytes, struct error *error)
{
    if (source->binary_size > source->rest_size) {
        return error_set(error, ERROR_MALFORMED,
                         "input '%s': binary_data_size is %" PRIu64
                         ", and %zu bytes are left behind the JSON",
                         input->tensor.name, source->binary_size, source->rest_size);
    }
    *ret_bytes = source->rest;
    source->rest += source->binary_size;
    source->rest_size -= (size_t)source->binary_size;
    return 0;
}

static int read_binary_numbers(struct v2_source *source, struct v2_input *input,
                               struct error *error)
{
    const char *bytes = "";
    int r = take_binary(source, input, &bytes, error);
    if (r < 0) {
        return r;
    }
    input->tensor.size_bytes = input->count * datatype_size(input->tensor.datatype);
    if (source->binary_size != input->tensor.size_bytes) {
        char shape[128];
        return error_set(error, ERROR_MALFORMED,
                         "input '%s': %s %s takes %zu bytes, binary_data_size is %" PRIu64,
                         input->tensor.name, datatype_name(input->tensor.datatype),
                         tensor_shape_text(&input->tensor.shape, shape, sizeof shape),
                         input->tensor.size_bytes, source->binary_size);
    }
    for (size_t i = 0; input->tensor.datatype == DATATYPE_BOOL && i < input->count; i++) {
        if (bytes[i] != 0 && bytes[i] != 1) {
            return error_set(error, ERROR_MALFORMED, "input '%s': element %zu is no BOOL",
                             input->tensor.name, i);
        }
    }
    input->tensor.data = bytes;
    return 0;
}

/* A copy with a NUL at the end, which binary data lacks; decoded if names are marked as encoded. */
static int take_name(struct pool *memory, const struct v2_input *input, size_t index,
                     struct v2_bytes *element, struct error *error)
{
    if (memchr(element->data, '\0', element->size)) {
        return error_set(error, ERROR_MALFORMED,
                         "input '%s': the object name in element %zu has a NUL byte",
                         input->tensor.name, index);
    }
    char *copy = pool_take(memory, element->size + 1);
    if (!copy) {
        return out_of_memory(error);
    }
    memcpy(copy, element->data, element->size);
    copy[element->size] = '\0';
    if (input->encoded && object_name_decode(copy) < 0) {
        return error_set(
            error, ERROR_MALFORMED,
            "input '%s': the object name in element %zu is marked as encoded, and has a "
            "'%%' without two hexadecimal digits, or %%00",
            input->tensor.name, index);
    }
    *element = (struct v2_bytes){.data = copy, .size = strlen(copy)};
    return 0;
}

static int read_binary_elements(struct pool *memory, struct v2_source *source,
                                struct v2_input *input, struct error *error)
{
    const char *bytes = "";
    int r = take_binary(source, input, &bytes, error);
    size_t left = (size_t)source->binary_size;
    for (size_t i = 0; r == 0 && i < input->count; i++) {
        unsigned char length[LENGTH_SIZE] = {0};
        if (left >= LENGTH_SIZE) {
            memcpy(length, bytes, LENGTH_SIZE);
        }
        size_t size = (size_t)length[0] | (size_t)length[1] << 8 | (size_t)length[2] << 16 |
                      (size_t)length[3] << 24;
        if (left < LENGTH_SIZE || size > left - LENGTH_SIZE) {
            return error_set(error, ERROR_MALFORMED,
                             "input '%s': element %zu goes beyond the input's binary data",
                             input->tensor.name, i);
        }
        input->elements[i] = (struct v2_bytes){.data = bytes + LENGTH_SIZE, .size = size};
        bytes += LENGTH_SIZE + size;
        left -= LENGTH_SIZE + size;
        if (input->stored_object) {
            r = take_name(memory, input, i, &input->elements[i], error);
        }
    }
    if (r == 0 && left > 0) {
        return error_set(error, ERROR_MALFORMED,
                         "input '%s': %zu bytes of its binary data belong to no element",
                         input->tensor.name, left);
    }
    return r;
}

static int next_string(struct leaves *leaves, size_t index, const struct json **ret_leaf,
                       struct error *error)
{
    int r = leaves_next(leaves, ret_leaf, error);
    if (r == 0 && json_type_of(*ret_leaf) != JSON_TYPE_STRING) {
        return error_set(
            error, ERROR_MALFORMED, "input '%s': element %zu of data is %s, BYTES wants strings",
            leaves->input->tensor.name, index, json_type_name(json_type_of(*ret_leaf)));
    }
    return r;
}

static int read_json_elements(struct pool *memory, const struct v2_source *source,
                              struct v2_input *input, struct error *error)
{
    struct leaves leaves;
    int r = leaves_init(&leaves, input, source->data, error);
    for (size_t i = 0; r == 0 && i < input->count; i++) {
        const struct json *leaf = NULL;
        r = next_string(&leaves, i, &leaf, error);
        if (r < 0) {
            return r;
        }
        struct v2_bytes *element = &input->elements[i];
        *element = (struct v2_bytes){.data = json_get_string(leaf, ""), .size = json_length(leaf)};
        if (input->stored_object && input->encoded) {
            r = take_name(memory, input, i, element, error);
        }
        if (input->stored_object || !source->base64) {
            continue;
        }
        char *decoded = pool_take(memory, base64_room(element->size));
        if (!decoded) {
            return out_of_memory(error);
        }
        if (base64_decode(element->data, element->size, decoded, &element->size) < 0) {
            return error_set(error, ERROR_MALFORMED,
                             "input '%s': element %zu is not base64 (padded, without line breaks; "
                             "names of stored objects want parameters.stored_object)",
                             input->tensor.name, i);
        }
        element->data = decoded;
    }
    return r;
}

static int read_binary_strings(struct v2_source *source, struct v2_input *input,
                               struct error *error)
{
    const char *bytes = "";
    int r = take_binary(source, input, &bytes, error);
    if (r < 0) {
        return r;
    }
    input->tensor.data = bytes;
    input->tensor.size_bytes = (size_t)source->binary_size;
    return tensor_bytes_valid(bytes, input->tensor.size_bytes, input->count)
               ? 0
               : error_set(error, ERROR_MALFORMED,
                           "input '%s': its %zu bytes of binary data are not %zu elements, each "
                           "behind its length in four bytes",
                           input->tensor.name, input->tensor.size_bytes, input->count);
}

/* At least as many bytes as all elements take. */
static int strings_room(const struct v2_source *source, const struct v2_input *input,
                        size_t *ret_room, struct error *error)
{
    if (input->count > LIMIT_JSON_VALUES) { /* more than the document can have */
        return wrong_count(input, error);
    }
    struct leaves leaves;
    const struct json *leaf = NULL;
    size_t room = 0;
    int r = leaves_init(&leaves, input, source->data, error);
    for (size_t i = 0; r == 0 && i < input->count; i++) {
        r = next_string(&leaves, i, &leaf, error);
        room += r == 0 ? TENSOR_BYTES_HEAD + base64_room(json_length(leaf)) + json_length(leaf) : 0;
    }
    *ret_room = room;
    return r;
}

static int read_json_strings(struct pool *memory, const struct v2_source *source,
                             struct v2_input *input, struct error *error)
{
    struct leaves leaves;
    const struct json *leaf = NULL;
    size_t room = 0;
    size_t used = 0;
    int r = strings_room(source, input, &room, error);
    if (r < 0) {
        return r;
    }
    char *out = pool_take(memory, room);
    if (!out) {
        return out_of_memory(error);
    }
    r = leaves_init(&leaves, input, source->data, error);
    for (size_t i = 0; r == 0 && i < input->count; i++) {
        r = next_string(&leaves, i, &leaf, error);
        if (r < 0) {
            return r;
        }
        size_t size = json_length(leaf);
        const char *text = json_get_string(leaf, "");
        char *at = out + used + TENSOR_BYTES_HEAD;
        if (!source->base64) {
            memcpy(at, text, size);
        } else if (base64_decode(text, size, at, &size) < 0) {
            return error_set(error, ERROR_MALFORMED,
                             "input '%s': element %zu is not base64 (padded, without line breaks)",
                             input->tensor.name, i);
        }
        tensor_bytes_put(out + used, (uint32_t)size);
        used += TENSOR_BYTES_HEAD + size;
    }
    input->tensor.data = out;
    input->tensor.size_bytes = used;
    return r;
}

int v2_data_read(struct pool *memory, struct v2_source *source, struct v2_input *input,
                 struct error *error)
{
    if (input->tensor.datatype != DATATYPE_BYTES) {
        return source->binary ? read_binary_numbers(source, input, error)
                              : read_json_numbers(memory, source, input, error);
    }
    if (source->strings && !input->stored_object) {
        return source->binary ? read_binary_strings(source, input, error)
                              : read_json_strings(memory, source, input, error);
    }
    if (input->count > LIMIT_REQUEST_OBJECTS - source->object_count) {
        return error_set(error, ERROR_TOO_LARGE, "input '%s': a request carries at most %u objects",
                         input->tensor.name, LIMIT_REQUEST_OBJECTS);
    }
    source->object_count += input->count;
    input->elements = pool_take(memory, input->count * sizeof *input->elements);
    if (!input->elements) {
        return out_of_memory(error);
    }
    return source->binary ? read_binary_elements(memory, source, input, error)
                          : read_json_elements(memory, source, input, error);
}
