/* SPDX-License-Identifier: Apache-2.0
 *
 * The elements of numeric tensors as JSON values, both ways. A tensor is a row of little-endian
 * elements, whatever the machine. Pure; any thread.
 */
#ifndef SITU_DATA_TENSOR_JSON_H
#define SITU_DATA_TENSOR_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/json.h"
#include "data/tensor.h"

/* Writes one value as an element of `datatype` to `out`, which has datatype_size() bytes. False
 * where it is none: of another type, not an integer, out of range. BOOL takes 0 and 1, too. */
bool tensor_json_read(enum datatype datatype, const struct json *value, void *out);

/* The same of a value that tensor_json_write() wrote: null is a float that was not finite, and
 * reads as NaN. */
bool tensor_json_read_back(enum datatype datatype, const struct json *value, void *out);

/* Appends `count` elements as a flat array. Floats read back the same; FP16 is the number it is;
 * NaN and infinities become null; BOOL is true and false. */
void tensor_json_write(struct buffer *out, enum datatype datatype, const void *data, size_t count);

/* Appends one of them. */
void tensor_json_write_element(struct buffer *out, enum datatype datatype, const void *data);

/* Appends the elements of a BYTES tensor (tensor_bytes.h) as an array of strings. They must be
 * UTF-8.
 */
void tensor_json_write_strings(struct buffer *out, const void *data, size_t size);

#endif
