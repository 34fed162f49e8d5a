/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: result lines as a client reads them. A line that is read is written and read again,
 * and must then be written the same; embeddings alternately as numbers and in base64.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data/result.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct answer_form form = {.base64 = size % 2 == 1};
    struct result result;
    struct result again;
    struct error error = {.code = ERROR_NONE};
    if (result_parse((const char *)data, size, &result, &error) < 0) {
        if (error.code == ERROR_NONE) {
            abort();
        }
        return 0;
    }
    cleanup_buffer struct buffer first = BUFFER_INIT;
    cleanup_buffer struct buffer second = BUFFER_INIT;
    result_write_json(&first, &result, &form);
    result_done(&result);
    if (result_parse(first.data, first.size, &again, &error) < 0) {
        abort();
    }
    result_write_json(&second, &again, &form);
    result_done(&again);
    if (first.size != second.size || memcmp(first.data, second.data, first.size) != 0) {
        abort();
    }
    return 0;
}
