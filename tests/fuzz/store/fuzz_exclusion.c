/* SPDX-License-Identifier: Apache-2.0
 *
 * Exclusions: the first line is a pattern, the rest a key. Patterns compared as text give the
 * glob's result, a file is never excluded if a directory of that name is not, and a cut key names
 * what is excluded.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "store/exclusion.h"
#include "store/glob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void agrees_with_glob(const struct exclusion *exclusion, char *pattern, const char *key)
{
    struct glob *glob = NULL;
    size_t size = strlen(pattern);
    while (pattern[size - 1] == '/') {
        pattern[--size] = '\0';
    }
    if (glob_new(pattern, &glob, NULL) == 0) {
        demand(exclusion_covers(exclusion, key, true) == glob_match(glob, key));
        glob_free(glob);
    }
}

static void check(char *pattern, const char *key)
{
    char cut[LIMIT_NAME_BYTES + 1];
    struct exclusion *exclusion = NULL;
    if (exclusion_new(pattern, NULL, &exclusion, NULL) < 0 || !exclusion) {
        demand(!exclusion);
        return;
    }
    bool file = exclusion_covers(exclusion, key, false);
    demand(!file || exclusion_covers(exclusion, key, true));
    size_t size = exclusion_cut(exclusion, key, 0);
    demand(size <= strlen(key) && (!file || size > 0 || key[0] == '\0'));
    if (size > 0) {
        memcpy(cut, key, size);
        cut[size] = '\0';
        demand(exclusion_covers(exclusion, cut, key[size] == '/'));
    }
    if (pattern[0] != '/') {
        agrees_with_glob(exclusion, pattern, key);
    }
    exclusion_free(exclusion);
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
    if (strlen(key) <= LIMIT_NAME_BYTES && key[0] != '/') { /* as all keys */
        check(pattern, key);
    }
    free(pattern);
    return 0;
}
