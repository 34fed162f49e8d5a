/* SPDX-License-Identifier: Apache-2.0
 *
 * What a selection excludes: patterns of glob.h, one per line. A pattern that ends in a slash
 * matches only directories, any other files and directories; one that starts with a slash is
 * anchored at the store's root. A directory that matches is skipped with its content.
 * Immutable; any thread.
 */
#ifndef SITU_STORE_EXCLUSION_H
#define SITU_STORE_EXCLUSION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"

/* Files that are not photos though they may look so: macOS, Windows, Synology and QNAP systems
 * and desktops write them beside photos. The default of every store. */
extern const char exclusion_default[];

struct exclusion;

/* The patterns of both texts, which may be NULL. *ret_exclusion is NULL if there is no pattern.
 * ERROR_MALFORMED (as exclusion_check, or more than LIMIT_EXCLUDE_PATTERNS in a text),
 * ERROR_MEMORY. */
must_check int exclusion_new(const char *lines, const char *more_lines,
                             struct exclusion **ret_exclusion, struct error *error);
void exclusion_free(struct exclusion *exclusion); /* NULL is fine */

/* True if the file or directory of that key is excluded itself; the directories above it are not
 * checked. A directory's key has no slash at its end. NULL covers nothing. */
bool exclusion_covers(const struct exclusion *exclusion, const char *key, bool directory);

/* The bytes of a file's key that name what is excluded: a directory above it, without its slash,
 * or the whole key; 0: nothing. The part before `from` is not checked. */
size_t exclusion_cut(const struct exclusion *exclusion, const char *key, size_t from);

/* ERROR_MALFORMED: empty, longer than LIMIT_KEY_BYTES, only slashes, not UTF-8, or with a
 * line feed. For a pattern, a byte that is not UTF-8 is one character. */
must_check int exclusion_check(const char *pattern, struct error *error);

#endif
