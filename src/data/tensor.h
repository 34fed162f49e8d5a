/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensors, their types and shapes, in the words of the Open Inference Protocol. Pure.
 */
#ifndef SITU_DATA_TENSOR_H
#define SITU_DATA_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/limits.h"

enum datatype {
    DATATYPE_NONE = 0,
    DATATYPE_BOOL,
    DATATYPE_UINT8,
    DATATYPE_UINT16,
    DATATYPE_UINT32,
    DATATYPE_UINT64,
    DATATYPE_INT8,
    DATATYPE_INT16,
    DATATYPE_INT32,
    DATATYPE_INT64,
    DATATYPE_FP16,
    DATATYPE_FP32,
    DATATYPE_FP64,
    DATATYPE_BYTES, /* of strings; tensor_bytes.h has their form */
    DATATYPE_BF16,  /* the result cache's files have these numbers: new types come last */
    DATATYPE_COUNT
};

/* Dimensions, outermost first; -1 is one that the model leaves open. */
struct tensor_shape {
    uint32_t rank; /* 0..LIMIT_TENSOR_RANK; 0 is a scalar */
    int64_t dims[LIMIT_TENSOR_RANK];
};

/* An input or output of a model. */
struct tensor_info {
    char name[LIMIT_TENSOR_NAME + 1];
    enum datatype datatype;
    struct tensor_shape shape;
};

/* A tensor with its data. Everything that it points to is borrowed; the code that makes it says
 * from where. */
struct tensor {
    const char *name; /* of the model's input or output; NULL where `index` is enough */
    uint32_t index;   /* of the model's input or output; below LIMIT_MODEL_TENSORS */
    enum datatype datatype;
    struct tensor_shape shape; /* without open dimensions */
    const void *data;          /* numbers: little-endian, row by row, any alignment; BYTES: in the
                                  form of tensor_bytes.h */
    size_t size_bytes;
};

/* "FP32" and so on; "NONE" for a value out of range. */
const char *datatype_name(enum datatype datatype);

/* The type of such a word, DATATYPE_NONE where there is none. */
enum datatype datatype_parse(const char *name);

/* Bytes of one element; 0 for BYTES and NONE. */
size_t datatype_size(enum datatype datatype);

/* Elements of a shape without open dimensions. -EOVERFLOW past SIZE_MAX / 16, -EINVAL for a
 * negative dimension or too high a rank. */
must_check int tensor_shape_count(const struct tensor_shape *shape, size_t *ret_count);

/* "[1,3,224,224]" into a caller's buffer; returns the buffer. */
const char *tensor_shape_text(const struct tensor_shape *shape, char *buffer, size_t size);

/* True where `actual` (closed) is allowed by `wanted` (-1 takes any dimension). */
int tensor_shape_matches(const struct tensor_shape *wanted, const struct tensor_shape *actual);

/* IEEE 754 half precision, round to nearest even. */
float half_to_float(uint16_t half);
uint16_t float_to_half(float value);

/* bfloat16, the upper half of a float32: round to nearest even. */
float bf16_to_float(uint16_t bits);
uint16_t float_to_bf16(float value);

#endif
