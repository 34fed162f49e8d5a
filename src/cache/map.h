/* SPDX-License-Identifier: Apache-2.0
 *
 * The map below the cache: from short keys to byte strings, bounded, the least recently used
 * entries leaving first. A back end is a const table of functions and an instance: map_lmdb.c, and
 * map_none.c, which stores nothing. Private to src/cache; any thread.
 */
#ifndef SITU_CACHE_MAP_H
#define SITU_CACHE_MAP_H

#include "cache/cache.h"

enum { MAP_KEY_MAX = 72 };

/* The first byte of a key. */
enum map_space { MAP_CONTENT = 'i', MAP_ANSWER = 'r' };

struct map_key {
    size_t size;
    uint8_t bytes[MAP_KEY_MAX];
};

/* Reads an entry in place; must be short. 0, or a negative errno: -EBADMSG deletes the entry. */
typedef int (*map_read_fn)(void *context, const uint8_t *payload, size_t size);

struct map;

struct map_ops {
    const char *kind;
    /* 0, -ENOENT, or what `read` returned. */
    int (*get)(struct map *map, const struct map_key *key, map_read_fn read, void *context);
    /* 0, -EBUSY (queue full), -ENOMEM; the payload is copied. */
    int (*put)(struct map *map, const struct map_key *key, const void *payload, size_t size);
    void (*remove)(struct map *map, const struct map_key *key);
    void (*flush)(struct map *map);
    int (*clear)(struct map *map, struct error *error);
    void (*status)(struct map *map, struct cache_status *status); /* fills what it knows */
    void (*close)(struct map *map);
};

/* Every back end's instance begins with this. */
struct map {
    const struct map_ops *ops;
};

must_check int map_none_open(struct map **ret_map, struct error *error);

/* `options` has its defaults filled in. */
must_check int map_lmdb_open(const struct cache_options *options, struct map **ret_map,
                             struct error *error);

#endif
