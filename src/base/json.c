/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON with jansson: a strict parser and getters with fallback values.
 */
#include "base/json.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"

static const json_t *tree(const struct json *node)
{
    return (const json_t *)(const void *)node;
}

static const struct json *wrap(const json_t *node)
{
    return (const struct json *)(const void *)node;
}

/* Checked before the parser recurses: jansson's own limit is compiled in and far higher. */
static bool depth_ok(const char *text, size_t size)
{
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\') {
                i++;
            } else if (c == '"') {
                in_string = false;
            }
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > LIMIT_JSON_DEPTH) {
                return false;
            }
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
    }
    return true;
}

bool json_values_above(const char *text, size_t size, size_t limit)
{
    size_t commas = 0;
    bool in_string = false;
    for (size_t i = 0; i < size && commas < limit; i++) {
        if (text[i] == '"') {
            in_string = !in_string;
        } else if (in_string && text[i] == '\\') {
            i++;
        } else if (!in_string && text[i] == ',') {
            commas++;
        }
    }
    return commas >= limit;
}

/* jansson's integers end at 2^63 - 1. A larger one is passed to it as a string of a NUL and the
 * digits; no other string has a NUL. */
static const char large_mark_escaped[] = "\"\\u0000";

enum { LARGE_DIGITS = 20 };

/* The digits of a number from 2^63 to 2^64 - 1, and nothing else. */
static bool read_large(const char *digits, size_t count, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++) {
        if (digits[i] < '0' || digits[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(digits[i] - '0'), &value)) {
            return false;
        }
    }
    *ret_value = value;
    return count > 0 && count <= LARGE_DIGITS && digits[0] != '0' && value > INT64_MAX;
}

static bool in_number(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* Copies the text and marks large integers. False if there are none, or if a string has a NUL of
 * its own. */
static bool mark_large(const char *text, size_t size, struct buffer *out)
{
    bool in_string = false;
    bool any = false;
    size_t copied = 0;
    for (size_t i = 0; i < size; i++) {
        if (in_string && text[i] == '\\') {
            i++;
            if (size - i >= 5 && memcmp(text + i, "u0000", 5) == 0) {
                return false;
            }
        } else if (text[i] == '"') {
            in_string = !in_string;
        } else if (!in_string && in_number(text[i])) {
            size_t end = i + 1;
            uint64_t value = 0;
            while (end < size && in_number(text[end])) {
                end++;
            }
            if (read_large(text + i, end - i, &value)) {
                buffer_append(out, text + copied, i - copied);
                buffer_append_text(out, large_mark_escaped);
                buffer_append(out, text + i, end - i);
                buffer_append_char(out, '"');
                copied = end;
                any = true;
            }
            i = end - 1;
        }
    }
    buffer_append(out, text + copied, size - copied);
    return any && buffer_ok(out) == 0;
}

static const char *large_digits(const json_t *string)
{
    const char *text = json_string_value(string);
    return text && text[0] == '\0' && json_string_length(string) > 0 ? text + 1 : NULL;
}

static int parse(const char *text, size_t size, const char *what, bool large,
                 struct json **ret_root, struct error *error)
{
    if (!depth_ok(text, size)) {
        return error_set(error, ERROR_MALFORMED, "%s: nested deeper than %u levels", what,
                         LIMIT_JSON_DEPTH);
    }
    /* jansson may mistake a NUL for the end of its buffer and skip it. */
    if (text && memchr(text, '\0', size)) {
        return error_set(error, ERROR_MALFORMED, "%s: not valid JSON: it has a NUL byte", what);
    }
    json_error_t fault;
    json_t *root = json_loadb(text ? text : "", size, JSON_REJECT_DUPLICATES, &fault);
    cleanup_buffer struct buffer marked = BUFFER_INIT;
    if (!root && large && json_error_code(&fault) == json_error_numeric_overflow &&
        mark_large(text, size, &marked)) {
        root =
            json_loadb(marked.data, marked.size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &fault);
    }
    if (!root && json_error_code(&fault) == json_error_null_character) {
        return error_set(error, ERROR_MALFORMED,
                         "%s: not valid JSON at line %d, column %d: a string has \\u0000, which is "
                         "not taken in JSON: give such bytes as binary data or base64",
                         what, fault.line, fault.column);
    }
    if (!root) {
        return error_set(error, ERROR_MALFORMED, "%s: not valid JSON at line %d, column %d: %s",
                         what, fault.line, fault.column, fault.text);
    }
    *ret_root = (struct json *)(void *)root;
    return 0;
}

int json_parse(const char *text, size_t size, const char *what, struct json **ret_root,
               struct error *error)
{
    return parse(text, size, what, false, ret_root, error);
}

int json_parse_large(const char *text, size_t size, const char *what, struct json **ret_root,
                     struct error *error)
{
    return parse(text, size, what, true, ret_root, error);
}

void json_free(struct json *root)
{
    json_decref((json_t *)(void *)root);
}

enum json_type json_type_of(const struct json *node)
{
    if (!node) {
        return JSON_TYPE_NULL;
    }
    switch (json_typeof(tree(node))) {
    case JSON_OBJECT:
        return JSON_TYPE_OBJECT;
    case JSON_ARRAY:
        return JSON_TYPE_ARRAY;
    case JSON_STRING:
        return large_digits(tree(node)) ? JSON_TYPE_LARGE : JSON_TYPE_STRING;
    case JSON_INTEGER:
        return JSON_TYPE_INTEGER;
    case JSON_REAL:
        return JSON_TYPE_REAL;
    case JSON_TRUE:
    case JSON_FALSE:
        return JSON_TYPE_BOOL;
    case JSON_NULL:
        break;
    }
    return JSON_TYPE_NULL;
}

const char *json_type_name(enum json_type type)
{
    static const char *const names[] = {
        "null",     "a boolean", "an integer", "a number",
        "a string", "an array",  "an object",  "an integer above 9223372036854775807"};
    return (unsigned)type < sizeof names / sizeof names[0] ? names[type] : "unknown";
}

const struct json *json_member(const struct json *object, const char *key)
{
    return wrap(json_object_get(tree(object), key));
}

const struct json *json_element(const struct json *array, size_t index)
{
    return wrap(json_array_get(tree(array), index));
}

size_t json_length(const struct json *node)
{
    switch (json_type_of(node)) {
    case JSON_TYPE_ARRAY:
        return json_array_size(tree(node));
    case JSON_TYPE_OBJECT:
        return json_object_size(tree(node));
    case JSON_TYPE_STRING:
        return json_string_length(tree(node));
    default:
        return 0;
    }
}

bool json_get_bool(const struct json *node, bool fallback)
{
    return json_type_of(node) == JSON_TYPE_BOOL ? json_is_true(tree(node)) : fallback;
}

int64_t json_get_integer(const struct json *node, int64_t fallback)
{
    return json_type_of(node) == JSON_TYPE_INTEGER ? json_integer_value(tree(node)) : fallback;
}

uint64_t json_get_unsigned(const struct json *node, uint64_t fallback)
{
    uint64_t value = 0;
    if (json_type_of(node) == JSON_TYPE_LARGE) {
        const char *digits = large_digits(tree(node));
        return read_large(digits, strlen(digits), &value) ? value : fallback;
    }
    int64_t integer = json_get_integer(node, -1);
    return integer >= 0 ? (uint64_t)integer : fallback;
}

double json_get_number(const struct json *node, double fallback)
{
    enum json_type type = json_type_of(node);
    if (type == JSON_TYPE_LARGE) {
        return (double)json_get_unsigned(node, 0);
    }
    bool number = type == JSON_TYPE_INTEGER || type == JSON_TYPE_REAL;
    return number ? json_number_value(tree(node)) : fallback;
}

const char *json_get_string(const struct json *node, const char *fallback)
{
    return json_type_of(node) == JSON_TYPE_STRING ? json_string_value(tree(node)) : fallback;
}

int json_each_member(const struct json *object,
                     int (*visit)(void *context, const char *key, const struct json *value),
                     void *context)
{
    if (json_type_of(object) != JSON_TYPE_OBJECT) {
        return 0;
    }
    /* jansson's iterator takes a mutable object but changes nothing. */
    json_t *mutable = (json_t *)(uintptr_t)object;
    for (void *i = json_object_iter(mutable); i; i = json_object_iter_next(mutable, i)) {
        int r = visit(context, json_object_iter_key(i), wrap(json_object_iter_value(i)));
        if (r) {
            return r;
        }
    }
    return 0;
}
