/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the members of a request strictly: a member that is present must have its type and be
 * within its bounds, otherwise the message names it and says what it must be. One that is absent
 * leaves the caller's default. Pure.
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

/* Keeps the first fault of several reads. After it nothing more is read or checked, so that the
 * caller looks at `r` once, after the last member. */
struct member_reader {
    struct error *error; /* borrowed */
    int r;               /* 0, or the negative errno of the first fault */
};

/* A request's body, which must be a JSON object; owned by the caller (json_free), also after a
 * fault. */
struct json *member_parse_body(struct member_reader *in, const void *bytes, size_t size);

/* `object` may be NULL: it has no members. Faults: ERROR_MALFORMED; ERROR_TOO_LARGE for a text
 * longer than `longest` bytes. */

/* The member, or NULL if it is absent or after a fault. */
const struct json *member_get(struct member_reader *in, const struct json *object, const char *name,
                              enum json_type type);
/* As member_get, the text of a string. */
const char *member_text(struct member_reader *in, const struct json *object, const char *name);
void member_string(struct member_reader *in, const struct json *object, const char *name,
                   size_t longest, const char **place);
/* As member_string, for the name of an object or a part of it: its bytes, decoded into `pool` where
 * `object` has "encoded": true (object_name.h); `longest` counts the decoded bytes. */
void member_object_name(struct member_reader *in, const struct json *object, const char *name,
                        size_t longest, struct pool *pool, const char **place);
void member_bool(struct member_reader *in, const struct json *object, const char *name,
                 bool *place);
void member_number(struct member_reader *in, const struct json *object, const char *name,
                   uint32_t lowest, uint32_t highest, uint32_t *place);
/* The same for a parameter of a query; `text` is its value or NULL. */
void member_number_text(struct member_reader *in, const char *name, const char *text,
                        uint64_t lowest, uint64_t highest, uint64_t *place);
/* The member "model", as member_split_model splits it. */
void member_model(struct member_reader *in, const struct json *object,
                  char ret_name[LIMIT_MODEL_NAME + 1], char ret_version[MODEL_VERSION_TEXT]);

/* Splits NAME or NAME@VERSION; the version is "" for the newest. ERROR_MALFORMED. Does not check
 * that the model exists. */
must_check int member_split_model(const char *model, char ret_name[LIMIT_MODEL_NAME + 1],
                                  char ret_version[MODEL_VERSION_TEXT], struct error *error);

#endif
