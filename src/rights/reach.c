/* SPDX-License-Identifier: Apache-2.0
 *
 * The scopes of a caller's sections as prefixes of names: see reach.h.
 */
#include "rights/reach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* STORE/ or STORE/PREFIX/; the caller frees it. */
static char *prefix_of(const char *scope)
{
    char *prefix = NULL;
    return asprintf(&prefix, "%s%s", scope, strchr(scope, '/') ? "" : "/") < 0 ? NULL : prefix;
}

/* Adds what the scope has within `within`: a part, all of it, or nothing. */
static int add_scope(struct reach *reach, const char *scope, const char *within)
{
    char *prefix = prefix_of(scope);
    if (prefix && begins_with(within, prefix)) {
        free(prefix);
        prefix = strdup(within);
    } else if (prefix && !begins_with(prefix, within)) {
        free(prefix);
        return 0;
    }
    if (!prefix) {
        return -ENOMEM;
    }
    reach->prefixes[reach->count++] = prefix;
    return 0;
}

static int by_bytes(const void *a, const void *b)
{
    const char *const *one = a;
    const char *const *other = b;
    return strcmp(*one, *other);
}

/* Sorts, and drops what is within another. */
static void arrange(struct reach *reach)
{
    size_t kept = 0;
    qsort(reach->prefixes, reach->count, sizeof *reach->prefixes, by_bytes);
    for (size_t i = 0; i < reach->count; i++) {
        if (kept > 0 && begins_with(reach->prefixes[i], reach->prefixes[kept - 1])) {
            free(reach->prefixes[i]);
        } else {
            reach->prefixes[kept++] = reach->prefixes[i];
        }
    }
    reach->count = kept;
}

/* Whether a section has one of the rights in all stores; *ret_scopes counts the scopes of the
 * others. */
static bool is_everywhere(const struct access *access, uint32_t rights, size_t *ret_scopes)
{
    bool everywhere = access->all;
    *ret_scopes = 0;
    for (size_t i = 0; i < access->grant_count; i++) {
        if (access->grants[i]->rights & rights) {
            everywhere = everywhere || access->grants[i]->all_stores;
            *ret_scopes += access->grants[i]->scope_count;
        }
    }
    return everywhere;
}

static int add_all(const struct access *access, uint32_t rights, const char *within,
                   struct reach *reach)
{
    for (size_t i = 0; i < access->grant_count; i++) {
        const struct grant *grant = access->grants[i];
        for (size_t j = 0; j < grant->scope_count && (grant->rights & rights); j++) {
            int r = add_scope(reach, grant->scopes[j], within);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

int reach_make(const struct access *access, uint32_t rights, const char *within,
               struct reach *ret_reach)
{
    size_t scopes = 0;
    bool everywhere = is_everywhere(access, rights, &scopes);
    struct reach reach = {.prefixes = calloc(scopes + 1, sizeof *reach.prefixes)};
    int r = reach.prefixes ? 0 : -ENOMEM;
    if (r == 0 && everywhere) {
        reach.prefixes[0] = strdup(within);
        reach.count = reach.prefixes[0] ? 1 : 0;
        r = reach.prefixes[0] ? 0 : -ENOMEM;
    } else if (r == 0) {
        r = add_all(access, rights, within, &reach);
    }
    if (r < 0) {
        reach_done(&reach);
        return r;
    }
    arrange(&reach);
    *ret_reach = reach;
    return 0;
}

void reach_done(struct reach *reach)
{
    for (size_t i = 0; i < reach->count; i++) {
        free(reach->prefixes[i]);
    }
    free(reach->prefixes);
    *reach = (struct reach){.count = 0};
}

/* Between a prefix and a name that begins with it there are only names that begin with it, too: so
 * the last prefix that is not behind the name is the one. */
bool reach_holds(const struct reach *reach, const char *prefix)
{
    size_t low = 0;
    size_t high = reach->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(reach->prefixes[middle], prefix) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && begins_with(prefix, reach->prefixes[low - 1]);
}
