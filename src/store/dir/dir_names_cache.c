/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache of directory names between pages: a few slots, searched one by one, evicted least
 * recently used first.
 */
#include "store/dir/dir_names_cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum {
    SLOT_COUNT =
        sizeof((struct dir_names_cache *)0)->slots / sizeof((struct dir_names_cache *)0)->slots[0],
    WORTH_KEEPING = 256, /* names: reading fewer is as fast as a lookup */
    LARGE = 10000,       /* names: reading so many for each page is slow */
    PATIENCE = 10,       /* times the cost of a read, for large ones that keep changing */
};
#define KEPT_BYTES_MAX DIR_NAMES_BUDGET_BYTES
#define STALE_MAX_NS (30 * NS_PER_S)
#define UNUSED_MAX_NS (60 * NS_PER_S)

static size_t names_bytes(const struct dir_names *names)
{
    return names->text_size + names->count * sizeof *names->starts;
}

static void unref_locked(struct dir_names *names)
{
    if (--names->references == 0) {
        dir_names_free(names);
    }
}

static void clear(struct dir_names_cache *cache, struct dir_names_slot *slot)
{
    cache->bytes -= names_bytes(slot->names);
    unref_locked(slot->names);
    free(slot->path);
    *slot = (struct dir_names_slot){0};
}

/* Evicts the least recently used; false: nothing is left. */
static bool evict(struct dir_names_cache *cache)
{
    struct dir_names_slot *oldest = NULL;
    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        struct dir_names_slot *slot = &cache->slots[i];
        if (slot->path && (!oldest || slot->used_ns < oldest->used_ns)) {
            oldest = slot;
        }
    }
    if (oldest) {
        clear(cache, oldest);
    }
    return oldest != NULL;
}

static struct dir_names_slot *find(struct dir_names_cache *cache, const char *path)
{
    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        if (cache->slots[i].path && strcmp(cache->slots[i].path, path) == 0) {
            return &cache->slots[i];
        }
    }
    return NULL;
}

static struct dir_names_slot *find_free(struct dir_names_cache *cache)
{
    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        if (!cache->slots[i].path) {
            return &cache->slots[i];
        }
    }
    return NULL;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool usable(const struct dir_names_slot *slot, const struct stat *directory,
                   const char *from, bool going_on, int64_t now_ns)
{
    const struct dir_names *names = slot->names;
    if (slot->directory.st_dev != directory->st_dev ||
        slot->directory.st_ino != directory->st_ino || strcmp(names->from, from) > 0) {
        return false;
    }
    if (!names->complete &&
        (names->count == 0 || strcmp(dir_names_at(names, names->count - 1), from) < 0)) {
        return false;
    }
    if (!slot->doubtful && same_time(&slot->directory.st_mtim, &directory->st_mtim) &&
        same_time(&slot->directory.st_ctim, &directory->st_ctim)) {
        return true;
    }
    int64_t age_ns = now_ns - slot->read_ns;
    return going_on && names->count > LARGE && age_ns < STALE_MAX_NS &&
           age_ns / PATIENCE < slot->cost_ns;
}

int dir_names_cache_init(struct dir_names_cache *cache)
{
    *cache = (struct dir_names_cache){0};
    return -pthread_mutex_init(&cache->lock, NULL);
}

void dir_names_cache_done(struct dir_names_cache *cache)
{
    while (evict(cache)) {
    }
    (void)pthread_mutex_destroy(&cache->lock);
}

struct dir_names *dir_names_cache_get(struct dir_names_cache *cache, const char *path,
                                      const struct stat *directory, const char *from, bool going_on,
                                      int64_t now_ns)
{
    HOLD(&cache->lock);
    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        struct dir_names_slot *slot = &cache->slots[i];
        if (slot->path && now_ns - slot->used_ns > UNUSED_MAX_NS) {
            clear(cache, slot); /* of a listing that was abandoned */
        }
    }
    struct dir_names_slot *slot = find(cache, path);
    if (!slot || !usable(slot, directory, from, going_on, now_ns)) {
        return NULL;
    }
    slot->used_ns = now_ns;
    slot->names->references++;
    return slot->names;
}

void dir_names_cache_put(struct dir_names_cache *cache, const struct dir_names_origin *origin,
                         struct dir_names *names)
{
    size_t bytes = names_bytes(names);
    if (names->count < WORTH_KEEPING || bytes > KEPT_BYTES_MAX) {
        return;
    }
    char *path = strdup(origin->path);
    if (!path) {
        return; /* the next page reads it again */
    }
    HOLD(&cache->lock);
    struct dir_names_slot *slot = find(cache, path);
    if (slot) {
        clear(cache, slot);
    }
    while (cache->bytes + bytes > KEPT_BYTES_MAX && evict(cache)) {
    }
    slot = find_free(cache);
    if (!slot && evict(cache)) {
        slot = find_free(cache);
    }
    if (!slot) {
        free(path);
        return;
    }
    *slot = (struct dir_names_slot){.path = path,
                                    .names = names,
                                    .directory = origin->directory,
                                    .doubtful = origin->doubtful,
                                    .read_ns = origin->done_ns,
                                    .cost_ns = origin->done_ns - origin->begun_ns,
                                    .used_ns = origin->done_ns};
    names->references++;
    cache->bytes += bytes;
}

void dir_names_cache_forget(struct dir_names_cache *cache, const char *path)
{
    HOLD(&cache->lock);
    struct dir_names_slot *slot = find(cache, path);
    if (slot) {
        clear(cache, slot);
    }
}

void dir_names_unref(struct dir_names_cache *cache, struct dir_names *names)
{
    if (names) {
        HOLD(&cache->lock);
        unref_locked(names);
    }
}
