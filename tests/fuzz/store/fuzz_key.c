/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: the check of keys, and their suffixes. An accepted key can name nothing outside its
 * store, by a check that is simpler than the one under test.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "data/key.h"
#include "store/suffix.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_accepted(const char *key, size_t size)
{
    char framed[LIMIT_KEY_BYTES + 3];
    if (size == 0 || size > LIMIT_KEY_BYTES) {
        abort();
    }
    framed[0] = '/';
    memcpy(framed + 1, key, size);
    memcpy(framed + 1 + size, "/", 2);
    if (strstr(framed, "//") || strstr(framed, "/./") || strstr(framed, "/../")) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *key = malloc(size + 1);
    struct error error = {.code = ERROR_NONE};
    if (!key) {
        return 0;
    }
    memcpy(key, data, size);
    key[size] = '\0';
    int r = key_check(key, &error);
    if (r == 0) {
        check_accepted(key, strlen(key));
    }
    (void)suffix_foreign(key);
    free(key);
    return 0;
}
