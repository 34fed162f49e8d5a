/* SPDX-License-Identifier: Apache-2.0
 *
 * Strict reading of single members: see member.h.
 */
#include "wire/member.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "data/object_name.h"

struct json *member_parse_body(struct member_reader *in, const void *bytes, size_t size)
{
    struct json *body = NULL;
    in->r = json_parse(bytes, size, "request body", &body, in->error);
    if (in->r == 0 && json_type_of(body) != JSON_TYPE_OBJECT) {
        in->r = error_set(in->error, ERROR_MALFORMED, "the request body must be a JSON object");
    }
    return body;
}

const struct json *member_get(struct member_reader *in, const struct json *object, const char *name,
                              enum json_type type)
{
    static const char *const names[] = {
        [JSON_TYPE_NULL] = "null",        [JSON_TYPE_BOOL] = "true or false",
        [JSON_TYPE_INTEGER] = "a number", [JSON_TYPE_REAL] = "a number",
        [JSON_TYPE_STRING] = "a string",  [JSON_TYPE_ARRAY] = "an array",
        [JSON_TYPE_OBJECT] = "an object",
    };
    const struct json *node = in->r < 0 ? NULL : json_member(object, name);
    if (node && json_type_of(node) != type) {
        in->r = error_set(in->error, ERROR_MALFORMED, "\"%s\" must be %s", name, names[type]);
        return NULL;
    }
    return node;
}

const char *member_text(struct member_reader *in, const struct json *object, const char *name)
{
    return json_get_string(member_get(in, object, name, JSON_TYPE_STRING), NULL);
}

static void refuse_length(struct member_reader *in, const char *name, size_t longest)
{
    in->r = error_set(in->error, ERROR_TOO_LARGE, "\"%s\" is longer than %zu bytes", name, longest);
}

void member_string(struct member_reader *in, const struct json *object, const char *name,
                   size_t longest, const char **place)
{
    const struct json *node = member_get(in, object, name, JSON_TYPE_STRING);
    if (json_length(node) > longest) {
        refuse_length(in, name, longest);
        return;
    }
    *place = json_get_string(node, *place);
}

void member_object_name(struct member_reader *in, const struct json *object, const char *name,
                        size_t longest, struct pool *pool, const char **place)
{
    const char *bytes = NULL;
    bool encoded = false;
    const struct json *node = member_get(in, object, name, JSON_TYPE_STRING);
    member_bool(in, object, "encoded", &encoded);
    if (in->r < 0 || !node) {
        return;
    }
    if (json_length(node) > (encoded ? 3 * longest : longest)) {
        refuse_length(in, name, longest);
        return;
    }
    int r = object_name_read(object, name, pool, &bytes);
    if (r < 0) {
        in->r = r == -ENOMEM ? error_memory(in->error, NULL)
                             : error_set(in->error, ERROR_MALFORMED,
                                         "\"%s\" is marked as encoded, and has a '%%' without "
                                         "two hexadecimal digits, or %%00",
                                         name);
        return;
    }
    if (strlen(bytes) > longest) {
        refuse_length(in, name, longest);
        return;
    }
    *place = bytes;
}

void member_bool(struct member_reader *in, const struct json *object, const char *name, bool *place)
{
    *place = json_get_bool(member_get(in, object, name, JSON_TYPE_BOOL), *place);
}

static void refuse_number(struct member_reader *in, const char *name, uint64_t lowest,
                          uint64_t highest)
{
    in->r = error_set(in->error, ERROR_MALFORMED, "\"%s\" must be a number from %llu to %llu", name,
                      (unsigned long long)lowest, (unsigned long long)highest);
}

void member_number(struct member_reader *in, const struct json *object, const char *name,
                   uint32_t lowest, uint32_t highest, uint32_t *place)
{
    const struct json *node = in->r < 0 ? NULL : json_member(object, name);
    int64_t value = json_get_integer(node, -1);
    if (node && (value < lowest || value > highest)) {
        refuse_number(in, name, lowest, highest);
    } else if (node) {
        *place = (uint32_t)value;
    }
}

void member_number_text(struct member_reader *in, const char *name, const char *text,
                        uint64_t lowest, uint64_t highest, uint64_t *place)
{
    if (in->r < 0 || !text) {
        return;
    }
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < lowest ||
        value > highest) {
        refuse_number(in, name, lowest, highest);
        return;
    }
    *place = value;
}

void member_model(struct member_reader *in, const struct json *object,
                  char ret_name[LIMIT_MODEL_NAME + 1], char ret_version[MODEL_VERSION_TEXT])
{
    const char *model = member_text(in, object, "model");
    if (in->r == 0) {
        in->r = member_split_model(model, ret_name, ret_version, in->error);
    }
}

int member_split_model(const char *model, char ret_name[LIMIT_MODEL_NAME + 1],
                       char ret_version[MODEL_VERSION_TEXT], struct error *error)
{
    const char *at = model ? strchr(model, '@') : NULL;
    size_t length = at ? (size_t)(at - model) : model ? strlen(model) : 0;
    if (length == 0 || length > LIMIT_MODEL_NAME ||
        (at && (at[1] == '\0' || strlen(at + 1) >= MODEL_VERSION_TEXT))) {
        return error_set(error, ERROR_MALFORMED,
                         "\"model\" must be the name of a model, NAME or NAME@VERSION");
    }
    memcpy(ret_name, model, length);
    ret_name[length] = '\0';
    (void)stpcpy(ret_version, at ? at + 1 : "");
    return 0;
}
