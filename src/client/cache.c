/* SPDX-License-Identifier: Apache-2.0
 *
 * The array's result cache: its status, and clearing it.
 */
#include <errno.h>

#include "client/document.h"
#include "client/reply.h"

static int fill(struct document *document, struct situ_error *error)
{
    (void)error;
    struct situ_cache *cache = document_public(document);
    const struct json *root = document->root;
    const struct json *entries = json_member(root, "entries");
    const struct json *hits = json_member(root, "hits");
    const struct json *misses = json_member(root, "misses");
    *cache = (struct situ_cache){
        .on = reply_flag(root, "on", false),
        .paused = reply_flag(root, "paused", false),
        .contents = reply_count(entries, "contents"),
        .answers = reply_count(entries, "answers"),
        .used_bytes = reply_count(root, "used_bytes"),
        .file_bytes = reply_count(root, "file_bytes"),
        .limit_bytes = reply_count(root, "limit_bytes"),
        .content_hits = reply_count(hits, "content"),
        .answer_hits = reply_count(hits, "answer"),
        .content_misses = reply_count(misses, "content"),
        .answer_misses = reply_count(misses, "answer"),
        .evictions = reply_count(root, "evictions"),
        .dropped = reply_count(root, "dropped"),
        .damaged = reply_count(root, "damaged"),
        .json = document_text(document),
    };
    return 0;
}

int situ_cache_status(struct situ *array, struct situ_cache **ret_cache, struct situ_error *error)
{
    static const struct document_form form = {sizeof(struct situ_cache), fill};
    return document_show(array, "/v1/cache", &form, ret_cache, error);
}

void situ_cache_free(struct situ_cache *cache)
{
    document_free_public(cache);
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
