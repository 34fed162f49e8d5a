/* SPDX-License-Identifier: Apache-2.0
 *
 * The elements of a BYTES tensor in a row, as the V2 protocol's binary data has them and as they
 * pass between situd and its workers: each behind its length in four bytes, little-endian. Pure.
 */
#ifndef SITU_DATA_TENSOR_BYTES_H
#define SITU_DATA_TENSOR_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

enum { TENSOR_BYTES_HEAD = 4 }; /* of each element */

struct tensor_bytes {
    const char *rest; /* borrowed */
    size_t size;
};

/* The next element; false where none is whole. */
bool tensor_bytes_next(struct tensor_bytes *bytes, const char **ret_data, size_t *ret_size);

/* How many bytes the first `count` elements take. 0, or -EINVAL where there are fewer. */
must_check int tensor_bytes_measure(const void *data, size_t size, size_t count, size_t *ret_size);

/* Do `size` bytes hold `count` elements and nothing else? */
bool tensor_bytes_valid(const void *data, size_t size, size_t count);

/* Writes an element's head. */
void tensor_bytes_put(void *out, uint32_t size);

#endif
