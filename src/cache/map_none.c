/* SPDX-License-Identifier: Apache-2.0
 *
 * The map that stores nothing: for a cache that is switched off, and for tests. Any thread; it has
 * no state.
 */
#include <errno.h>

#include "cache/map.h"

static int none_get(struct map *map, const struct map_key *key, map_read_fn read, void *context)
{
    (void)map;
    (void)key;
    (void)read;
    (void)context;
    return -ENOENT;
}

static int none_put(struct map *map, const struct map_key *key, const void *payload, size_t size)
{
    (void)map;
    (void)key;
    (void)payload;
    (void)size;
    return 0;
}

static void none_remove(struct map *map, const struct map_key *key)
{
    (void)map;
    (void)key;
}

static void none_flush(struct map *map)
{
    (void)map;
}

static int none_clear(struct map *map, struct error *error)
{
    (void)map;
    (void)error;
    return 0;
}

static void none_status(struct map *map, struct cache_status *status)
{
    (void)map;
    status->on = false;
}

static void none_close(struct map *map)
{
    free(map);
}

static const struct map_ops none_ops = {
    .kind = "none",
    .get = none_get,
    .put = none_put,
    .remove = none_remove,
    .flush = none_flush,
    .clear = none_clear,
    .status = none_status,
    .close = none_close,
};

int map_none_open(struct map **ret_map, struct error *error)
{
    struct map *map = malloc(sizeof *map);
    if (!map) {
        return error_memory(error, "the result cache");
    }
    map->ops = &none_ops;
    *ret_map = map;
    return 0;
}
