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

#include "data/file_kind.h"
#include "data/key.h"
#include "store/sorted.h"

struct mem_object {
    char *key;   /* owned; the bytes follow it in the same block */
    char *bytes; /* borrowed from it */
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

static const char *key_at(void *context, size_t index)
{
    return ((const struct mem_store *)context)->objects[index].key;
}

static uint64_t size_at(void *context, size_t index)
{
    return ((const struct mem_store *)context)->objects[index].state.size_bytes;
}

static bool is_decodable_at(void *context, size_t index)
{
    const struct mem_object *object = &((const struct mem_store *)context)->objects[index];
    return file_kind_of(object->bytes, (size_t)object->state.size_bytes).class == FILE_DECODABLE;
}

/* To be used while the lock is held. */
static struct sorted_objects sorted(struct mem_store *store)
{
    return (struct sorted_objects){.context = store,
                                   .count = store->count,
                                   .key = key_at,
                                   .size_bytes = size_at,
                                   .is_decodable = is_decodable_at};
}

/* The index of the first object whose key is not less than `key`. */
static size_t lower_bound(struct mem_store *store, const char *key)
{
    struct sorted_objects objects = sorted(store);
    return sorted_find(&objects, key);
}

static const struct mem_object *find(struct mem_store *store, const char *key)
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

static int mem_list(struct store *store, const struct store_list_query *query,
                    struct store_page *ret_page, struct error *error)
{
    HOLD(&mem(store)->lock);
    struct sorted_objects objects = sorted(mem(store));
    return sorted_list(&objects, query, ret_page, error);
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
    int r = key_check(key, NULL);
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
