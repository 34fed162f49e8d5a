/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/cache: shows the counts of the result cache, and clears it. Clearing blocks, on a task
 * thread.
 */
#include "api/route.h"
#include "base/log.h"

static void put_pair(struct json_writer *w, const char *key, uint64_t content, uint64_t answer)
{
    json_begin_object(w, key);
    json_put_unsigned(w, "content", content);
    json_put_unsigned(w, "answer", answer);
    json_end_object(w);
}

/* The cache is one for all stores: its counts show, and clearing it costs, more than one part. */
static bool may_use_all(struct call *call)
{
    bool may = access_everywhere(&call->access, RIGHT_RESULTS);
    if (!may) {
        call_respond_status(call, 403,
                            "the cache is of all stores, and your rights include "
                            "'results' for some only");
    }
    return may;
}

static void show_cache(struct call *call)
{
    if (!may_use_all(call)) {
        return;
    }
    struct cache_status status;
    cleanup_buffer struct buffer body = BUFFER_INIT;
    reuse_status(call->service->cache, &status);
    struct json_writer w = JSON_WRITER(&body);
    json_begin_object(&w, NULL);
    json_put_bool(&w, "on", status.on);
    json_put_bool(&w, "paused", status.paused);
    json_begin_object(&w, "entries");
    json_put_unsigned(&w, "contents", status.content_entries);
    json_put_unsigned(&w, "answers", status.answer_entries);
    json_end_object(&w);
    json_put_unsigned(&w, "used_bytes", status.used_bytes);
    json_put_unsigned(&w, "file_bytes", status.file_bytes);
    json_put_unsigned(&w, "limit_bytes", status.limit_bytes);
    put_pair(&w, "hits", status.content_hits, status.answer_hits);
    put_pair(&w, "misses", status.content_misses, status.answer_misses);
    json_put_unsigned(&w, "evictions", status.evictions);
    json_put_unsigned(&w, "dropped", status.dropped);
    json_put_unsigned(&w, "damaged", status.damaged);
    json_end_object(&w);
    buffer_append_char(&body, '\n');
    call_respond_json(call, 200, &body);
}

static void clear_cache(struct call *call)
{
    struct error error = {0};
    if (!may_use_all(call)) {
        return;
    }
    if (reuse_clear(call->service->cache, &error) < 0) {
        call_respond_error(call, &error);
        return;
    }
    call_log(call, "cache_cleared", "%s", "reason=asked");
    call_respond_nothing(call);
}

static const struct route routes[] = {
    {"GET", "/v1/cache", NULL, RIGHT_RESULTS, TASK_NONE, show_cache},
    {"DELETE", "/v1/cache", NULL, RIGHT_RESULTS, TASK_CONTROL, clear_cache},
};

const struct interface cache_interface = INTERFACE(routes);
