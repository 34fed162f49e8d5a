/* SPDX-License-Identifier: Apache-2.0
 *
 * What a store is opened with: its back end, and that back end's settings by name. A plain value.
 */
#ifndef SITU_STORE_SETTINGS_H
#define SITU_STORE_SETTINGS_H

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/error.h"

struct store_backend;

enum { STORE_SETTINGS_MAX = 8 }; /* of one back end */

struct store_settings {
    const struct store_backend *backend; /* borrowed, constant; never NULL */
    char *values[STORE_SETTINGS_MAX];    /* owned; in the order of the back end's names; NULL: not
                                            given */
};

void store_settings_done(struct store_settings *settings);

/* Reads `VALUE` or `KIND:VALUE`: KIND is a back end's name, VALUE its first setting. A directory
 * with such a name is written `./KIND:...`. ERROR_MALFORMED, ERROR_MEMORY. */
must_check int store_settings_read(const char *spec, struct store_settings *ret_settings,
                                   struct error *error);

/* Chooses the back end by its name. ERROR_MALFORMED: no such back end, or a setting was given
 * before. */
must_check int store_settings_choose(struct store_settings *settings, const char *kind,
                                     struct error *error);

/* -ENOENT: the back end has no such setting; -EEXIST: it was given before; -ENOMEM. */
must_check int store_settings_set(struct store_settings *settings, const char *name,
                                  const char *value);

/* The value of a setting, or NULL. */
const char *store_settings_get(const struct store_settings *settings, const char *name);

/* -ENOMEM. */
must_check int store_settings_copy(const struct store_settings *settings,
                                   struct store_settings *ret_copy);
bool store_settings_are_same(const struct store_settings *a, const struct store_settings *b);

/* Back to the form of store_settings_read(), for logs and records, without further settings. The
 * caller frees it; NULL: out of memory. */
char *store_settings_spec(const struct store_settings *settings);

#endif
