/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/cache: shows the counts of the result cache, and clears it. Clearing blocks, on a task
 * thread.
 */
#include <inttypes.h>

#include "api/route.h"
#include "base/log.h"

static const char *yes_no(bool value)
{
    return value ? "true" : "false";
}

static void show_cache(struct call *call)
{
    struct cache_status status;
    cleanup_buffer struct buffer body = BUFFER_INIT;
    reuse_status(call->service->cache, &status);
    buffer_printf(&body, "{\"on\":%s,\"paused\":%s", yes_no(status.on), yes_no(status.paused));
    buffer_printf(&body, ",\"entries\":{\"contents\":%" PRIu64 ",\"answers\":%" PRIu64 "}",
                  status.content_entries, status.answer_entries);
    buffer_printf(&body,
                  ",\"used_bytes\":%" PRIu64 ",\"file_bytes\":%" PRIu64 ",\"limit_bytes\":%" PRIu64,
                  status.used_bytes, status.file_bytes, status.limit_bytes);
    buffer_printf(&body, ",\"hits\":{\"content\":%" PRIu64 ",\"answer\":%" PRIu64 "}",
                  status.content_hits, status.answer_hits);
    buffer_printf(&body, ",\"misses\":{\"content\":%" PRIu64 ",\"answer\":%" PRIu64 "}",
                  status.content_misses, status.answer_misses);
    buffer_printf(&body,
                  ",\"evictions\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"damaged\":%" PRIu64 "}\n",
                  status.evictions, status.dropped, status.damaged);
    call_respond_json(call, 200, &body);
}

static void clear_cache(struct call *call)
{
    struct error error = {0};
    if (reuse_clear(call->service->cache, &error) < 0) {
        call_respond_error(call, &error);
        return;
    }
    call_log(call, "cache_cleared", "%s", "reason=asked");
    call_respond_nothing(call);
}

static const struct route routes[] = {
    {"GET", "/v1/cache", NULL, TASK_NONE, show_cache},
    {"DELETE", "/v1/cache", NULL, TASK_CONTROL, clear_cache},
};

const struct interface cache_interface = INTERFACE(routes);
