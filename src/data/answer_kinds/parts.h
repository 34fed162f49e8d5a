/* SPDX-License-Identifier: Apache-2.0
 *
 * What several kinds of answers need to encode, decode and parse. For the files of this directory.
 */
#ifndef SITU_DATA_ANSWER_KINDS_PARTS_H
#define SITU_DATA_ANSWER_KINDS_PARTS_H

#include <string.h>

#include "base/bytes.h"
#include "data/answer.h"
#include "data/tensor_json.h"

static inline void append_u32(struct buffer *out, uint32_t value)
{
    uint8_t bytes[4];
    bytes_put_u32(bytes, value);
    buffer_append(out, bytes, sizeof bytes);
}

static inline void append_float(struct buffer *out, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    append_u32(out, bits);
}

static inline float get_float(const uint8_t *bytes)
{
    uint32_t bits = bytes_get_u32(bytes);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* A number, or null for one that was not finite. */
static inline bool parse_float(const struct json *value, float *ret_value)
{
    uint8_t bytes[sizeof *ret_value];
    if (!tensor_json_read_back(DATATYPE_FP32, value, bytes)) {
        return false;
    }
    *ret_value = get_float(bytes);
    return true;
}

static inline int malformed(const char *what, struct error *error)
{
    return error_set(error, ERROR_MALFORMED, "the array's answer has a result whose %s", what);
}

static inline int out_of_memory(struct error *error)
{
    return error_memory(error, "a result");
}

#endif
