/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the requests that create or rebuild an index.
 */
#include "wire/index_request.h"

#include <string.h>

#include "base/name.h"

enum { DEFAULT_INTERVAL_S = 60, MAX_INTERVAL_S = 86400, METRIC_BYTES = 16 };

int index_request_metric(const char *metric, const char *distance_metric, const char **ret_metric,
                         struct error *error)
{
    const char *name = metric ? "metric" : "distanceMetric";
    const char *chosen = metric ? metric : distance_metric ? distance_metric : "cosine";
    if (strcmp(chosen, "cosine") != 0 && strcmp(chosen, "dot") != 0 &&
        strcmp(chosen, "euclidean") != 0) {
        return error_set(error, ERROR_MALFORMED,
                         "\"%s\" must be \"cosine\", \"dot\" or \"euclidean\"", name);
    }
    if (distance_metric && strcmp(chosen, distance_metric) != 0) {
        return error_set(error, ERROR_MALFORMED,
                         "\"metric\" and \"distanceMetric\" mean the same: give only one");
    }
    *ret_metric = chosen;
    return 0;
}

static void read_selection(struct member_reader *in, struct index_request *request)
{
    const struct json *select = member_get(in, request->body, "select", JSON_TYPE_OBJECT);
    member_string(in, select, "store", LIMIT_STORE_NAME, &request->store);
    member_object_name(in, select, "prefix", LIMIT_KEY_BYTES, &request->names_pool,
                       &request->prefix);
    member_object_name(in, select, "glob", LIMIT_KEY_BYTES, &request->names_pool, &request->glob);
    select_request_read(in, select, &request->rules);
    if (in->r == 0 && (!request->store || json_member(select, "keys"))) {
        in->r = error_set(
            in->error, ERROR_MALFORMED,
            "\"select\" must have \"store\", and may have \"prefix\" and \"glob\"; a list "
            "of names cannot be kept up to date");
    }
}

static void read_metric(struct member_reader *in, struct index_request *request)
{
    const char *metric = NULL;
    const char *distance_metric = NULL;
    member_string(in, request->body, "metric", METRIC_BYTES, &metric);
    member_string(in, request->body, "distanceMetric", METRIC_BYTES, &distance_metric);
    if (in->r == 0) {
        in->r = index_request_metric(metric, distance_metric, &request->metric, in->error);
    }
}

static void read_members(struct member_reader *in, struct index_request *request)
{
    const struct json *body = request->body;
    member_string(in, body, "name", LIMIT_MODEL_NAME, &request->name);
    if (in->r == 0) {
        in->r = name_check(request->name, "an index's name", in->error);
    }
    member_model(in, body, request->model, request->version);
    read_selection(in, request);
    read_metric(in, request);
    member_number(in, body, "interval_s", 1, MAX_INTERVAL_S, &request->interval_s);
}

int index_request_parse(const void *bytes, size_t size, struct index_request *ret_request,
                        struct error *error)
{
    struct member_reader in = {.error = error};
    struct index_request request = {.prefix = "",
                                    .metric = "cosine",
                                    .interval_s = DEFAULT_INTERVAL_S,
                                    .rules = SELECT_REQUEST_INIT};
    request.body = member_parse_body(&in, bytes, size);
    read_members(&in, &request);
    if (in.r < 0) {
        index_request_done(&request);
        return in.r;
    }
    *ret_request = request;
    return 0;
}

void index_request_done(struct index_request *request)
{
    json_free(request->body);
    pool_done(&request->names_pool);
    select_request_done(&request->rules);
    *request = (struct index_request){0};
}

int rebuild_request_parse(const void *bytes, size_t size, struct rebuild_request *ret_request,
                          struct error *error)
{
    struct member_reader in = {.error = error};
    struct rebuild_request request = {.exclude_defaults = false};
    cleanup_json struct json *body = member_parse_body(&in, bytes, size);
    member_bool(&in, body, "exclude_defaults", &request.exclude_defaults);
    if (json_member(body, "model") || !request.exclude_defaults) {
        member_model(&in, body, request.model, request.version);
    }
    if (in.r == 0) {
        *ret_request = request;
    }
    return in.r;
}
