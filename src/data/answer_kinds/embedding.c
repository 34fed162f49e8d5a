/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers of feature extraction: one vector of float32.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/base64.h"
#include "data/answer_kinds/parts.h"

static int encode(struct buffer *out, const struct answer *answer, size_t *ret_count)
{
    if (answer->embedding_size == 0) {
        return -EINVAL;
    }
    if (answer->embedding_size > ANSWER_BYTES_KEPT / sizeof(float)) {
        return -E2BIG;
    }
    for (size_t i = 0; i < answer->embedding_size; i++) {
        append_float(out, answer->embedding[i]);
    }
    *ret_count = 0;
    return 0;
}

static int decode(const uint8_t *bytes, size_t size, size_t count, struct answer *answer)
{
    if (count != 0 || size == 0 || size % sizeof(float) != 0 || size > ANSWER_BYTES_KEPT) {
        return -EBADMSG;
    }
    float *values = malloc(size);
    if (!values) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < size / sizeof(float); i++) {
        values[i] = get_float(bytes + i * sizeof(float));
    }
    answer->memory = values;
    answer->embedding = values;
    answer->embedding_size = size / sizeof(float);
    return 0;
}

static void write_base64(struct buffer *out, const float *values, size_t count)
{
    uint8_t piece[768]; /* whole float32, and whole base64 steps */
    buffer_append_char(out, '"');
    for (size_t i = 0; i < count;) {
        size_t size = 0;
        for (; size < sizeof piece && i < count; i++, size += sizeof(uint32_t)) {
            uint32_t bits;
            memcpy(&bits, &values[i], sizeof bits);
            bytes_put_u32(piece + size, bits);
        }
        base64_write(out, piece, size);
    }
    buffer_append_char(out, '"');
}

static void write_json(struct json_writer *w, const struct answer *answer,
                       const struct answer_form *form)
{
    if (form->base64) {
        write_base64(json_put_raw(w, answer_embedding.name), answer->embedding,
                     answer->embedding_size);
        return;
    }
    json_begin_array(w, answer_embedding.name);
    for (size_t i = 0; i < answer->embedding_size; i++) {
        json_put_float(w, NULL, answer->embedding[i]);
    }
    json_end_array(w);
}

static int parse_base64(struct pool *pool, const struct json *text, struct answer *answer,
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
    float *values = pool_take(pool, size);
    if (!values) {
        return out_of_memory(error);
    }
    for (size_t i = 0; i < size / sizeof(float); i++) {
        values[i] = get_float(bytes + i * sizeof(float));
    }
    answer->embedding = values;
    answer->embedding_size = size / sizeof(float);
    return 0;
}

static int parse_json(struct pool *pool, const struct json *value, struct answer *answer,
                      struct error *error)
{
    if (json_type_of(value) == JSON_TYPE_STRING) {
        return parse_base64(pool, value, answer, error);
    }
    if (json_type_of(value) != JSON_TYPE_ARRAY) {
        return malformed("embedding is neither an array nor a string", error);
    }
    size_t count = json_length(value);
    float *values = pool_take(pool, count * sizeof *values);
    if (!values) {
        return out_of_memory(error);
    }
    for (size_t i = 0; i < count; i++) {
        if (!parse_float(json_element(value, i), &values[i])) {
            return malformed("embedding holds something else than numbers", error);
        }
    }
    answer->embedding = values;
    answer->embedding_size = count;
    return 0;
}

const struct answer_kind answer_embedding = {
    .name = "embedding",
    .task = "feature-extraction",
    .code = 2,
    .encode = encode,
    .decode = decode,
    .write_json = write_json,
    .parse_json = parse_json,
};
