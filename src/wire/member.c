/* SPDX-License-Identifier: Apache-2.0
 *
 * Strict reading of single members: see member.h.
 */
#include "wire/member.h"

#include <errno.h>
#include <string.h>

#include "data/object_name.h"

int member_get(const struct json *object, const char *name, enum json_type type,
               const struct json **ret_node, struct error *error)
{
    static const char *const wants[] = {
        [JSON_TYPE_NULL] = "null",        [JSON_TYPE_BOOL] = "true or false",
        [JSON_TYPE_INTEGER] = "a number", [JSON_TYPE_REAL] = "a number",
        [JSON_TYPE_STRING] = "a string",  [JSON_TYPE_ARRAY] = "an array",
        [JSON_TYPE_OBJECT] = "an object",
    };
    *ret_node = json_member(object, name);
    return !*ret_node || json_type_of(*ret_node) == type
               ? 0
               : error_set(error, ERROR_MALFORMED, "\"%s\" wants %s", name, wants[type]);
}

int member_string(const struct json *object, const char *name, size_t longest, const char **place,
                  struct error *error)
{
    const struct json *node = NULL;
    int r = member_get(object, name, JSON_TYPE_STRING, &node, error);
    if (r == 0 && json_length(node) > longest) {
        r = error_set(error, ERROR_TOO_LARGE, "\"%s\" is longer than %zu bytes", name, longest);
    }
    *place = r == 0 ? json_get_string(node, *place) : *place;
    return r;
}

/* NOLINTNEXTLINE(readability-function-size): as member_string, and the memory. */
int member_object_name(const struct json *object, const char *name, size_t longest,
                       struct pool *pool, const char **place, struct error *error)
{
    const struct json *node = NULL;
    const char *bytes = NULL;
    bool encoded = false;
    int r = member_get(object, name, JSON_TYPE_STRING, &node, error);
    if (r == 0) {
        r = member_bool(object, "encoded", &encoded, error);
    }
    if (r < 0 || !node) {
        return r;
    }
    if (json_length(node) > (encoded ? 3 * longest : longest)) {
        return error_set(error, ERROR_TOO_LARGE, "\"%s\" is longer than %zu bytes", name, longest);
    }
    r = object_name_read(object, name, pool, &bytes);
    if (r < 0) {
        return r == -ENOMEM ? error_memory(error, NULL)
                            : error_set(error, ERROR_MALFORMED,
                                        "\"%s\" is marked as encoded, and has a '%%' without "
                                        "two hexadecimal digits, or %%00",
                                        name);
    }
    if (strlen(bytes) > longest) {
        return error_set(error, ERROR_TOO_LARGE, "\"%s\" is longer than %zu bytes", name, longest);
    }
    *place = bytes;
    return 0;
}

int member_bool(const struct json *object, const char *name, bool *place, struct error *error)
{
    const struct json *node = NULL;
    int r = member_get(object, name, JSON_TYPE_BOOL, &node, error);
    *place = json_get_bool(node, *place);
    return r;
}

int member_bad_number(const char *name, uint64_t lowest, uint64_t highest, struct error *error)
{
    return error_set(error, ERROR_MALFORMED, "\"%s\" wants a number from %llu to %llu", name,
                     (unsigned long long)lowest, (unsigned long long)highest);
}

int member_number(const struct json *object, const char *name, uint32_t lowest, uint32_t highest,
                  uint32_t *place, struct error *error)
{
    const struct json *node = json_member(object, name);
    int64_t value = node ? json_get_integer(node, -1) : *place;
    if (value < lowest || value > highest) {
        return member_bad_number(name, lowest, highest, error);
    }
    *place = (uint32_t)value;
    return 0;
}

int member_split_model(const char *model, char ret_name[LIMIT_MODEL_NAME + 1],
                       char ret_version[MODEL_VERSION_TEXT], struct error *error)
{
    const char *at = model ? strchr(model, '@') : NULL;
    size_t length = at ? (size_t)(at - model) : model ? strlen(model) : 0;
    if (length == 0 || length > LIMIT_MODEL_NAME ||
        (at && (at[1] == '\0' || strlen(at + 1) >= MODEL_VERSION_TEXT))) {
        return error_set(error, ERROR_MALFORMED,
                         "\"model\" wants the name of a model, NAME or NAME@VERSION");
    }
    memcpy(ret_name, model, length);
    ret_name[length] = '\0';
    (void)stpcpy(ret_version, at ? at + 1 : "");
    return 0;
}
