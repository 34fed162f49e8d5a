/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing and strict reading of payloads; the form is told in value.h.
 */
#include "cache/value.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/utf8.h"

enum {
    HEAD = 4,
    STATE_SIZE = IDENTITY_BYTES - IDENTITY_STATE_AT,
    CLASS_SIZE = 8,
    TENSOR_HEAD = 4,
    KIND_CONTENT = 16, /* beside enum cache_kind */
};

static uint32_t float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float bits_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void append_head(struct buffer *out, enum cache_kind kind, size_t count)
{
    uint8_t head[HEAD] = {VALUE_FORMAT, (uint8_t)kind};
    bytes_put_u16(head + 2, (uint16_t)count);
    buffer_append(out, head, sizeof head);
}

static void append_u32(struct buffer *out, uint32_t value)
{
    uint8_t bytes[4];
    bytes_put_u32(bytes, value);
    buffer_append(out, bytes, sizeof bytes);
}

static int encode_classes(struct buffer *out, const struct cache_value *value)
{
    if (value->class_count == 0 || value->class_count > CACHE_CLASSES_MAX) {
        return -EINVAL;
    }
    append_head(out, CACHE_CLASSES, value->class_count);
    for (size_t i = 0; i < value->class_count; i++) {
        append_u32(out, value->classes[i].index);
        append_u32(out, float_bits(value->classes[i].probability));
    }
    return 0;
}

static int encode_embedding(struct buffer *out, const struct cache_value *value)
{
    if (value->embedding_size == 0) {
        return -EINVAL;
    }
    if (value->embedding_size > CACHE_VALUE_BYTES_MAX / 4) {
        return -E2BIG;
    }
    append_head(out, CACHE_EMBEDDING, 0);
    for (size_t i = 0; i < value->embedding_size; i++) {
        append_u32(out, float_bits(value->embedding[i]));
    }
    return 0;
}

/* A number type, a closed shape, and a size that is their product. */
static int check_tensor(const struct tensor *tensor)
{
    size_t count = 0;
    if (tensor->index >= LIMIT_MODEL_TENSORS || datatype_size(tensor->datatype) == 0 ||
        tensor_shape_count(&tensor->shape, &count) < 0) {
        return -EINVAL;
    }
    if (count > CACHE_VALUE_BYTES_MAX) {
        return -E2BIG;
    }
    return count * datatype_size(tensor->datatype) == tensor->size_bytes ? 0 : -EINVAL;
}

static int encode_tensors(struct buffer *out, const struct cache_value *value)
{
    if (value->tensor_count == 0 || value->tensor_count > LIMIT_MODEL_TENSORS) {
        return -EINVAL;
    }
    size_t total = 0;
    append_head(out, CACHE_TENSORS, value->tensor_count);
    for (size_t i = 0; i < value->tensor_count; i++) {
        const struct tensor *tensor = &value->tensors[i];
        int r = check_tensor(tensor);
        if (r < 0) {
            return r;
        }
        total += tensor->size_bytes;
        if (total > CACHE_VALUE_BYTES_MAX) {
            return -E2BIG;
        }
        uint8_t head[TENSOR_HEAD] = {(uint8_t)tensor->index, (uint8_t)tensor->datatype,
                                     (uint8_t)tensor->shape.rank};
        buffer_append(out, head, sizeof head);
        for (uint32_t k = 0; k < tensor->shape.rank; k++) {
            uint8_t dimension[8];
            bytes_put_u64(dimension, (uint64_t)tensor->shape.dims[k]);
            buffer_append(out, dimension, sizeof dimension);
        }
        buffer_append(out, tensor->data, tensor->size_bytes);
    }
    return 0;
}

static bool code_is_kept(uint32_t code)
{
    return code == ERROR_UNDECODABLE || code == ERROR_UNFIT;
}

static int encode_failure(struct buffer *out, const struct cache_value *value)
{
    const char *message = value->error_message ? value->error_message : "";
    size_t size = strlen(message);
    if (!code_is_kept(value->error_code) || size >= ERROR_MESSAGE_SIZE ||
        !utf8_valid(message, size)) {
        return -EINVAL;
    }
    append_head(out, CACHE_FAILURE, 0);
    append_u32(out, value->error_code);
    buffer_append(out, message, size);
    return 0;
}

int value_encode(struct buffer *out, const struct cache_value *value)
{
    int r = -EINVAL;
    switch (value->kind) {
    case CACHE_CLASSES:
        r = encode_classes(out, value);
        break;
    case CACHE_EMBEDDING:
        r = encode_embedding(out, value);
        break;
    case CACHE_TENSORS:
        r = encode_tensors(out, value);
        break;
    case CACHE_FAILURE:
        r = encode_failure(out, value);
        break;
    }
    return r < 0 ? r : buffer_ok(out);
}

static int decode_classes(const uint8_t *body, size_t size, size_t count, struct cache_value *value)
{
    if (count == 0 || count > CACHE_CLASSES_MAX || size != count * CLASS_SIZE) {
        return -EBADMSG;
    }
    for (size_t i = 0; i < count; i++) {
        value->classes[i].index = bytes_get_u32(body + i * CLASS_SIZE);
        value->classes[i].probability = bits_float(bytes_get_u32(body + i * CLASS_SIZE + 4));
    }
    value->class_count = count;
    return 0;
}

static int decode_embedding(const uint8_t *body, size_t size, struct cache_value *value)
{
    if (size == 0 || size % 4 != 0 || size > CACHE_VALUE_BYTES_MAX) {
        return -EBADMSG;
    }
    float *values = malloc(size);
    if (!values) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < size / 4; i++) {
        values[i] = bits_float(bytes_get_u32(body + 4 * i));
    }
    value->memory = values;
    value->embedding = values;
    value->embedding_size = size / 4;
    return 0;
}

/* Reads one tensor's head at *at; its data stays where it is. */
static int decode_tensor(const uint8_t *body, size_t size, size_t *at, struct tensor *ret_tensor)
{
    if (size - *at < TENSOR_HEAD) {
        return -EBADMSG;
    }
    const uint8_t *head = body + *at;
    *at += TENSOR_HEAD;
    struct tensor tensor = {.index = head[0], .shape = {.rank = head[2]}};
    if (head[1] >= DATATYPE_COUNT || head[2] > LIMIT_TENSOR_RANK || head[3] != 0 ||
        (size - *at) / 8 < head[2]) {
        return -EBADMSG;
    }
    tensor.datatype = (enum datatype)head[1];
    for (uint32_t k = 0; k < tensor.shape.rank; k++, *at += 8) {
        tensor.shape.dims[k] = (int64_t)bytes_get_u64(body + *at);
    }
    size_t count = 0;
    if (tensor_shape_count(&tensor.shape, &count) < 0 || count > CACHE_VALUE_BYTES_MAX) {
        return -EBADMSG;
    }
    tensor.size_bytes = count * datatype_size(tensor.datatype);
    if (check_tensor(&tensor) < 0 || tensor.size_bytes > size - *at) {
        return -EBADMSG;
    }
    tensor.data = body + *at;
    *at += tensor.size_bytes;
    *ret_tensor = tensor;
    return 0;
}

static int decode_tensors(const uint8_t *body, size_t size, size_t count, struct cache_value *value)
{
    if (count == 0 || count > LIMIT_MODEL_TENSORS) {
        return -EBADMSG;
    }
    size_t table = count * sizeof(struct tensor);
    cleanup_free uint8_t *memory = malloc(table + size);
    if (!memory) {
        return -ENOMEM;
    }
    memcpy(memory + table, body, size);
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
    if (at != size || total > CACHE_VALUE_BYTES_MAX) {
        return -EBADMSG;
    }
    value->tensors = tensors;
    value->tensor_count = count;
    value->memory = take_ptr(memory);
    return 0;
}

static int decode_failure(const uint8_t *body, size_t size, struct cache_value *value)
{
    if (size < 4 || size - 4 >= ERROR_MESSAGE_SIZE || !code_is_kept(bytes_get_u32(body)) ||
        memchr(body + 4, '\0', size - 4) || !utf8_valid((const char *)body + 4, size - 4)) {
        return -EBADMSG;
    }
    char *message = strndup((const char *)body + 4, size - 4);
    if (!message) {
        return -ENOMEM;
    }
    value->error_code = (enum error_code)bytes_get_u32(body);
    value->error_message = message;
    value->memory = message;
    return 0;
}

int value_decode(const uint8_t *bytes, size_t size, struct cache_value *ret_value)
{
    if (size < HEAD || bytes[0] != VALUE_FORMAT) {
        return -EBADMSG;
    }
    const uint8_t *body = bytes + HEAD;
    size_t count = bytes_get_u16(bytes + 2);
    struct cache_value value = {.kind = CACHE_CLASSES};
    int r = -EBADMSG;
    size -= HEAD;
    if (bytes[1] == CACHE_CLASSES) {
        r = decode_classes(body, size, count, &value);
    } else if (bytes[1] == CACHE_TENSORS) {
        r = decode_tensors(body, size, count, &value);
    } else if (bytes[1] == CACHE_EMBEDDING && count == 0) {
        r = decode_embedding(body, size, &value);
    } else if (bytes[1] == CACHE_FAILURE && count == 0) {
        r = decode_failure(body, size, &value);
    }
    if (r == 0) {
        value.kind = (enum cache_kind)bytes[1];
        *ret_value = value;
    }
    return r;
}

void value_encode_content(uint8_t out[VALUE_CONTENT_SIZE], const struct identity *identity,
                          const struct cache_digest *content)
{
    memset(out, 0, HEAD);
    out[0] = VALUE_FORMAT;
    out[1] = KIND_CONTENT;
    memcpy(out + HEAD, identity->bytes + IDENTITY_STATE_AT, STATE_SIZE);
    memcpy(out + HEAD + STATE_SIZE, content->bytes, sizeof content->bytes);
}

int value_decode_content(const uint8_t *bytes, size_t size, const struct identity *identity,
                         struct cache_digest *ret_content)
{
    if (size != VALUE_CONTENT_SIZE || bytes[0] != VALUE_FORMAT || bytes[1] != KIND_CONTENT) {
        return -EBADMSG;
    }
    if (memcmp(bytes + HEAD, identity->bytes + IDENTITY_STATE_AT, STATE_SIZE) != 0) {
        return -ENOENT;
    }
    memcpy(ret_content->bytes, bytes + HEAD + STATE_SIZE, sizeof ret_content->bytes);
    return 0;
}

void cache_value_done(struct cache_value *value)
{
    free(value->memory);
    *value = (struct cache_value){.kind = value->kind};
}
