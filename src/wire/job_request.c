/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the request for a job. Body and query follow the same rules, and every message names the
 * member and its allowed values.
 */
#include "wire/job_request.h"

#include <errno.h>
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

/* ---- both forms ---- */

/* "base64" or "numbers"; NULL means "numbers". */
static void set_embedding(struct member_reader *in, struct job_request *request, const char *form)
{
    request->binary = form && strcmp(form, "base64") == 0;
    if (in->r == 0 && form && !request->binary && strcmp(form, "numbers") != 0) {
        in->r = error_set(in->error, ERROR_MALFORMED,
                          "\"embedding\" must be \"numbers\" or \"base64\"");
    }
}

static void set_token(struct member_reader *in, struct job_request *request, const char *token)
{
    if (in->r < 0 || !token) {
        return;
    }
    if (token[0] == '\0' || strlen(token) >= sizeof request->token || !name_is_word(token)) {
        in->r = error_set(in->error, ERROR_MALFORMED,
                          "\"token\" must be 1 to %zu characters of A-Z a-z 0-9 . _ -",
                          sizeof request->token - 1);
        return;
    }
    (void)stpcpy(request->token, token);
}

/* What ends a name of a streamed list: "newline", also if NULL, or "nul". */
static void set_separator(struct member_reader *in, struct job_request *request, const char *word)
{
    request->nul_separated = word && strcmp(word, "nul") == 0;
    if (in->r == 0 && word && !request->nul_separated && strcmp(word, "newline") != 0) {
        in->r =
            error_set(in->error, ERROR_MALFORMED, "\"separator\" must be \"newline\" or \"nul\"");
    }
}

/* ---- the body ---- */

static void read_max_failures(struct member_reader *in, struct job_request *request)
{
    const struct json *node = json_member(request->body, "max_failures");
    if (in->r < 0 || !node || json_type_of(node) == JSON_TYPE_NULL) {
        return;
    }
    int64_t value = json_get_integer(node, -1);
    if (value < 0) {
        in->r = error_set(in->error, ERROR_MALFORMED,
                          "\"max_failures\" must be a number, 0 or more, or null for no limit");
        return;
    }
    request->max_failures = (uint64_t)value;
}

/* An element is a name, or an object with the name as `object`, as in results. */
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
        return error_set(error, ERROR_MALFORMED, "keys[%zu] is empty", index);
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

static void read_selection(struct member_reader *in, struct job_request *request)
{
    const struct json *select = member_get(in, request->body, "select", JSON_TYPE_OBJECT);
    member_string(in, select, "store", LIMIT_STORE_NAME, &request->store);
    member_object_name(in, select, "prefix", LIMIT_KEY_BYTES, &request->names_pool,
                       &request->prefix);
    member_object_name(in, select, "glob", LIMIT_KEY_BYTES, &request->names_pool, &request->glob);
    request->keys = member_get(in, select, "keys", JSON_TYPE_ARRAY);
    select_request_read(in, select, &request->rules);
    if (in->r < 0) {
        return;
    }
    bool listing =
        *request->prefix || request->glob || request->rules.exclude || request->rules.sniff;
    if (request->keys ? listing : !request->store) {
        in->r = error_set(in->error, ERROR_MALFORMED,
                          "\"select\" must have either \"store\", with \"prefix\", \"glob\", "
                          "\"exclude\" and \"sniff\", or \"keys\"");
    } else if (request->keys) {
        bool encoded = json_get_bool(json_member(select, "encoded"), false);
        in->r = read_keys(request, encoded, in->error);
    }
}

static void read_standing(struct member_reader *in, struct job_request *request)
{
    member_bool(in, request->body, "standing", &request->standing);
    member_number(in, request->body, "interval_s", 1, MAX_INTERVAL_S, &request->interval_s);
    if (in->r == 0 && request->standing && request->names) {
        in->r = error_set(in->error, ERROR_MALFORMED,
                          "\"standing\" requires a \"store\", not a list of names");
    }
}

static void read_options(struct member_reader *in, struct job_request *request)
{
    const struct json *body = request->body;
    member_model(in, body, request->model, request->version);
    member_number(in, body, "top", 1, LIMIT_TOP, &request->top);
    const struct json *output = member_get(in, body, "output", JSON_TYPE_OBJECT);
    member_bool(in, output, "labels", &request->labels);
    set_embedding(in, request, member_text(in, output, "embedding"));
    member_number(in, body, "priority", 0, LIMIT_JOB_PRIORITY, &request->priority);
    read_max_failures(in, request);
    member_bool(in, body, "cache", &request->cache);
    member_bool(in, body, "keep", &request->keep);
    set_token(in, request, member_text(in, body, "token"));
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
    struct member_reader in = {.error = error};
    request.body = member_parse_body(&in, bytes, size);
    read_options(&in, &request);
    read_selection(&in, &request);
    read_standing(&in, &request);
    if (in.r < 0) {
        job_request_done(&request);
        return in.r;
    }
    *ret_request = request;
    return 0;
}

/* ---- the query ---- */

static void read_flag(struct member_reader *in, const char *name, const char *text, bool *place)
{
    uint64_t value = *place;
    member_number_text(in, name, text, 0, 1, &value);
    *place = value != 0;
}

int job_request_from_query(const char *(*get)(void *context, const char *name), void *context,
                           struct job_request *ret_request, struct error *error)
{
    struct job_request request;
    set_defaults(&request);
    uint64_t top = request.top;
    uint64_t priority = request.priority;
    struct member_reader in = {.error = error};
    in.r = member_split_model(get(context, "model"), request.model, request.version, error);
    request.names = true;
    request.store = get(context, "store");
    if (in.r == 0 && request.store && strlen(request.store) > LIMIT_STORE_NAME) {
        in.r = error_set(error, ERROR_TOO_LARGE, "\"store\" is longer than %u bytes",
                         LIMIT_STORE_NAME);
    }
    member_number_text(&in, "top", get(context, "top"), 1, LIMIT_TOP, &top);
    read_flag(&in, "labels", get(context, "labels"), &request.labels);
    set_embedding(&in, &request, get(context, "embedding"));
    member_number_text(&in, "priority", get(context, "priority"), 0, LIMIT_JOB_PRIORITY, &priority);
    member_number_text(&in, "max_failures", get(context, "max_failures"), 0, INT64_MAX,
                       &request.max_failures);
    read_flag(&in, "cache", get(context, "cache"), &request.cache);
    read_flag(&in, "keep", get(context, "keep"), &request.keep);
    set_separator(&in, &request, get(context, "separator"));
    set_token(&in, &request, get(context, "token"));
    if (in.r < 0) {
        return in.r;
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
