/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers of tensor models: the outputs as they are. The result cache keeps outputs of any model
 * that were asked for by name, where they are numbers.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "data/answer_kinds/parts.h"
#include "data/tensor_bytes.h"

enum { HEAD = 4, DIMENSION_SIZE = 8 };

/* A number type, a closed shape, and a size that is their product. */
static int check_tensor(const struct tensor *tensor)
{
    size_t count = 0;
    if (tensor->index >= LIMIT_MODEL_TENSORS || datatype_size(tensor->datatype) == 0 ||
        tensor_shape_count(&tensor->shape, &count) < 0) {
        return -EINVAL;
    }
    if (count > ANSWER_BYTES_KEPT) {
        return -E2BIG;
    }
    return count * datatype_size(tensor->datatype) == tensor->size_bytes ? 0 : -EINVAL;
}

static void encode_tensor(struct buffer *out, const struct tensor *tensor)
{
    const uint8_t head[HEAD] = {(uint8_t)tensor->index, (uint8_t)tensor->datatype,
                                (uint8_t)tensor->shape.rank};
    buffer_append(out, head, sizeof head);
    for (uint32_t i = 0; i < tensor->shape.rank; i++) {
        uint8_t dimension[DIMENSION_SIZE];
        bytes_put_u64(dimension, (uint64_t)tensor->shape.dims[i]);
        buffer_append(out, dimension, sizeof dimension);
    }
    buffer_append(out, tensor->data, tensor->size_bytes);
}

static int encode(struct buffer *out, const struct answer *answer, size_t *ret_count)
{
    if (answer->tensor_count == 0 || answer->tensor_count > LIMIT_MODEL_TENSORS) {
        return -EINVAL;
    }
    size_t total = 0;
    for (size_t i = 0; i < answer->tensor_count; i++) {
        int r = check_tensor(&answer->tensors[i]);
        if (r < 0) {
            return r;
        }
        total += answer->tensors[i].size_bytes;
        if (total > ANSWER_BYTES_KEPT) {
            return -E2BIG;
        }
        encode_tensor(out, &answer->tensors[i]);
    }
    *ret_count = answer->tensor_count;
    return 0;
}

/* Reads one tensor's head at *at; its data stays where it is. */
static int decode_tensor(const uint8_t *bytes, size_t size, size_t *at, struct tensor *ret_tensor)
{
    if (size - *at < HEAD) {
        return -EBADMSG;
    }
    const uint8_t *head = bytes + *at;
    *at += HEAD;
    struct tensor tensor = {.index = head[0], .shape = {.rank = head[2]}};
    if (head[1] >= DATATYPE_COUNT || head[2] > LIMIT_TENSOR_RANK || head[3] != 0 ||
        (size - *at) / DIMENSION_SIZE < head[2]) {
        return -EBADMSG;
    }
    tensor.datatype = (enum datatype)head[1];
    for (uint32_t i = 0; i < tensor.shape.rank; i++, *at += DIMENSION_SIZE) {
        tensor.shape.dims[i] = (int64_t)bytes_get_u64(bytes + *at);
    }
    size_t count = 0;
    if (tensor_shape_count(&tensor.shape, &count) < 0 || count > ANSWER_BYTES_KEPT) {
        return -EBADMSG;
    }
    tensor.size_bytes = count * datatype_size(tensor.datatype);
    if (check_tensor(&tensor) < 0 || tensor.size_bytes > size - *at) {
        return -EBADMSG;
    }
    tensor.data = bytes + *at;
    *at += tensor.size_bytes;
    *ret_tensor = tensor;
    return 0;
}

/* The table of tensors and the data of all of them are one block. */
static int decode(const uint8_t *bytes, size_t size, size_t count, struct answer *answer)
{
    if (count == 0 || count > LIMIT_MODEL_TENSORS) {
        return -EBADMSG;
    }
    size_t table = count * sizeof(struct tensor);
    cleanup_free uint8_t *memory = malloc(table + size);
    if (!memory) {
        return -ENOMEM;
    }
    memcpy(memory + table, bytes, size);
    struct tensor *tensors = (void *)memory;
    size_t at = 0;
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        int r = decode_tensor(memory + table, size, &at, &tensors[i]);
        if (r < 0) {
            return r;
        }
        total += tensors[i].size_bytes;
    }
    if (at != size || total > ANSWER_BYTES_KEPT) {
        return -EBADMSG;
    }
    answer->tensors = tensors;
    answer->tensor_count = count;
    answer->memory = take_ptr(memory);
    return 0;
}

static void write_data(struct buffer *out, const struct tensor *tensor, struct pieces *later)
{
    size_t size = datatype_size(tensor->datatype);
    size_t count = size > 0 ? tensor->size_bytes / size : 0;
    if (tensor->datatype == DATATYPE_BYTES && later) {
        pieces_add_strings(later, tensor->data, tensor->size_bytes);
    } else if (tensor->datatype == DATATYPE_BYTES) {
        tensor_json_write_strings(out, tensor->data, tensor->size_bytes);
    } else if (later && size > 0) {
        pieces_add_numbers(later, tensor->datatype, tensor->data, count);
    } else {
        tensor_json_write(out, tensor->datatype, tensor->data, count);
    }
}

static void write_json(struct json_writer *w, const struct answer *answer,
                       const struct answer_form *form)
{
    json_begin_array(w, answer_tensors.name);
    for (size_t i = 0; i < answer->tensor_count; i++) {
        const struct tensor *tensor = &answer->tensors[i];
        json_begin_object(w, NULL);
        json_put_string(w, "name", tensor->name);
        json_put_string(w, "datatype", datatype_name(tensor->datatype));
        json_begin_array(w, "shape");
        for (uint32_t d = 0; d < tensor->shape.rank && d < LIMIT_TENSOR_RANK; d++) {
            json_put_integer(w, NULL, tensor->shape.dims[d]);
        }
        json_end_array(w);
        write_data(json_put_raw(w, "data"), tensor, form->later);
        json_end_object(w);
    }
    json_end_array(w);
}

static int parse_numbers(struct pool *pool, const struct json *array, struct tensor *tensor,
                         struct error *error)
{
    size_t size = datatype_size(tensor->datatype);
    size_t count = json_length(array);
    unsigned char *data = pool_take(pool, count * size);
    if (!data) {
        return out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        if (!tensor_json_read_back(tensor->datatype, json_element(array, i), data + i * size)) {
            return malformed("output holds a value that its datatype has not", error);
        }
    }
    tensor->data = data;
    tensor->size_bytes = count * size;
    return 0;
}

static int parse_strings(struct pool *pool, const struct json *array, struct tensor *tensor,
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
    tensor->data = out;
    tensor->size_bytes = size;
    for (size_t i = 0; i < count; i++) {
        const struct json *element = json_element(array, i);
        size_t length = json_length(element);
        tensor_bytes_put(out, (uint32_t)length);
        memcpy(out + TENSOR_BYTES_HEAD, json_get_string(element, ""), length);
        out += TENSOR_BYTES_HEAD + length;
    }
    return 0;
}

static int parse_tensor(struct pool *pool, const struct json *value, struct tensor *tensor,
                        struct error *error)
{
    const struct json *shape = json_member(value, "shape");
    const struct json *data = json_member(value, "data");
    size_t rank = json_length(shape);
    tensor->name = json_get_string(json_member(value, "name"), NULL);
    tensor->datatype = datatype_parse(json_get_string(json_member(value, "datatype"), ""));
    if (!tensor->name || tensor->datatype == DATATYPE_NONE || rank > LIMIT_TENSOR_RANK ||
        json_type_of(shape) != JSON_TYPE_ARRAY || json_type_of(data) != JSON_TYPE_ARRAY) {
        return malformed("outputs lack a name, datatype, shape or data", error);
    }
    tensor->shape.rank = (uint32_t)rank;
    for (size_t i = 0; i < rank; i++) {
        tensor->shape.dims[i] = json_get_integer(json_element(shape, i), -1);
    }
    size_t count = 0;
    if (tensor_shape_count(&tensor->shape, &count) < 0 || count != json_length(data)) {
        return malformed("output is not as long as its shape says", error);
    }
    return tensor->datatype == DATATYPE_BYTES ? parse_strings(pool, data, tensor, error)
                                              : parse_numbers(pool, data, tensor, error);
}

static int parse_json(struct pool *pool, const struct json *value, struct answer *answer,
                      struct error *error)
{
    if (json_type_of(value) != JSON_TYPE_ARRAY) {
        return malformed("outputs are no array", error);
    }
    size_t count = json_length(value);
    struct tensor *tensors = pool_take(pool, count * sizeof *tensors);
    if (!tensors) {
        return out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        int r = parse_tensor(pool, json_element(value, i), &tensors[i], error);
        if (r < 0) {
            return r;
        }
    }
    answer->tensors = tensors;
    answer->tensor_count = count;
    return 0;
}

const struct answer_kind answer_tensors = {
    .name = "outputs",
    .task = "tensor",
    .code = 3,
    .encode = encode,
    .decode = decode,
    .write_json = write_json,
    .parse_json = parse_json,
};
