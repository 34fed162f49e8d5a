/* SPDX-License-Identifier: Apache-2.0
 *
 * Members of a request's body, read strictly: one that is there is of its type and within its
 * bounds, else the message names it and says what is wanted. One that is absent leaves the caller's
 * default. Pure.
 */
#ifndef SITU_WIRE_MEMBER_H
#define SITU_WIRE_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/pool.h"

enum { MODEL_VERSION_TEXT = 24 }; /* a version's text and its NUL */

/* `object` may be NULL: nothing is there then. Errors: ERROR_MALFORMED; ERROR_TOO_LARGE for a text
 * above `longest` bytes. */
must_check int member_get(const struct json *object, const char *name, enum json_type type,
                          const struct json **ret_node, struct error *error);
must_check int member_string(const struct json *object, const char *name, size_t longest,
                             const char **place, struct error *error);
/* The same of a name of objects, or what begins one: its bytes, decoded into `pool` where `object`
 * has "encoded": true (object_name.h); `longest` is of the bytes. */
must_check int member_object_name(const struct json *object, const char *name, size_t longest,
                                  struct pool *pool, const char **place, struct error *error);
must_check int member_bool(const struct json *object, const char *name, bool *place,
                           struct error *error);
must_check int member_number(const struct json *object, const char *name, uint32_t lowest,
                             uint32_t highest, uint32_t *place, struct error *error);

/* ERROR_MALFORMED: that number is out of its bounds. */
int member_bad_number(const char *name, uint64_t lowest, uint64_t highest, struct error *error);

/* NAME or NAME@VERSION, as "model" has it; version "" for the newest. Whether there is such a model
 * is not looked at. */
must_check int member_split_model(const char *model, char ret_name[LIMIT_MODEL_NAME + 1],
                                  char ret_version[MODEL_VERSION_TEXT], struct error *error);

#endif
