/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading what a job is asked to be. Both forms, body and query, are checked by the same rules, and
 * every message names the member and what it may be.
 */
#include "wire/job_request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/name.h"
#include "data/object_name.h"
#include "wire/member.h"

enum { DEFAULT_TOP = 5, DEFAULT_PRIORITY = 5, DEFAULT_INTERVAL_S = 60, MAX_INTERVAL_S = 86400 };
enum { NAME_BYTES = LIMIT_STORE_NAME + 1 + LIMIT_KEY_BYTES };

_Static_assert((int)JOB_REQUEST_VERSION_SIZE == (int)MODEL_VERSION_TEXT, "versions fit");

static void set_defaults(struct job_request *request)
{
    *request = (struct job_request){.prefix = "",
                                    .top = DEFAULT_TOP,
                                    .labels = true,
                                    .priority = DEFAULT_PRIORITY,
                                    .max_failures = UINT64_MAX,
                                    .cache = true,
                                    .keep = true,
                                    .rules = SELECT_REQUEST_INIT,
                                    .interval_s = DEFAULT_INTERVAL_S};
}

/* ---- what both forms have ---- */

/* "base64", or "numbers", which is what NULL means. */
static int set_embedding(struct job_request *request, const char *form, struct error *error)
{
    bool base64 = form && strcmp(form, "base64") == 0;
    if (form && !base64 && strcmp(form, "numbers") != 0) {
        return error_set(error, ERROR_MALFORMED, "\"embedding\" wants \"numbers\" or \"base64\"");
    }
    request->binary = base64;
    return 0;
}

static int set_token(struct job_request *request, const char *token, struct error *error)
{
    if (!token) {
        return 0;
    }
    if (token[0] == '\0' || strlen(token) >= sizeof request->token || !name_is_word(token)) {
        return error_set(error, ERROR_MALFORMED,
                         "\"token\" wants 1 to %zu characters of A-Z a-z 0-9 . _ -",
                         sizeof request->token - 1);
    }
    (void)stpcpy(request->token, token);
    return 0;
}

/* What ends a name of a streamed list: "newline", which is what NULL means, or "nul". */
static int set_separator(struct job_request *request, const char *word, struct error *error)
{
    bool nul = word && strcmp(word, "nul") == 0;
    if (word && !nul && strcmp(word, "newline") != 0) {
        return error_set(error, ERROR_MALFORMED, "\"separator\" must be \"newline\" or \"nul\"");
    }
    request->nul_separated = nul;
    return 0;
}

/* ---- the body ---- */

static int read_max_failures(const struct json *body, uint64_t *place, struct error *error)
{
    const struct json *node = json_member(body, "max_failures");
    if (!node || json_type_of(node) == JSON_TYPE_NULL) {
        return 0;
    }
    int64_t value = json_get_integer(node, -1);
    if (value < 0) {
        return error_set(error, ERROR_MALFORMED,
                         "\"max_failures\" wants a number, 0 or more, or null for no bound");
    }
    *place = (uint64_t)value;
    return 0;
}

/* An element is a name, or an object with it as `object`, as results have it. */
static int read_key(struct job_request *request, size_t index, bool encoded, struct error *error)
{
    const char *key = NULL;
    int r = object_name_read_element(json_element(request->keys, index), encoded,
                                     &request->names_pool, &key);
    if (r == -ENOMEM) {
        return error_memory(error, NULL);
    }
    if (r < 0 || !key) {
        return error_set(error, ERROR_MALFORMED,
                         "keys[%zu] must be a string, or {\"object\": \"...\", \"encoded\": true} "
                         "with a name that is percent-encoded",
                         index);
    }
    if (key[0] == '\0') {
        return error_set(error, ERROR_MALFORMED, "keys[%zu] is empty: a name is wanted", index);
    }
    if (strlen(key) > NAME_BYTES) {
        return error_set(error, ERROR_MALFORMED, "keys[%zu] is longer than %d bytes", index,
                         NAME_BYTES);
    }
    request->key_names[index] = key;
    return 0;
}

static int read_keys(struct job_request *request, bool encoded, struct error *error)
{
    size_t count = json_length(request->keys);
    if (count > LIMIT_RUN_KEYS) {
        return error_set(error, ERROR_TOO_LARGE,
                         "\"keys\" has more than %u names: send the list as "
                         "application/octet-stream, one name a line",
                         LIMIT_RUN_KEYS);
    }
    request->key_names = pool_take(&request->names_pool, count * sizeof *request->key_names);
    if (!request->key_names) {
        return error_memory(error, NULL);
    }
    for (size_t i = 0; i < count; i++) {
        int r = read_key(request, i, encoded, error);
        if (r < 0) {
            return r;
        }
    }
    request->key_count = count;
    request->names = true;
    return 0;
}

static int read_selection(struct job_request *request, struct error *error)
{
    const struct json *select = NULL;
    int r = member_get(request->body, "select", JSON_TYPE_OBJECT, &select, error);
    if (r == 0) {
        r = member_string(select, "store", LIMIT_STORE_NAME, &request->store, error);
    }
    if (r == 0) {
        r = member_object_name(select, "prefix", LIMIT_KEY_BYTES, &request->names_pool,
                               &request->prefix, error);
    }
    if (r == 0) {
        r = member_object_name(select, "glob", LIMIT_KEY_BYTES, &request->names_pool,
                               &request->glob, error);
    }
    if (r == 0) {
        r = member_get(select, "keys", JSON_TYPE_ARRAY, &request->keys, error);
    }
    if (r == 0) {
        r = select_request_read(select, &request->rules, error);
    }
    if (r < 0) {
        return r;
    }
    bool listing =
        *request->prefix || request->glob || request->rules.exclude || request->rules.sniff;
    if (request->keys ? listing : !request->store) {
        return error_set(error, ERROR_MALFORMED,
                         "\"select\" must have either \"store\", with \"prefix\", \"glob\", "
                         "\"exclude\" and \"sniff\", or \"keys\"");
    }
    bool encoded = json_get_bool(json_member(select, "encoded"), false);
    return request->keys ? read_keys(request, encoded, error) : 0;
}

static int read_standing(struct job_request *request, struct error *error)
{
    int r = member_bool(request->body, "standing", &request->standing, error);
    if (r == 0) {
        r = member_number(request->body, "interval_s", 1, MAX_INTERVAL_S, &request->interval_s,
                          error);
    }
    if (r == 0 && request->standing && request->names) {
        r = error_set(error, ERROR_MALFORMED,
                      "\"standing\" wants a \"store\" to look through, not a list of names");
    }
    return r;
}

static int read_options(struct job_request *request, struct error *error)
{
    const struct json *body = request->body;
    const struct json *output = NULL;
    const struct json *embedding = NULL;
    const struct json *model = NULL;
    const struct json *token = NULL;
    int r = member_get(body, "model", JSON_TYPE_STRING, &model, error);
    if (r == 0) {
        r = member_split_model(json_get_string(model, NULL), request->model, request->version,
                               error);
    }
    if (r == 0) {
        r = member_number(body, "top", 1, LIMIT_TOP, &request->top, error);
    }
    if (r == 0) {
        r = member_get(body, "output", JSON_TYPE_OBJECT, &output, error);
    }
    if (r == 0) {
        r = member_bool(output, "labels", &request->labels, error);
    }
    if (r == 0) {
        r = member_get(output, "embedding", JSON_TYPE_STRING, &embedding, error);
    }
    if (r == 0) {
        r = set_embedding(request, json_get_string(embedding, NULL), error);
    }
    if (r == 0) {
        r = member_number(body, "priority", 0, LIMIT_JOB_PRIORITY, &request->priority, error);
    }
    if (r == 0) {
        r = read_max_failures(body, &request->max_failures, error);
    }
    if (r == 0) {
        r = member_bool(body, "cache", &request->cache, error);
    }
    if (r == 0) {
        r = member_bool(body, "keep", &request->keep, error);
    }
    if (r == 0) {
        r = member_get(body, "token", JSON_TYPE_STRING, &token, error);
    }
    return r == 0 ? set_token(request, json_get_string(token, NULL), error) : r;
}

int job_request_parse(const void *bytes, size_t size, struct job_request *ret_request,
                      struct error *error)
{
    struct job_request request;
    set_defaults(&request);
    if (size > LIMIT_JSON_BYTES) {
        return error_set(error, ERROR_TOO_LARGE, "the request is larger than %llu bytes",
                         (unsigned long long)LIMIT_JSON_BYTES);
    }
    int r = json_parse(bytes, size, "request body", &request.body, error);
    if (r == 0 && json_type_of(request.body) != JSON_TYPE_OBJECT) {
        r = error_set(error, ERROR_MALFORMED, "the request body wants to be an object");
    }
    if (r == 0) {
        r = read_options(&request, error);
    }
    if (r == 0) {
        r = read_selection(&request, error);
    }
    if (r == 0) {
        r = read_standing(&request, error);
    }
    if (r < 0) {
        job_request_done(&request);
        return r;
    }
    *ret_request = request;
    return 0;
}

/* ---- the query ---- */

struct query {
    const char *(*get)(void *context, const char *name);
    void *context;
};

static int query_number(const struct query *query, const char *name, uint64_t lowest,
                        uint64_t highest, uint64_t *place, struct error *error)
{
    const char *text = query->get(query->context, name);
    if (!text) {
        return 0;
    }
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < lowest ||
        value > highest) {
        return member_bad_number(name, lowest, highest, error);
    }
    *place = value;
    return 0;
}

static int query_flag(const struct query *query, const char *name, bool *place, struct error *error)
{
    uint64_t value = *place;
    int r = query_number(query, name, 0, 1, &value, error);
    *place = value != 0;
    return r;
}

int job_request_from_query(const char *(*get)(void *context, const char *name), void *context,
                           struct job_request *ret_request, struct error *error)
{
    struct job_request request;
    const struct query query = {get, context};
    set_defaults(&request);
    uint64_t top = request.top;
    uint64_t priority = request.priority;
    int r = member_split_model(get(context, "model"), request.model, request.version, error);
    request.names = true;
    request.store = get(context, "store");
    if (r == 0 && request.store && strlen(request.store) > LIMIT_STORE_NAME) {
        r = error_set(error, ERROR_TOO_LARGE, "\"store\" is longer than %u bytes",
                      LIMIT_STORE_NAME);
    }
    if (r == 0) {
        r = query_number(&query, "top", 1, LIMIT_TOP, &top, error);
    }
    if (r == 0) {
        r = query_flag(&query, "labels", &request.labels, error);
    }
    if (r == 0) {
        r = set_embedding(&request, get(context, "embedding"), error);
    }
    if (r == 0) {
        r = query_number(&query, "priority", 0, LIMIT_JOB_PRIORITY, &priority, error);
    }
    if (r == 0) {
        r = query_number(&query, "max_failures", 0, INT64_MAX, &request.max_failures, error);
    }
    if (r == 0) {
        r = query_flag(&query, "cache", &request.cache, error);
    }
    if (r == 0) {
        r = query_flag(&query, "keep", &request.keep, error);
    }
    if (r == 0) {
        r = set_separator(&request, get(context, "separator"), error);
    }
    if (r == 0) {
        r = set_token(&request, get(context, "token"), error);
    }
    if (r < 0) {
        return r;
    }
    request.top = (uint32_t)top;
    request.priority = (uint32_t)priority;
    *ret_request = request;
    return 0;
}

void job_request_done(struct job_request *request)
{
    json_free(request->body);
    pool_done(&request->names_pool);
    select_request_done(&request->rules);
    *request = (struct job_request){0};
}

const char *job_request_key(const struct job_request *request, size_t index)
{
    return index < request->key_count ? request->key_names[index] : NULL;
}
