/* SPDX-License-Identifier: Apache-2.0
 *
 * A generation of rights and its lookups: see rights.h. Tokens are found by their digest: how long
 * that takes tells nothing about a token.
 */
#include "rights/rights.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "rights/generation.h"

struct rights *rights_ref(struct rights *rights)
{
    atomic_fetch_add(&rights->references, 1);
    return rights;
}

void rights_unref(struct rights *rights)
{
    if (rights && atomic_fetch_sub(&rights->references, 1) == 1) {
        pool_done(&rights->pool);
        free(rights->grants);
        free(rights->by_digest);
        free(rights->by_name);
        free(rights->by_id);
        free(rights);
    }
}

int rights_digest(const char *token, size_t size, uint8_t digest[32])
{
    unsigned length = 0;
    return EVP_Digest(token, size, digest, &length, EVP_sha256(), NULL) == 1 && length == 32
               ? 0
               : -EPROTO;
}

static size_t first_slot(const struct rights *rights, const uint8_t digest[32])
{
    uint32_t hash = 0;
    memcpy(&hash, digest, sizeof hash);
    return hash & (rights->slots - 1);
}

/* The slot of the digest, or the free one where it belongs. */
static uint32_t *find_slot(const struct rights *rights, const uint8_t digest[32])
{
    size_t at = first_slot(rights, digest);
    while (rights->by_digest[at] > 0 &&
           memcmp(rights->grants[rights->by_digest[at] - 1].digest, digest, 32) != 0) {
        at = (at + 1) & (rights->slots - 1);
    }
    return &rights->by_digest[at];
}

/* ---- names and numbers ---- */

/* The slot of the section of that name, or the free one where it belongs. */
static uint32_t *find_name(const struct rights *rights, enum grant_kind kind, const char *name)
{
    size_t at = hash_bytes(name, strlen(name), kind) & (rights->name_slots - 1);
    while (rights->by_name[at] > 0) {
        const struct grant *grant = &rights->grants[rights->by_name[at] - 1];
        if (grant->kind == kind && strcmp(grant->name, name) == 0) {
            break;
        }
        at = (at + 1) & (rights->name_slots - 1);
    }
    return &rights->by_name[at];
}

/* The same for the number of a user or a group. */
static uint32_t *find_id(const struct rights *rights, enum grant_kind kind, uint32_t id)
{
    size_t at = hash_bytes(&id, sizeof id, kind) & (rights->name_slots - 1);
    while (rights->by_id[at] > 0) {
        const struct grant *grant = &rights->grants[rights->by_id[at] - 1];
        if (grant->kind == kind && grant->id == id) {
            break;
        }
        at = (at + 1) & (rights->name_slots - 1);
    }
    return &rights->by_id[at];
}

int rights_index_begin(struct rights *rights, size_t sections, struct error *error)
{
    rights->name_slots = 4;
    while (rights->name_slots < 4 * (sections + 1)) {
        rights->name_slots *= 2;
    }
    rights->by_name = calloc(rights->name_slots, sizeof *rights->by_name);
    rights->by_id = calloc(rights->name_slots, sizeof *rights->by_id);
    return rights->by_name && rights->by_id ? 0 : error_memory(error, NULL);
}

void rights_index_name(struct rights *rights, size_t index)
{
    *find_name(rights, rights->grants[index].kind, rights->grants[index].name) =
        (uint32_t)index + 1;
}

/* ---- tokens ---- */

int rights_index_tokens(struct rights *rights, struct error *error)
{
    rights->slots = 4;
    while (rights->slots < 2 * rights->count) {
        rights->slots *= 2;
    }
    rights->by_digest = calloc(rights->slots, sizeof *rights->by_digest);
    if (!rights->by_digest) {
        return error_memory(error, NULL);
    }
    for (size_t i = 0; i < rights->count; i++) {
        if (rights->grants[i].kind != GRANT_TOKEN) {
            continue;
        }
        uint32_t *slot = find_slot(rights, rights->grants[i].digest);
        if (*slot == 0) {
            *slot = (uint32_t)i + 1;
        } else if (rights->plain_line == 0) { /* as before, a plain token may be there twice */
            return error_set(error, ERROR_MALFORMED,
                             "line %zu: the section has the same hash as that of line %zu",
                             rights->grants[i].line, rights->grants[*slot - 1].line);
        }
    }
    return 0;
}

const struct grant *rights_at(const struct rights *rights, size_t index)
{
    return index < rights->count ? &rights->grants[index] : NULL;
}

size_t rights_count(const struct rights *rights, enum grant_kind kind)
{
    return rights->counts[kind];
}

int rights_identify(struct rights *rights, size_t index, uint32_t id, const char *name,
                    struct error *error)
{
    struct grant *grant = &rights->grants[index];
    uint32_t *slot = find_id(rights, grant->kind, id);
    if (*slot > 0) {
        return error_set(error, ERROR_MALFORMED,
                         "line %zu: '%.64s' has a section already, in line %zu", grant->line, name,
                         rights->grants[*slot - 1].line);
    }
    size_t size = strlen(name) + 1;
    char *copy = pool_take(&rights->pool, size);
    if (!copy) {
        return error_memory(error, NULL);
    }
    memcpy(copy, name, size);
    grant->name = copy;
    grant->id = id;
    grant->identified = true;
    *slot = (uint32_t)index + 1;
    rights_index_name(rights, index); /* [user 1000] is anna's from now on */
    return 0;
}

size_t rights_plain_line(const struct rights *rights)
{
    return rights->plain_line;
}

size_t rights_short_line(const struct rights *rights)
{
    return rights->short_line;
}

const struct grant *rights_find_token(const struct rights *rights, const char *token)
{
    uint8_t digest[32];
    return token[0] && rights_digest(token, strlen(token), digest) == 0
               ? rights_find_digest(rights, digest)
               : NULL;
}

const struct grant *rights_find_digest(const struct rights *rights, const uint8_t digest[32])
{
    uint32_t found = *find_slot(rights, digest);
    return found > 0 ? &rights->grants[found - 1] : NULL;
}

/* A token of the old form, whose name is its line. */
static const struct grant *find_plain(const struct rights *rights, const char *name)
{
    size_t line = 0;
    size_t low = 0;
    size_t high = rights->count;
    if (sscanf(name, "line-%zu", &line) != 1) { /* NOLINT(cert-err34-c): it is compared below */
        return NULL;
    }
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (rights->grants[middle].line < line) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const struct grant *found = rights_at(rights, low);
    return found && strcmp(found->name, name) == 0 ? found : NULL;
}

const struct grant *rights_find(const struct rights *rights, enum grant_kind kind, const char *name)
{
    if (rights->plain_line > 0) { /* then there are no sections */
        return kind == GRANT_TOKEN ? find_plain(rights, name) : NULL;
    }
    uint32_t found = *find_name(rights, kind, name);
    return found > 0 ? &rights->grants[found - 1] : NULL;
}

const struct grant *rights_find_id(const struct rights *rights, enum grant_kind kind, uint32_t id)
{
    uint32_t found = *find_id(rights, kind, id);
    return found > 0 ? &rights->grants[found - 1] : NULL;
}
