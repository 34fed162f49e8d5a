/* SPDX-License-Identifier: Apache-2.0
 *
 * Patterns of keys. `*` matches any number of characters and `?` one, but no slash; `**` also
 * matches slashes, and as a whole component any number of components, including none; `[a-z]`
 * matches one of these characters, `[!a-z]` and `[^a-z]` one of the others, never a slash; a
 * backslash makes the next character literal. A `[` without `]` is literal. Characters are those
 * of UTF-8; a byte that is not UTF-8 counts as one. Hidden names are not special.
 *
 * A pattern without a slash is matched against a key's last component, otherwise against the
 * whole key. The time is at most proportional to the product of both lengths. Immutable; any
 * thread.
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
