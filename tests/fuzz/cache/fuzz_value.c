/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads bytes as a stored answer. What is accepted must be within its limits, and must write to the
 * same bytes again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cache/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t touch(const struct cache_value *value)
{
    size_t sum = value->class_count;
    for (size_t i = 0; i < value->tensor_count; i++) {
        const uint8_t *bytes = value->tensors[i].data;
        for (size_t k = 0; k < value->tensors[i].size_bytes; k++) {
            sum += bytes[k];
        }
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cache_value value;
    struct identity identity = {.bytes = {0}};
    struct cache_digest digest;
    if (value_decode_content(data, size, &identity, &digest) == 0 && size != VALUE_CONTENT_SIZE) {
        abort();
    }
    if (value_decode(data, size, &value) < 0) {
        return 0;
    }
    cleanup_buffer struct buffer out = BUFFER_INIT;
    if (touch(&value) == SIZE_MAX || value_encode(&out, &value) < 0 || out.size != size ||
        memcmp(out.data, data, size) != 0) {
        abort();
    }
    cache_value_done(&value);
    return 0;
}
