/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of a model's outputs as float32 numbers. Pure; any thread.
 */
#ifndef SITU_INFER_ROW_H
#define SITU_INFER_ROW_H

#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "data/tensor.h"

/* How many rows a closed shape has: its outermost dimension; a vector or a scalar is one row. */
size_t row_count(const struct tensor_shape *shape);

/* The values of one row: *ret_count of them, which the caller frees; both are set on success only.
 * ERROR_UNFIT for no such row or a type that is not a number, ERROR_MEMORY. */
must_check int row_read(const struct tensor *output, size_t row, float **ret_values,
                        size_t *ret_count, struct error *error);

/* The same of an output for one image, which must be one row: otherwise ERROR_UNFIT. */
must_check int row_read_image(const struct tensor *output, float **ret_values, size_t *ret_count,
                              struct error *error);

#endif
