/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading what an index is asked to be.
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
                         "\"%s\" wants \"cosine\", \"dot\" or \"euclidean\"", name);
    }
    if (distance_metric && strcmp(chosen, distance_metric) != 0) {
        return error_set(error, ERROR_MALFORMED,
                         "\"metric\" and \"distanceMetric\" are two words for one thing: give one");
    }
    *ret_metric = chosen;
    return 0;
}

static int parse_object(const void *bytes, size_t size, struct json **ret_body, struct error *error)
{
    struct json *body = NULL;
    int r = json_parse(bytes, size, "request body", &body, error);
    if (r == 0 && json_type_of(body) != JSON_TYPE_OBJECT) {
        json_free(body);
        return error_set(error, ERROR_MALFORMED, "the request body wants to be an object");
    }
    *ret_body = body;
    return r;
}

static int read_model(const struct json *body, char *model, char *version, struct error *error)
{
    const struct json *node = NULL;
    int r = member_get(body, "model", JSON_TYPE_STRING, &node, error);
    return r == 0 ? member_split_model(json_get_string(node, NULL), model, version, error) : r;
}

static int read_selection(struct index_request *request, struct error *error)
{
    const struct json *select = NULL;
    int r = member_get(request->body, "select", JSON_TYPE_OBJECT, &select, error);
    if (r < 0) {
        return r;
    }
    r = member_string(select, "store", LIMIT_STORE_NAME, &request->store, error);
    if (r < 0) {
        return r;
    }
    r = member_object_name(select, "prefix", LIMIT_KEY_BYTES, &request->names_pool,
                           &request->prefix, error);
    if (r < 0) {
        return r;
    }
    r = member_object_name(select, "glob", LIMIT_KEY_BYTES, &request->names_pool, &request->glob,
                           error);
    if (r < 0) {
        return r;
    }
    r = select_request_read(select, &request->rules, error);
    if (r < 0) {
        return r;
    }
    if (!request->store || json_member(select, "keys")) {
        return error_set(error, ERROR_MALFORMED,
                         "\"select\" wants \"store\", with \"prefix\" and \"glob\" where not all "
                         "of it is meant; a list of names cannot be kept up to date");
    }
    return 0;
}

static int read_metric(struct index_request *request, struct error *error)
{
    const char *metric = NULL;
    const char *distance_metric = NULL;
    int r = member_string(request->body, "metric", METRIC_BYTES, &metric, error);
    if (r == 0) {
        r = member_string(request->body, "distanceMetric", METRIC_BYTES, &distance_metric, error);
    }
    return r == 0 ? index_request_metric(metric, distance_metric, &request->metric, error) : r;
}

static int read_members(struct index_request *request, struct error *error)
{
    const struct json *body = request->body;
    int r = member_string(body, "name", LIMIT_MODEL_NAME, &request->name, error);
    if (r < 0) {
        return r;
    }
    r = name_check(request->name, "an index's name", error);
    if (r < 0) {
        return r;
    }
    r = read_model(body, request->model, request->version, error);
    if (r < 0) {
        return r;
    }
    r = read_selection(request, error);
    if (r < 0) {
        return r;
    }
    r = read_metric(request, error);
    if (r < 0) {
        return r;
    }
    return member_number(body, "interval_s", 1, MAX_INTERVAL_S, &request->interval_s, error);
}

int index_request_parse(const void *bytes, size_t size, struct index_request *ret_request,
                        struct error *error)
{
    struct index_request request = {.prefix = "",
                                    .metric = "cosine",
                                    .interval_s = DEFAULT_INTERVAL_S,
                                    .rules = SELECT_REQUEST_INIT};
    int r = parse_object(bytes, size, &request.body, error);
    if (r == 0) {
        r = read_members(&request, error);
    }
    if (r < 0) {
        index_request_done(&request);
        return r;
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
    cleanup_json struct json *body = NULL;
    struct rebuild_request request = {.exclude_defaults = false};
    int r = parse_object(bytes, size, &body, error);
    if (r < 0) {
        return r;
    }
    r = member_bool(body, "exclude_defaults", &request.exclude_defaults, error);
    if (r == 0 && (json_member(body, "model") || !request.exclude_defaults)) {
        r = read_model(body, request.model, request.version, error);
    }
    if (r == 0) {
        *ret_request = request;
    }
    return r;
}
