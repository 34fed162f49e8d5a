/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of objects, selections and models as the caller writes them: checked, split, and written
 * into request targets. Pure; any thread.
 */
#ifndef SITU_CLIENT_NAME_CHECK_H
#define SITU_CLIENT_NAME_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "client/fail.h"
#include "data/object_name.h"

/* "NAME" or "NAME@VERSION", split. */
struct model_name {
    char name[LIMIT_MODEL_NAME + 1];
    char version[LIMIT_MODEL_NAME + 1]; /* "": the newest */
};

/* SITU_USAGE for NULL, an empty or too long part, or bytes that no model name has. */
must_check int model_name_parse(const char *text, struct model_name *ret_name,
                                struct situ_error *error);

/* Splits "STORE/rest" at the first slash: the length of the store's name; `*ret_rest` is what is
 * behind the slash, "" where there is none. */
size_t name_split(const char *name, const char **ret_rest);

/* utf8_valid() of text. */
bool text_is_utf8(const char *text);

/* The bytes of the name that is `member` of `node`, decoded into `pool` where it is encoded;
 * *ret_name is NULL where there is none. SITU_PROTOCOL, SITU_MEMORY. */
must_check int name_read(const struct json *node, const char *member, struct pool *pool,
                         const char **ret_name, struct situ_error *error);

/* Appends with each byte outside the unreserved characters of RFC 3986 as %XX; `path` keeps
 * slashes. */
void url_append(struct buffer *out, const char *text, bool path);

/* Appends "?key=value", or "&key=value" where there is a question mark already. */
void url_append_query(struct buffer *out, const char *key, const char *value);

#endif
