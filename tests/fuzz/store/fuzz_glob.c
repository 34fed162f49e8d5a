/* SPDX-License-Identifier: Apache-2.0
 *
 * Globs: the first line is a pattern, the second a key. A match begins with the pattern's literal
 * start, and a key that is quoted byte for byte matches itself.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "store/glob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void matches_itself(const char *key)
{
    size_t size = strlen(key);
    char *quoted = calloc(2, size + 1);
    demand(quoted != NULL);
    for (size_t i = 0, at = 0; i < size; i++) {
        if (strchr("*?[\\", key[i])) {
            quoted[at++] = '\\';
        }
        quoted[at++] = key[i];
    }
    struct glob *glob;
    if (glob_new(quoted, &glob, NULL) == 0) {
        demand(glob_match(glob, key));
        glob_free(glob);
    }
    free(quoted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *pattern = strndup((const char *)data, size);
    demand(pattern != NULL);
    char *line = strchr(pattern, '\n');
    const char *key = line ? line + 1 : "";
    if (line) {
        *line = '\0';
    }
    struct glob *glob;
    if (strlen(key) <= 2 * LIMIT_KEY_BYTES && glob_new(pattern, &glob, NULL) == 0) {
        if (glob_match(glob, key)) {
            demand(strncmp(key, glob_head(glob), strlen(glob_head(glob))) == 0);
        }
        glob_free(glob);
        matches_itself(key);
    }
    free(pattern);
    return 0;
}
