/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache's face: makes keys, encodes and decodes what stands behind them, counts. The entries
 * themselves are the map's. Called from lanes and request threads.
 */
#include "cache/cache.h"

#include <errno.h>
#include <stdatomic.h>

#include "base/bytes.h"
#include "cache/content.h"
#include "cache/map.h"

enum {
    DELAY_MS = 50,
    RETRY_MS = 30000,
    READERS = 512,
    QUEUE_BYTES = 8 << 20,
};

struct cache {
    struct map *map; /* owned */
    atomic_uint_fast64_t content_hits;
    atomic_uint_fast64_t content_misses;
    atomic_uint_fast64_t answer_hits;
    atomic_uint_fast64_t answer_misses;
};

static void count(atomic_uint_fast64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* An object has one entry, whatever becomes of it: its state is in the payload. */
static struct map_key content_key(uint64_t store, const struct identity *identity)
{
    struct map_key key = {.size = 25, .bytes = {MAP_CONTENT}};
    bytes_put_u64(key.bytes + 1, store);
    bytes_put_u64(key.bytes + 9, identity_word(identity, 0));
    bytes_put_big_u64(key.bytes + 17, identity_word(identity, 1)); /* neighbours lie together */
    return key;
}

static struct map_key answer_key(const struct cache_digest *content,
                                 const struct cache_digest *task)
{
    struct map_key key = {.size = 65, .bytes = {MAP_ANSWER}};
    memcpy(key.bytes + 1, content->bytes, 32);
    memcpy(key.bytes + 33, task->bytes, 32);
    return key;
}

int cache_open(const struct cache_options *options, struct cache **ret_cache, struct error *error)
{
    struct cache_options filled = *options;
    filled.limit_bytes = filled.limit_bytes ? filled.limit_bytes : CACHE_LIMIT_BYTES_DEFAULT;
    filled.delay_ms = filled.delay_ms ? filled.delay_ms : DELAY_MS;
    filled.retry_ms = filled.retry_ms ? filled.retry_ms : RETRY_MS;
    filled.readers = filled.readers ? filled.readers : READERS;
    filled.queue_bytes = filled.queue_bytes ? filled.queue_bytes : QUEUE_BYTES;
    if (filled.limit_bytes < CACHE_LIMIT_BYTES_MIN) {
        filled.limit_bytes = CACHE_LIMIT_BYTES_MIN;
    }

    cleanup_free struct cache *cache = calloc(1, sizeof *cache);
    if (!cache) {
        return error_memory(error, "the result cache");
    }
    int r = options->directory ? map_lmdb_open(&filled, &cache->map, error)
                               : map_none_open(&cache->map, error);
    if (r < 0) {
        return r;
    }
    *ret_cache = take_ptr(cache);
    return 0;
}

void cache_close(struct cache *cache)
{
    if (cache) {
        cache->map->ops->close(cache->map);
        free(cache);
    }
}

struct content_lookup {
    const struct identity *identity;
    struct cache_digest *content;
};

static int read_content(void *context, const uint8_t *payload, size_t size)
{
    struct content_lookup *lookup = context;
    return content_decode(payload, size, lookup->identity, lookup->content);
}

bool cache_find_content(struct cache *cache, uint64_t store, const struct identity *identity,
                        struct cache_digest *ret_content)
{
    struct map_key key = content_key(store, identity);
    struct content_lookup lookup = {.identity = identity, .content = ret_content};
    bool hit = cache->map->ops->get(cache->map, &key, read_content, &lookup) == 0;
    count(hit ? &cache->content_hits : &cache->content_misses);
    return hit;
}

static int read_answer(void *context, const uint8_t *payload, size_t size)
{
    return answer_decode(payload, size, context);
}

bool cache_find_answer(struct cache *cache, const struct cache_digest *content,
                       const struct cache_digest *task, struct answer *ret_answer)
{
    struct map_key key = answer_key(content, task);
    bool hit = cache->map->ops->get(cache->map, &key, read_answer, ret_answer) == 0;
    count(hit ? &cache->answer_hits : &cache->answer_misses);
    return hit;
}

void cache_put_content(struct cache *cache, uint64_t store, const struct identity *identity,
                       const struct cache_digest *content, bool trusted)
{
    if (!trusted) {
        return;
    }
    struct map_key key = content_key(store, identity);
    uint8_t payload[CONTENT_SIZE];
    content_encode(payload, identity, content);
    (void)cache->map->ops->put(cache->map, &key, payload, sizeof payload);
}

int cache_put_answer(struct cache *cache, const struct cache_digest *content,
                     const struct cache_digest *task, const struct answer *answer)
{
    struct map_key key = answer_key(content, task);
    cleanup_buffer struct buffer payload = BUFFER_INIT;
    int r = answer_encode(&payload, answer);
    if (r < 0) {
        return r;
    }
    return cache->map->ops->put(cache->map, &key, payload.data, payload.size);
}

void cache_flush(struct cache *cache)
{
    cache->map->ops->flush(cache->map);
}

int cache_clear(struct cache *cache, struct error *error)
{
    return cache->map->ops->clear(cache->map, error);
}

void cache_status(struct cache *cache, struct cache_status *ret_status)
{
    *ret_status = (struct cache_status){
        .content_hits = atomic_load(&cache->content_hits),
        .content_misses = atomic_load(&cache->content_misses),
        .answer_hits = atomic_load(&cache->answer_hits),
        .answer_misses = atomic_load(&cache->answer_misses),
    };
    cache->map->ops->status(cache->map, ret_status);
}
