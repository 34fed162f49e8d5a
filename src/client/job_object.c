/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the array's job objects. The array is not trusted: what is absent or of another type
 * reads as "" or 0.
 */
#include "client/job_object.h"

#include <string.h>

static uint64_t count_of(const struct json *object, const char *key)
{
    int64_t value = json_get_integer(json_member(object, key), 0);
    return value > 0 ? (uint64_t)value : 0;
}

static const char *text_of(const struct json *object, const char *key)
{
    return json_get_string(json_member(object, key), "");
}

static int flag_of(const struct json *object, const char *key, bool fallback)
{
    return json_get_bool(json_member(object, key), fallback);
}

void job_fill(struct situ_job *job, const struct json *node)
{
    const struct json *select = json_member(node, "select");
    const struct json *reason = json_member(node, "reason");
    const struct json *selected = json_member(node, "selected");
    const char *why = json_get_string(json_member(reason, "code"), NULL);
    *job = (struct situ_job){
        .id = text_of(node, "id"),
        .model = text_of(node, "model"),
        .version = text_of(node, "version"),
        .digest = text_of(node, "digest"),
        .store = text_of(select, "store"),
        .prefix = text_of(select, "prefix"),
        .glob = text_of(select, "glob"),
        .by_name = flag_of(select, "keys", false),
        .top = (uint32_t)count_of(node, "top"),
        .labels = flag_of(json_member(node, "output"), "labels", true),
        .priority = (uint32_t)count_of(node, "priority"),
        .max_failures = json_get_integer(json_member(node, "max_failures"), -1),
        .cache = flag_of(node, "cache", true),
        .keep = flag_of(node, "keep", true),
        .standing = flag_of(node, "standing", false),
        .interval_s = (uint32_t)count_of(node, "interval_s"),
        .state = text_of(node, "state"),
        .reason_code = why ? (int)client_code_parse(why) : SITU_OK,
        .reason = text_of(reason, "message"),
        .created = text_of(node, "created"),
        .finished = text_of(node, "finished"),
        .selected_known = selected && json_type_of(selected) == JSON_TYPE_INTEGER,
        .selected = count_of(node, "selected"),
        .skipped = count_of(node, "skipped"),
        .results = count_of(node, "results"),
        .failed = count_of(node, "failed"),
        .cached = count_of(node, "cached"),
        .bytes_read = count_of(node, "bytes_read"),
        .pass = count_of(node, "pass"),
        .idle = flag_of(node, "idle", false),
        .json = "",
    };
}

int job_id_check(const char *id, struct situ_error *error)
{
    bool good = id && id[0] && strlen(id) <= JOB_ID_BYTES_MAX;
    for (const char *c = id; good && *c; c++) {
        good = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
               *c == '-' || *c == '_';
    }
    return good ? 0
                : client_fail(error, SITU_USAGE, "job '%.100s': give the id that it got",
                              id ? id : "");
}
