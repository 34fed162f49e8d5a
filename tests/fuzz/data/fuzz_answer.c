/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads bytes as an answer in the result cache. An accepted answer must be within its limits, and
 * must be written as the same bytes again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t touch(const struct answer *answer)
{
    size_t sum = answer->class_count;
    for (size_t i = 0; i < answer->tensor_count; i++) {
        const uint8_t *bytes = answer->tensors[i].data;
        for (size_t k = 0; k < answer->tensors[i].size_bytes; k++) {
            sum += bytes[k];
        }
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct answer answer;
    if (answer_decode(data, size, &answer) < 0) {
        return 0;
    }
    cleanup_buffer struct buffer out = BUFFER_INIT;
    if (touch(&answer) == SIZE_MAX || answer_encode(&out, &answer) < 0 || out.size != size ||
        memcmp(out.data, data, size) != 0) {
        abort();
    }
    answer_done(&answer);
    return 0;
}
