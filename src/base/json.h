/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON, parsed into a tree. Only json.c uses the library; all other code uses these functions. Any
 * thread; a tree is not shared.
 */
#ifndef SITU_BASE_JSON_H
#define SITU_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_write.h"

struct json; /* a borrowed node of a tree; the root owns it all */

enum json_type {
    JSON_TYPE_NULL,
    JSON_TYPE_BOOL,
    JSON_TYPE_INTEGER,
    JSON_TYPE_REAL,
    JSON_TYPE_STRING,
    JSON_TYPE_ARRAY,
    JSON_TYPE_OBJECT,
    JSON_TYPE_LARGE /* an integer from 2^63 to 2^64 - 1; only json_parse_large() makes them */
};

/* Parses one document. Rejects duplicate keys, NUL bytes, invalid UTF-8, trailing bytes and nesting
 * deeper than LIMIT_JSON_DEPTH. `what` names the document in the message ("request body",
 * "config.json"). On success *ret_root is owned by the caller (json_free). Errors:
 * ERROR_MALFORMED, with line and column. */
must_check int json_parse(const char *text, size_t size, const char *what, struct json **ret_root,
                          struct error *error);
/* The same for documents with integers up to 2^64 - 1. */
must_check int json_parse_large(const char *text, size_t size, const char *what,
                                struct json **ret_root, struct error *error);
void json_free(struct json *root);

/* Whether the document may hold more than `limit` values. Checked before parsing, because a small
 * body could make a huge tree. */
bool json_values_above(const char *text, size_t size, size_t limit);

enum json_type json_type_of(const struct json *node);
const char *json_type_name(enum json_type type);

/* Members and elements, borrowed; NULL if absent or if `node` is NULL or has another type. */
const struct json *json_member(const struct json *object, const char *key);
const struct json *json_element(const struct json *array, size_t index);
size_t json_length(const struct json *node); /* of an array, object or string (bytes) */

/* Values; `fallback` if the node is NULL or has another type. Integers are numbers, too. */
bool json_get_bool(const struct json *node, bool fallback);
int64_t json_get_integer(const struct json *node, int64_t fallback);
/* For integers from 0 to 2^64 - 1. */
uint64_t json_get_unsigned(const struct json *node, uint64_t fallback);
double json_get_number(const struct json *node, double fallback);
const char *json_get_string(const struct json *node, const char *fallback); /* NUL-terminated */

/* Calls `visit` for each member in document order until it returns nonzero, and returns that. */
int json_each_member(const struct json *object,
                     int (*visit)(void *context, const char *key, const struct json *value),
                     void *context);

static inline void cleanup_json_function(struct json **root)
{
    json_free(*root);
}
#define cleanup_json __attribute__((cleanup(cleanup_json_function)))

#endif
