/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensor types and shapes.
 */
#include "data/tensor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    size_t size;
} types[DATATYPE_COUNT] = {
    [DATATYPE_NONE] = {"NONE", 0},     [DATATYPE_BOOL] = {"BOOL", 1},
    [DATATYPE_UINT8] = {"UINT8", 1},   [DATATYPE_UINT16] = {"UINT16", 2},
    [DATATYPE_UINT32] = {"UINT32", 4}, [DATATYPE_UINT64] = {"UINT64", 8},
    [DATATYPE_INT8] = {"INT8", 1},     [DATATYPE_INT16] = {"INT16", 2},
    [DATATYPE_INT32] = {"INT32", 4},   [DATATYPE_INT64] = {"INT64", 8},
    [DATATYPE_FP16] = {"FP16", 2},     [DATATYPE_FP32] = {"FP32", 4},
    [DATATYPE_FP64] = {"FP64", 8},     [DATATYPE_BYTES] = {"BYTES", 0},
    [DATATYPE_BF16] = {"BF16", 2},
};

const char *datatype_name(enum datatype datatype)
{
    return (unsigned)datatype < DATATYPE_COUNT ? types[datatype].name : types[0].name;
}

enum datatype datatype_parse(const char *name)
{
    for (unsigned i = 1; i < DATATYPE_COUNT; i++) {
        if (strcmp(types[i].name, name) == 0) {
            return (enum datatype)i;
        }
    }
    return DATATYPE_NONE;
}

size_t datatype_size(enum datatype datatype)
{
    return (unsigned)datatype < DATATYPE_COUNT ? types[datatype].size : 0;
}

int tensor_shape_count(const struct tensor_shape *shape, size_t *ret_count)
{
    if (shape->rank > LIMIT_TENSOR_RANK) {
        return -EINVAL;
    }
    size_t count = 1;
    for (uint32_t i = 0; i < shape->rank; i++) {
        if (shape->dims[i] < 0) {
            return -EINVAL;
        }
        if (__builtin_mul_overflow(count, (size_t)shape->dims[i], &count) ||
            count > SIZE_MAX / 16) {
            return -EOVERFLOW;
        }
    }
    *ret_count = count;
    return 0;
}

const char *tensor_shape_text(const struct tensor_shape *shape, char *buffer, size_t size)
{
    size_t used = 0;
    for (uint32_t i = 0; i < shape->rank && i < LIMIT_TENSOR_RANK && used < size; i++) {
        int n = snprintf(buffer + used, size - used, "%c%lld", i == 0 ? '[' : ',',
                         (long long)shape->dims[i]);
        used += n > 0 ? (size_t)n : 0;
    }
    if (used < size) {
        int n = snprintf(buffer + used, size - used, shape->rank == 0 ? "[]" : "]");
        (void)n;
    }
    return buffer;
}

int tensor_shape_matches(const struct tensor_shape *wanted, const struct tensor_shape *actual)
{
    if (wanted->rank != actual->rank) {
        return 0;
    }
    for (uint32_t i = 0; i < wanted->rank && i < LIMIT_TENSOR_RANK; i++) {
        if (wanted->dims[i] >= 0 && wanted->dims[i] != actual->dims[i]) {
            return 0;
        }
    }
    return 1;
}

float half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = (half >> 10) & 0x1fu;
    uint32_t mantissa = half & 0x3ffu;
    uint32_t bits = 0;
    if (exponent == 0x1f) {
        bits = sign | 0x7f800000u | (mantissa << 13);
    } else if (exponent != 0) {
        bits = sign | ((exponent + 112u) << 23) | (mantissa << 13);
    } else {
        /* Subnormal halves are exact multiples of 2^-24. */
        float value = (float)mantissa * 0x1p-24f;
        memcpy(&bits, &value, sizeof bits);
        bits |= sign;
    }
    float value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

uint16_t float_to_half(float value)
{
    uint32_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    uint16_t sign = (uint16_t)((bits >> 16) & 0x8000u);
    uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude >= 0x7f800000u) {
        return (uint16_t)(sign | 0x7c00u | (magnitude > 0x7f800000u ? 0x200u : 0u));
    }
    if (magnitude >= 0x477ff000u) { /* rounds to at least 65536 */
        return (uint16_t)(sign | 0x7c00u);
    }
    if (magnitude < 0x38800000u) { /* below the smallest normal half: let the FPU round */
        float scaled = 0;
        memcpy(&scaled, &magnitude, sizeof scaled);
        scaled = scaled * 0x1p24f + 0x1p23f; /* the sum's low bits are the rounded mantissa */
        memcpy(&bits, &scaled, sizeof bits);
        return (uint16_t)(sign | (bits & 0x7fffu));
    }
    uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
    return (uint16_t)(sign | ((rounded - 0x38000000u) >> 13));
}

float bf16_to_float(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float value = 0;
    memcpy(&value, &wide, sizeof value);
    return value;
}

uint16_t float_to_bf16(float value)
{
    uint32_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u) {
        return (uint16_t)(bits >> 16 | 0x40u); /* stays no number */
    }
    return (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
