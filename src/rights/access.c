/* SPDX-License-Identifier: Apache-2.0
 *
 * Joins the sections of a caller: see access.h.
 */
#include "rights/access.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void access_init(struct access *access, struct rights *generation, const char *name)
{
    *access = (struct access){.generation = rights_ref(generation)};
    (void)snprintf(access->name, sizeof access->name, "%s", name);
}

bool access_add(struct access *access, const struct grant *grant)
{
    if (access->grant_count == ACCESS_GRANTS) {
        return false;
    }
    access->grants[access->grant_count++] = grant;
    return true;
}

static int compare_ids(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

void access_init_user(struct access *access, struct rights *generation, uint32_t user,
                      const uint32_t *groups, size_t group_count)
{
    char name[ACCESS_NAME_SIZE];
    const struct grant *own = rights_find_id(generation, GRANT_USER, user);
    (void)snprintf(name, sizeof name, "user:%u", user);
    access_init(access, generation, name);
    if (own) {
        (void)snprintf(access->name, sizeof access->name, "user:%s", own->name);
        (void)access_add(access, own);
    }
    size_t left = group_count > 0 ? rights_count(generation, GRANT_GROUP) : 0;
    for (size_t i = 0; left > 0; i++) {
        const struct grant *grant = rights_at(generation, i);
        if (grant->kind != GRANT_GROUP) {
            continue;
        }
        left--;
        if (grant->identified &&
            bsearch(&grant->id, groups, group_count, sizeof *groups, compare_ids) &&
            !access_add(access, grant)) {
            return;
        }
    }
}

void access_done(struct access *access)
{
    rights_unref(access->generation);
    access->generation = NULL;
    access->grant_count = 0;
    access->all = false;
}

bool access_has(const struct access *access, uint32_t rights)
{
    for (size_t i = 0; i < access->grant_count; i++) {
        if (access->grants[i]->rights & rights) {
            return true;
        }
    }
    return access->all;
}

/* ---- scopes ---- */

/* How a scope, or a whole store, lies to the objects STORE/PREFIX*. */
enum relation { RELATION_APART, RELATION_WITHIN /* the scope is a part of them */, RELATION_HOLDS };

/* `prefix` may be the whole key of an object. */
static enum relation relate(const char *scope, const char *store, size_t store_size,
                            const char *prefix)
{
    if (strncmp(scope, store, store_size) != 0) {
        return RELATION_APART;
    }
    if (scope[store_size] == '\0') {
        return RELATION_HOLDS;
    }
    if (scope[store_size] != '/') {
        return RELATION_APART;
    }
    const char *below = scope + store_size + 1; /* ends with a slash */
    if (strncmp(prefix, below, strlen(below)) == 0) {
        return RELATION_HOLDS;
    }
    return strncmp(below, prefix, strlen(prefix)) == 0 ? RELATION_WITHIN : RELATION_APART;
}

static enum relation relate_grant(const struct grant *grant, const char *store, size_t store_size,
                                  const char *prefix)
{
    enum relation best = grant->all_stores ? RELATION_HOLDS : RELATION_APART;
    for (size_t i = 0; i < grant->scope_count && best != RELATION_HOLDS; i++) {
        enum relation relation = relate(grant->scopes[i], store, store_size, prefix);
        best = relation > best ? relation : best;
    }
    return best;
}

/* The best relation of the sections that have any of the rights. */
static enum relation best_of(const struct access *access, uint32_t rights, const char *store,
                             size_t store_size, const char *prefix)
{
    enum relation best = access->all ? RELATION_HOLDS : RELATION_APART;
    for (size_t i = 0; i < access->grant_count && best != RELATION_HOLDS; i++) {
        if (access->grants[i]->rights & rights) {
            enum relation relation = relate_grant(access->grants[i], store, store_size, prefix);
            best = relation > best ? relation : best;
        }
    }
    return best;
}

enum access_verdict access_object(const struct access *access, enum right right, const char *object)
{
    size_t store_size = strcspn(object, "/");
    const char *key = object[store_size] == '/' ? object + store_size + 1 : "";
    if (best_of(access, right, object, store_size, key) == RELATION_HOLDS) {
        return ACCESS_GRANTED;
    }
    return best_of(access, RIGHTS_OF_OBJECTS, object, store_size, key) == RELATION_HOLDS
               ? ACCESS_FORBIDDEN
               : ACCESS_HIDDEN;
}

enum access_verdict access_prefix(const struct access *access, enum right right, const char *store,
                                  const char *prefix)
{
    size_t size = strlen(store);
    if (best_of(access, right, store, size, prefix) == RELATION_HOLDS) {
        return ACCESS_GRANTED;
    }
    return access_knows_prefix(access, store, prefix) ? ACCESS_FORBIDDEN : ACCESS_HIDDEN;
}

bool access_knows_prefix(const struct access *access, const char *store, const char *prefix)
{
    return best_of(access, RIGHTS_OF_OBJECTS, store, strlen(store), prefix) != RELATION_APART;
}

bool access_knows_store(const struct access *access, const char *store)
{
    return access_knows_prefix(access, store, "");
}

bool access_knows_whole_store(const struct access *access, const char *store)
{
    return best_of(access, RIGHTS_OF_OBJECTS, store, strlen(store), "") == RELATION_HOLDS;
}

static bool is_everywhere(const struct access *access, uint32_t rights)
{
    for (size_t i = 0; i < access->grant_count; i++) {
        if (access->grants[i]->all_stores && (access->grants[i]->rights & rights)) {
            return true;
        }
    }
    return access->all;
}

bool access_everywhere(const struct access *access, enum right right)
{
    return is_everywhere(access, right);
}

bool access_knows_all(const struct access *access)
{
    return is_everywhere(access, RIGHTS_OF_OBJECTS);
}

bool access_volume(const struct access *access, const char *volume)
{
    for (size_t i = 0; i < access->grant_count; i++) {
        for (size_t j = 0; j < access->grants[i]->volume_count; j++) {
            if (strcmp(access->grants[i]->volumes[j], volume) == 0) {
                return true;
            }
        }
    }
    return access->all;
}

bool access_is_over(const struct access *access, int64_t now_s)
{
    for (size_t i = 0; i < access->grant_count; i++) {
        if (access->grants[i]->expires_s == 0 || access->grants[i]->expires_s > now_s) {
            return false;
        }
    }
    return !access->all;
}

static bool same_names(const char *const *a, size_t a_count, const char *const *b, size_t b_count)
{
    bool same = a_count == b_count;
    for (size_t i = 0; i < a_count && same; i++) {
        same = strcmp(a[i], b[i]) == 0;
    }
    return same;
}

bool grant_is_same(const struct grant *a, const struct grant *b)
{
    return a->rights == b->rights && a->all_stores == b->all_stores &&
           a->expires_s == b->expires_s && a->identified == b->identified && a->id == b->id &&
           memcmp(a->digest, b->digest, sizeof a->digest) == 0 &&
           same_names(a->scopes, a->scope_count, b->scopes, b->scope_count) &&
           same_names(a->volumes, a->volume_count, b->volumes, b->volume_count);
}

/* The same section in another generation. Tokens of the old form move to other lines. */
static const struct grant *find_again(const struct access *access, const struct grant *grant,
                                      const struct rights *rights)
{
    bool plain = rights_plain_line(access->generation) > 0 && rights_plain_line(rights) > 0;
    return plain ? rights_find_digest(rights, grant->digest)
                 : rights_find(rights, grant->kind, grant->name);
}

bool access_is_in(const struct access *access, const struct rights *rights)
{
    bool in = access->all || access->generation == rights;
    for (size_t i = 0; i < access->grant_count && !in; i++) {
        const struct grant *grant = access->grants[i];
        const struct grant *now = rights ? find_again(access, grant, rights) : NULL;
        if (!now || !grant_is_same(grant, now)) {
            return false;
        }
    }
    return true;
}
