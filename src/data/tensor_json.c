/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers of tensors out of JSON and into it.
 */
#include "data/tensor_json.h"

#include <math.h>
#include <string.h>

#include "data/tensor_bytes.h"

static const struct {
    int64_t least;
    int64_t greatest;
} ranges[DATATYPE_COUNT] = {
    [DATATYPE_BOOL] = {0, 1},
    [DATATYPE_UINT8] = {0, UINT8_MAX},
    [DATATYPE_UINT16] = {0, UINT16_MAX},
    [DATATYPE_UINT32] = {0, UINT32_MAX},
    [DATATYPE_UINT64] = {0, INT64_MAX}, /* and large ones */
    [DATATYPE_INT8] = {INT8_MIN, INT8_MAX},
    [DATATYPE_INT16] = {INT16_MIN, INT16_MAX},
    [DATATYPE_INT32] = {INT32_MIN, INT32_MAX},
    [DATATYPE_INT64] = {INT64_MIN, INT64_MAX},
};

static bool is_float(enum datatype datatype)
{
    return datatype == DATATYPE_FP16 || datatype == DATATYPE_BF16 || datatype == DATATYPE_FP32 ||
           datatype == DATATYPE_FP64;
}

/* What is smaller than this rounds to a finite value: half a unit above the greatest one, whose
 * shortest decimal may lie above it itself. */
static double float_bound(enum datatype datatype)
{
    if (datatype == DATATYPE_FP64) {
        return (double)INFINITY;
    }
    if (datatype == DATATYPE_BF16) {
        return 0x1.ffp127;
    }
    return datatype == DATATYPE_FP32 ? 0x1.ffffffp127 : 65520.0;
}

static uint64_t float_bits(enum datatype datatype, double value)
{
    uint64_t bits = 0;
    if (datatype == DATATYPE_FP64) {
        memcpy(&bits, &value, sizeof value);
        return bits;
    }
    float single = (float)value;
    if (datatype == DATATYPE_FP16) {
        return float_to_half(single);
    }
    if (datatype == DATATYPE_BF16) {
        return float_to_bf16(single);
    }
    uint32_t single_bits = 0;
    memcpy(&single_bits, &single, sizeof single);
    return single_bits;
}

static void put_bits(enum datatype datatype, uint64_t bits, unsigned char *out)
{
    for (size_t i = 0; i < datatype_size(datatype); i++) {
        out[i] = (unsigned char)(bits >> (8 * i));
    }
}

bool tensor_json_read(enum datatype datatype, const struct json *value, void *out)
{
    enum json_type type = json_type_of(value);
    uint64_t bits = 0;
    if (is_float(datatype)) {
        double number = json_get_number(value, 0);
        if ((type != JSON_TYPE_INTEGER && type != JSON_TYPE_REAL && type != JSON_TYPE_LARGE) ||
            fabs(number) >= float_bound(datatype)) {
            return false;
        }
        bits = float_bits(datatype, number);
    } else if (type == JSON_TYPE_LARGE && datatype == DATATYPE_UINT64) {
        bits = json_get_unsigned(value, 0);
        if (bits == 0) {
            return false; /* text that looks like one */
        }
    } else {
        int64_t integer = json_get_integer(value, json_get_bool(value, false) ? 1 : 0);
        bool fits =
            type == JSON_TYPE_INTEGER || (type == JSON_TYPE_BOOL && datatype == DATATYPE_BOOL);
        if (!fits || integer < ranges[datatype].least || integer > ranges[datatype].greatest) {
            return false;
        }
        bits = (uint64_t)integer;
    }
    put_bits(datatype, bits, out);
    return true;
}

bool tensor_json_read_back(enum datatype datatype, const struct json *value, void *out)
{
    if (value && is_float(datatype) && json_type_of(value) == JSON_TYPE_NULL) {
        put_bits(datatype, float_bits(datatype, (double)NAN), out);
        return true;
    }
    return tensor_json_read(datatype, value, out);
}

static uint64_t read_bits(const unsigned char *bytes, size_t size)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < size; i++) {
        bits |= (uint64_t)bytes[i] << (8 * i);
    }
    return bits;
}

static void put_double(struct json_writer *w, uint64_t bits)
{
    double value = 0;
    memcpy(&value, &bits, sizeof value);
    json_put_double(w, NULL, value);
}

static void put_float(struct json_writer *w, uint64_t bits)
{
    uint32_t single_bits = (uint32_t)bits;
    float value = 0;
    memcpy(&value, &single_bits, sizeof value);
    json_put_float(w, NULL, value);
}

static void put_element(struct json_writer *w, enum datatype datatype, uint64_t bits)
{
    switch (datatype) {
    case DATATYPE_BOOL:
        json_put_bool(w, NULL, bits != 0);
        break;
    case DATATYPE_UINT64:
        json_put_unsigned(w, NULL, bits);
        break;
    case DATATYPE_INT8:
        json_put_integer(w, NULL, (int8_t)bits);
        break;
    case DATATYPE_INT16:
        json_put_integer(w, NULL, (int16_t)bits);
        break;
    case DATATYPE_INT32:
        json_put_integer(w, NULL, (int32_t)bits);
        break;
    case DATATYPE_FP16:
        json_put_float(w, NULL, half_to_float((uint16_t)bits));
        break;
    case DATATYPE_BF16:
        json_put_float(w, NULL, bf16_to_float((uint16_t)bits));
        break;
    case DATATYPE_FP32:
        put_float(w, bits);
        break;
    case DATATYPE_FP64:
        put_double(w, bits);
        break;
    default: /* UINT8, UINT16, UINT32, INT64 */
        json_put_integer(w, NULL, (int64_t)bits);
        break;
    }
}

void tensor_json_write(struct buffer *out, enum datatype datatype, const void *data, size_t count)
{
    size_t size = datatype_size(datatype);
    const unsigned char *bytes = data;
    struct json_writer w = JSON_WRITER(out);
    json_begin_array(&w, NULL);
    for (size_t i = 0; i < count && size > 0; i++) {
        put_element(&w, datatype, read_bits(bytes + i * size, size));
    }
    json_end_array(&w);
}

void tensor_json_write_element(struct buffer *out, enum datatype datatype, const void *data)
{
    put_element(&JSON_WRITER(out), datatype, read_bits(data, datatype_size(datatype)));
}

void tensor_json_write_strings(struct buffer *out, const void *data, size_t size)
{
    struct tensor_bytes left = {data, size};
    const char *text = NULL;
    size_t length = 0;
    struct json_writer w = JSON_WRITER(out);
    json_begin_array(&w, NULL);
    while (tensor_bytes_next(&left, &text, &length)) {
        json_put_bytes(&w, NULL, text, length);
    }
    json_end_array(&w);
}
