/* SPDX-License-Identifier: Apache-2.0
 *
 * Patterns of keys. `*` and `?` stand for any characters, and one, but for a slash; `**` for any,
 * slashes too, and as a whole component for any number of components, none included; `[a-z]` for
 * one of these and `[!a-z]` or `[^a-z]` for one of the others, never a slash; a backslash takes the
 * character behind it as it is. A `[` that is not closed stands for itself. Characters are those of
 * UTF-8, a byte that is none counts as one. Hidden names are no exception.
 *
 * A pattern without a slash is matched with a key's last component, else with the whole key. The
 * time is bounded by the product of both lengths, whatever the pattern. Immutable; any thread.
 */
#ifndef SITU_STORE_GLOB_H
#define SITU_STORE_GLOB_H

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/error.h"

struct glob;

/* ERROR_MALFORMED for an empty pattern or one of more than LIMIT_KEY_BYTES, ERROR_MEMORY. */
must_check int glob_new(const char *pattern, struct glob **ret_glob, struct error *error);
void glob_free(struct glob *glob); /* NULL is fine */

bool glob_match(const struct glob *glob, const char *key);

/* What each key that matches begins with; "" where nothing is known. */
const char *glob_head(const struct glob *glob);

#endif
