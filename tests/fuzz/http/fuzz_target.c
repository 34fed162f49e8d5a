/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the request target's parser: an accepted target is NUL-terminated at its end, has no NUL
 * inside, and its path begins with a slash.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *raw = strndup((const char *)data, size);
    cleanup_buffer struct buffer text = BUFFER_INIT;
    struct target target = {0};
    struct error error = {0};
    if (!raw || target_decode(raw, &text, &target, &error) < 0) {
        return 0;
    }
    if (text.data[target.path] != '/') {
        abort();
    }
    size_t ends = 1 + 2 * target.query_pairs;
    for (size_t i = target.path; i < text.size; i++) {
        ends -= text.data[i] == '\0';
    }
    if (ends != 0 || text.data[text.size - 1] != '\0') {
        abort();
    }
    (void)target_query(&text, &target, "no such name");
    return 0;
}
