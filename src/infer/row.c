/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of outputs as numbers.
 */
#include "infer/row.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

size_t row_count(const struct tensor_shape *shape)
{
    return shape->rank > 1 ? (size_t)shape->dims[0] : 1;
}

static float load_value(const char *data, enum datatype datatype, size_t i)
{
    union {
        float f32;
        double f64;
        uint16_t u16;
        int32_t i32;
        uint32_t u32;
        int64_t i64;
        uint64_t u64;
        int16_t i16;
        int8_t i8;
        uint8_t u8;
    } value;
    size_t size = datatype_size(datatype);
    memcpy(&value, data + i * size, size);
    switch (datatype) {
    case DATATYPE_FP32:
        return value.f32;
    case DATATYPE_FP16:
        return half_to_float(value.u16);
    case DATATYPE_BF16:
        return bf16_to_float(value.u16);
    case DATATYPE_FP64:
        return (float)value.f64;
    case DATATYPE_UINT8:
    case DATATYPE_BOOL:
        return (float)value.u8;
    case DATATYPE_INT8:
        return (float)value.i8;
    case DATATYPE_UINT16:
        return (float)value.u16;
    case DATATYPE_INT16:
        return (float)value.i16;
    case DATATYPE_UINT32:
        return (float)value.u32;
    case DATATYPE_INT32:
        return (float)value.i32;
    case DATATYPE_UINT64:
        return (float)value.u64;
    case DATATYPE_INT64:
        return (float)value.i64;
    default:
        return 0;
    }
}

int row_read(const struct tensor *output, size_t row, float **ret_values, size_t *ret_count,
             struct error *error)
{
    size_t count = 0;
    size_t element = datatype_size(output->datatype);
    if (element == 0 || tensor_shape_count(&output->shape, &count) < 0 || count == 0 ||
        count * element != output->size_bytes) {
        return error_set(error, ERROR_UNFIT, "the model's output is empty or not of numbers");
    }
    size_t rows = row_count(&output->shape);
    if (row >= rows) {
        return error_set(error, ERROR_UNFIT, "the model's output has %zu rows, row %zu is asked",
                         rows, row);
    }
    count /= rows;
    float *values = malloc(count * sizeof *values);
    if (!values) {
        return error_memory(error, NULL);
    }
    const char *data = (const char *)output->data + row * count * element;
    if (output->datatype == DATATYPE_FP32) {
        memcpy(values, data, count * sizeof *values);
    } else {
        for (size_t i = 0; i < count; i++) {
            values[i] = load_value(data, output->datatype, i);
        }
    }
    *ret_values = values;
    *ret_count = count;
    return 0;
}

int row_read_image(const struct tensor *output, float **ret_values, size_t *ret_count,
                   struct error *error)
{
    char text[128];
    if (row_count(&output->shape) != 1) {
        return error_set(error, ERROR_UNFIT,
                         "output '%s' is %s for one image: its first dimension is not the batch",
                         output->name, tensor_shape_text(&output->shape, text, sizeof text));
    }
    return row_read(output, 0, ret_values, ret_count, error);
}
