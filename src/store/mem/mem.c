/* SPDX-License-Identifier: Apache-2.0
 *
 * A store in memory, for tests: a sorted array of objects behind one lock. Each put makes a new
 * number and a later time, so that identities behave as those of files do.
 */
#include "store/mem/mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/file_kind.h"
#include "store/exclusion.h"
#include "store/page.h"

struct mem_object {
    char *key;   /* owned; the bytes lie behind it in the same block */
    char *bytes; /* borrowed from that */
    struct object_state state;
};

struct mem_store {
    struct store base;
    pthread_mutex_t lock;       /* guards all below */
    struct mem_object *objects; /* owned; sorted by key */
    size_t count;
    size_t capacity;
    uint64_t puts; /* so far */
};

static struct mem_store *mem(struct store *store)
{
    return (struct mem_store *)(void *)store;
}

/* The index of the first object whose key is not less than `key`. */
static size_t lower_bound(const struct mem_store *store, const char *key)
{
    size_t low = 0;
    size_t high = store->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(store->objects[middle].key, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static const struct mem_object *find(const struct mem_store *store, const char *key)
{
    size_t at = lower_bound(store, key);
    bool found = at < store->count && strcmp(store->objects[at].key, key) == 0;
    return found ? &store->objects[at] : NULL;
}

static int not_found(const char *key, struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, "object '%s' is not in the store", key);
}

static int mem_stat(struct store *store, const char *key, struct object_state *ret_state,
                    struct error *error)
{
    HOLD(&mem(store)->lock);
    const struct mem_object *object = find(mem(store), key);
    if (!object) {
        return not_found(key, error);
    }
    *ret_state = object->state;
    return 0;
}

static int mem_read(struct store *store, const char *key, const struct store_target *target,
                    size_t *ret_size, struct identity *ret_identity, struct error *error)
{
    HOLD(&mem(store)->lock);
    const struct mem_object *object = find(mem(store), key);
    if (!object) {
        return not_found(key, error);
    }
    size_t size = (size_t)object->state.size_bytes;
    if (size > target->capacity) {
        return error_set(error, ERROR_TOO_LARGE, "object '%s' has %zu bytes, the limit is %zu", key,
                         size, target->capacity);
    }
    if (size > 0) {
        memcpy(target->bytes, object->bytes, size);
    }
    *ret_size = size;
    *ret_identity = object->state.identity;
    return 0;
}

static bool is_decodable(const struct mem_object *object)
{
    return file_kind_of(object->bytes, (size_t)object->state.size_bytes).class == FILE_DECODABLE;
}

static int mem_list(struct store *store, const struct store_list_query *query,
                    struct store_page *ret_page, struct error *error)
{
    struct page_builder builder = PAGE_BUILDER_INIT;
    size_t prefix_size = strlen(query->prefix);
    const char *slash = strrchr(query->prefix, '/');
    size_t from = slash ? (size_t)(slash - query->prefix) + 1 : 0;
    const char *before = ""; /* what was excluded last: its key, up to there */
    size_t cut_before = 0;
    bool more = false;
    HOLD(&mem(store)->lock);
    size_t at = lower_bound(mem(store), query->after);
    if (strcmp(query->prefix, query->after) > 0) {
        at = lower_bound(mem(store), query->prefix);
    }
    struct left_out_tally passed = {.links = 0}; /* since the last key: counted with the next one or
                                                  * with the end */
    for (; at < mem(store)->count && !more; at++) {
        const struct mem_object *object = &mem(store)->objects[at];
        if (strncmp(object->key, query->prefix, prefix_size) != 0) {
            break;
        }
        if (strcmp(object->key, query->after) == 0) {
            continue;
        }
        int suffix = query->images_only && !(query->sniff && is_decodable(object))
                         ? suffix_foreign(object->key)
                         : -1;
        size_t cut = exclusion_cut(query->exclusion, object->key, from);
        if (cut > 0) {
            bool counted = cut == cut_before && strncmp(object->key, before, cut) == 0;
            passed.excluded += counted ? 0 : 1;
            before = object->key;
            cut_before = cut;
        } else if (suffix >= 0) {
            passed.suffixes[suffix]++;
        } else if (builder.count == query->limit) {
            more = true;
        } else {
            page_builder_add(&builder, object->key, strlen(object->key),
                             query->sizes ? object->state.size_bytes : 0, false);
            left_out_tally_add(&builder.left_out, &passed);
            passed = (struct left_out_tally){.links = 0};
        }
    }
    if (!more) {
        left_out_tally_add(&builder.left_out, &passed);
    }
    int r = page_builder_finish(&builder, more, ret_page, error);
    page_builder_done(&builder);
    return r;
}

static void mem_close(struct store *store)
{
    for (size_t i = 0; i < mem(store)->count; i++) {
        free(mem(store)->objects[i].key);
    }
    free(mem(store)->objects);
    (void)pthread_mutex_destroy(&mem(store)->lock);
    free(store);
}

static int mem_check(const struct store_settings *settings, bool look, struct error *error)
{
    (void)settings;
    (void)look;
    (void)error;
    return 0;
}

static int mem_open(const struct store_settings *settings, struct store **ret_store,
                    struct error *error)
{
    (void)settings;
    return store_mem_new(ret_store) < 0 ? error_memory(error, NULL) : 0;
}

const struct store_backend mem_backend = {
    .name = "mem",
    .noun = "memory",
    .settings = (const char *const[]){NULL},
    .check = mem_check,
    .open = mem_open,
    .close = mem_close,
    .list = mem_list,
    .stat = mem_stat,
    .read = mem_read,
};

int store_mem_new(struct store **ret_store)
{
    struct mem_store *store = calloc(1, sizeof *store);
    if (!store) {
        return -ENOMEM;
    }
    store->base.backend = &mem_backend;
    int r = pthread_mutex_init(&store->lock, NULL);
    if (r != 0) {
        free(store);
        return -r;
    }
    *ret_store = &store->base;
    return 0;
}

/* Room for one more at `at`; its members are undefined. -ENOMEM. */
static int open_gap(struct mem_store *store, size_t at)
{
    if (store->count == store->capacity) {
        size_t capacity = store->capacity > 0 ? store->capacity * 2 : 16;
        struct mem_object *objects = reallocarray(store->objects, capacity, sizeof *objects);
        if (!objects) {
            return -ENOMEM;
        }
        store->objects = objects;
        store->capacity = capacity;
    }
    memmove(store->objects + at + 1, store->objects + at,
            (store->count - at) * sizeof *store->objects);
    store->count++;
    return 0;
}

int store_mem_put(struct store *store, const char *key, const void *bytes, size_t size)
{
    int r = store_key_check(key, NULL);
    if (r < 0) {
        return r;
    }
    size_t key_size = strlen(key) + 1;
    char *block = size < SIZE_MAX / 2 ? malloc(key_size + size) : NULL;
    if (!block) {
        return -ENOMEM;
    }
    memcpy(block, key, key_size);
    if (size > 0) {
        memcpy(block + key_size, bytes, size);
    }
    HOLD(&mem(store)->lock);
    size_t at = lower_bound(mem(store), key);
    struct mem_object *objects = mem(store)->objects;
    if (at < mem(store)->count && strcmp(objects[at].key, key) == 0) {
        free(objects[at].key);
    } else {
        r = open_gap(mem(store), at);
        if (r < 0) {
            free(block);
            return r;
        }
    }
    uint64_t put = ++mem(store)->puts;
    mem(store)->objects[at] = (struct mem_object){
        .key = block,
        .bytes = block + key_size,
        .state = {.identity = identity_of_words((const uint64_t[]){1, put, size, put, put}),
                  .size_bytes = size,
                  .mtime_ns = (int64_t)put},
    };
    return 0;
}
