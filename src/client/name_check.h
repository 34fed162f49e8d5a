/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks and splits names of objects, selections and models that the caller gives. Pure; any
 * thread.
 */
#ifndef SITU_CLIENT_NAME_CHECK_H
#define SITU_CLIENT_NAME_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "client/fail.h"

/* "NAME" or "NAME@VERSION", split. */
struct model_name {
    char name[LIMIT_MODEL_NAME + 1];
    char version[LIMIT_MODEL_NAME + 1]; /* "": the newest */
};

/* SITU_USAGE for NULL, a part that is empty or too long, or invalid bytes. */
must_check int model_name_parse(const char *text, struct model_name *ret_name,
                                struct situ_error *error);

/* Splits "STORE/rest" at the first slash: returns the length of the store's name; *ret_rest is the
 * text after the slash, "" if there is none. */
size_t name_check_split(const char *name, const char **ret_rest);

/* SITU_USAGE unless it is STORE/KEY; also for NULL. */
must_check int object_name_check(const char *object, struct situ_error *error);

/* utf8_valid() of text. */
bool name_check_is_utf8(const char *text);

/* Appends /v1/models/NAME, `tail`, and the version, if any, as a query. */
void model_target(struct buffer *target, const struct model_name *model, const char *tail);

#endif
