/* SPDX-License-Identifier: Apache-2.0
 *
 * The array's result cache: what it says of itself, and clearing it.
 */
#include <errno.h>
#include <stdlib.h>

#include "client/document.h"

struct cache {
    struct situ_cache public; /* first */
    struct document document;
};

static uint64_t count_of(const struct json *object, const char *key)
{
    int64_t value = json_get_integer(json_member(object, key), 0);
    return value > 0 ? (uint64_t)value : 0;
}

static void fill(struct cache *cache)
{
    const struct json *root = cache->document.root;
    const struct json *entries = json_member(root, "entries");
    const struct json *hits = json_member(root, "hits");
    const struct json *misses = json_member(root, "misses");
    cache->public = (struct situ_cache){
        .on = json_get_bool(json_member(root, "on"), false),
        .paused = json_get_bool(json_member(root, "paused"), false),
        .contents = count_of(entries, "contents"),
        .answers = count_of(entries, "answers"),
        .used_bytes = count_of(root, "used_bytes"),
        .file_bytes = count_of(root, "file_bytes"),
        .limit_bytes = count_of(root, "limit_bytes"),
        .content_hits = count_of(hits, "content"),
        .answer_hits = count_of(hits, "answer"),
        .content_misses = count_of(misses, "content"),
        .answer_misses = count_of(misses, "answer"),
        .evictions = count_of(root, "evictions"),
        .dropped = count_of(root, "dropped"),
        .damaged = count_of(root, "damaged"),
        .json = document_text(&cache->document),
    };
}

int situ_cache_status(struct situ *array, struct situ_cache **ret_cache, struct situ_error *error)
{
    if (ret_cache) {
        *ret_cache = NULL;
    }
    if (!array || !ret_cache) {
        return -EINVAL;
    }
    struct cache *cache = calloc(1, sizeof *cache);
    if (!cache) {
        return client_fail_memory(error);
    }
    cleanup_buffer struct buffer target = BUFFER_INIT;
    buffer_append_text(&target, "/v1/cache");
    int r = document_get(&cache->document, array, &target, error);
    if (r) {
        situ_cache_free(&cache->public);
        return r;
    }
    fill(cache);
    *ret_cache = &cache->public;
    return 0;
}

void situ_cache_free(struct situ_cache *cache)
{
    if (cache) {
        struct cache *whole = (struct cache *)(void *)cache;
        document_done(&whole->document);
        free(whole);
    }
}

int situ_cache_clear(struct situ *array, struct situ_error *error)
{
    cleanup_buffer struct buffer answer = BUFFER_INIT;
    if (!array) {
        return -EINVAL;
    }
    struct request request = {.method = "DELETE", .target = "/v1/cache"};
    return request_perform(array, &request, &answer, error);
}
