/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of objects in JSON. A name is any bytes without a NUL, and JSON is UTF-8: so a name that is
 * not UTF-8 is written percent-encoded, and marked:
 *
 *     {"object":"photos/caf%E9.jpg","encoded":true, ...}
 *
 * A `%` is special in such names only, where %25 stands for itself. Pure; any thread.
 */
#ifndef SITU_DATA_OBJECT_NAME_H
#define SITU_DATA_OBJECT_NAME_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/json_write.h"
#include "base/pool.h"

/* The name is UTF-8, and so is written as it is. NULL is fine, and true. */
bool object_name_is_text(const char *name);

/* Appends the percent-encoded form: of bytes that are not UTF-8, controls and `%`. */
void object_name_encode(struct buffer *out, const char *name);

/* Turns that form, or any other that has each `%` encoded, back into bytes, in place. -EBADMSG for
 * a `%` without two hexadecimal digits, or a NUL; the text is undefined then. */
must_check int object_name_decode(char *text);

/* Puts the member `"MEMBER":"NAME"`, and `"encoded":true` where the name is not UTF-8. */
void object_name_put(struct json_writer *w, const char *member, const char *name);

/* Puts the name alone, in the form that the caller marks; for objects with several names, which are
 * encoded together. */
void object_name_put_value(struct json_writer *w, const char *member, const char *name,
                           bool encoded);

/* The bytes of the name that is `member` of `object`, decoded where `object` says that it is
 * encoded; borrowed from the tree or from `pool`. *ret_name is NULL where there is no such member,
 * or it is no string. -EBADMSG for an encoded name that cannot be decoded, -ENOMEM. */
must_check int object_name_read(const struct json *object, const char *member, struct pool *pool,
                                const char **ret_name);

/* The same of an element of a list: a string, which is encoded where the caller says so, or an
 * object with the member "object", which says it itself. */
must_check int object_name_read_element(const struct json *element, bool encoded, struct pool *pool,
                                        const char **ret_name);

#endif
