/* SPDX-License-Identifier: Apache-2.0
 *
 * Walking the elements of BYTES tensors.
 */
#include "data/tensor_bytes.h"

#include <errno.h>

bool tensor_bytes_next(struct tensor_bytes *bytes, const char **ret_data, size_t *ret_size)
{
    if (bytes->size < TENSOR_BYTES_HEAD) {
        return false;
    }
    const unsigned char *head = (const unsigned char *)bytes->rest;
    size_t size =
        (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    if (size > bytes->size - TENSOR_BYTES_HEAD) {
        return false;
    }
    *ret_data = bytes->rest + TENSOR_BYTES_HEAD;
    *ret_size = size;
    bytes->rest += TENSOR_BYTES_HEAD + size;
    bytes->size -= TENSOR_BYTES_HEAD + size;
    return true;
}

int tensor_bytes_measure(const void *data, size_t size, size_t count, size_t *ret_size)
{
    struct tensor_bytes bytes = {data, size};
    const char *element = NULL;
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        if (!tensor_bytes_next(&bytes, &element, &length)) {
            return -EINVAL;
        }
    }
    *ret_size = size - bytes.size;
    return 0;
}

bool tensor_bytes_valid(const void *data, size_t size, size_t count)
{
    size_t used = 0;
    return tensor_bytes_measure(data, size, count, &used) == 0 && used == size;
}

void tensor_bytes_put(void *out, uint32_t size)
{
    unsigned char *head = out;
    for (unsigned i = 0; i < TENSOR_BYTES_HEAD; i++) {
        head[i] = (unsigned char)(size >> (8 * i));
    }
}
