/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as index.json: accepted values are in bounds.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "retrieval/index_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void want(int what)
{
    if (!what) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct index_file file;
    struct error error = {.code = ERROR_NONE};
    int r = index_file_parse((const char *)data, size, &file, &error);
    if (r < 0) {
        want(error.code != ERROR_NONE);
        return 0;
    }
    want(file.number >= 1 && file.number <= file.last && file.next_number <= file.last);
    want(file.next_number != file.number);
    want(file.spec.name[0] != '\0' && !strchr(file.spec.name, '/') && file.spec.name[0] != '.');
    want(file.spec.metric >= INDEX_COSINE && file.spec.metric <= INDEX_EUCLIDEAN);
    want(!file.spec.select.store || file.spec.model[0] != '\0');
    index_file_done(&file);
    return 0;
}
