/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the body of a run request. A member of the wrong type is refused, not passed over: a
 * prefix that was not understood would select the whole store.
 */
#include "wire/run_request.h"

#include "base/limits.h"
#include "wire/json.h"

enum { DEFAULT_TOP = 5 };

static const size_t body_max_bytes = 8 * LIMIT_JSON_BYTES;

/* A string member, or `fallback` where it is not there. */
static int read_string(const struct json *object, const char *name, const char *fallback,
                       const char **ret_text, struct error *error)
{
    const struct json *node = json_member(object, name);
    *ret_text = json_get_string(node, fallback);
    return !node || json_type_of(node) == JSON_TYPE_STRING
               ? 0
               : error_set(error, ERROR_MALFORMED, "\"%s\" wants a string", name);
}

static int read_keys(struct run_request *request, struct error *error)
{
    size_t count = json_length(request->keys);
    if (json_type_of(request->keys) != JSON_TYPE_ARRAY || count > LIMIT_RUN_KEYS) {
        return error_set(error, count > LIMIT_RUN_KEYS ? ERROR_TOO_LARGE : ERROR_MALFORMED,
                         "\"keys\" wants an array of at most %u names", LIMIT_RUN_KEYS);
    }
    for (size_t i = 0; i < count; i++) {
        if (json_type_of(json_element(request->keys, i)) != JSON_TYPE_STRING) {
            return error_set(error, ERROR_MALFORMED, "keys[%zu] is not a string", i);
        }
    }
    request->key_count = count;
    return 0;
}

static int read_selection(struct run_request *request, struct error *error)
{
    const struct json *select = json_member(request->body, "select");
    int result = read_string(select, "store", NULL, &request->store, error);
    request->keys = json_member(select, "keys");
    if (result < 0) {
        return result;
    }
    if (json_type_of(select) != JSON_TYPE_OBJECT || !request->store == !request->keys) {
        return error_set(error, ERROR_MALFORMED,
                         "\"select\" wants either \"store\" (with \"prefix\") or \"keys\"");
    }
    if (request->keys) {
        return read_keys(request, error);
    }
    result = read_string(select, "prefix", "", &request->prefix, error);
    return result == 0 ? read_string(select, "after", "", &request->after, error) : result;
}

static int read_options(struct run_request *request, struct error *error)
{
    const struct json *top = json_member(request->body, "top");
    const struct json *labels = json_member(request->body, "labels");
    int64_t wanted = top ? json_get_integer(top, 0) : DEFAULT_TOP;
    if (wanted < 1 || wanted > LIMIT_TOP) {
        return error_set(error, ERROR_MALFORMED, "\"top\" wants a number from 1 to %u", LIMIT_TOP);
    }
    if (labels && json_type_of(labels) != JSON_TYPE_BOOL) {
        return error_set(error, ERROR_MALFORMED, "\"labels\" wants true or false");
    }
    request->top = (size_t)wanted;
    request->labels = json_get_bool(labels, true);
    return 0;
}

int run_request_parse(const void *bytes, size_t size, struct run_request *ret_request,
                      struct error *error)
{
    struct run_request request = {0};
    if (size > body_max_bytes) {
        return error_set(error, ERROR_TOO_LARGE, "the request is larger than %zu bytes",
                         body_max_bytes);
    }
    int result = json_parse(bytes, size, "request body", &request.body, error);
    if (result == 0) {
        result = read_options(&request, error);
    }
    if (result == 0) {
        result = read_selection(&request, error);
    }
    if (result < 0) {
        run_request_done(&request);
        return result;
    }
    *ret_request = request;
    return 0;
}

void run_request_done(struct run_request *request)
{
    json_free(request->body);
    *request = (struct run_request){0};
}

const char *run_request_key(const struct run_request *request, size_t index)
{
    return json_get_string(json_element(request->keys, index), NULL);
}
