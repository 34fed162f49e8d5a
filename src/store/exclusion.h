/* SPDX-License-Identifier: Apache-2.0
 *
 * What a selection excludes: patterns of glob.h, one a line. A pattern with a slash at its end is
 * for directories alone, any other for files and directories; one with a slash at its beginning is
 * matched from the store's root on. A directory that is covered is left out with all that is in it.
 * Immutable; any thread.
 */
#ifndef SITU_STORE_EXCLUSION_H
#define SITU_STORE_EXCLUSION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"

/* What is no photo, though it may look like one: written by macOS, Windows, Synology and QNAP
 * systems and desktops beside the photos. The default of every store. */
extern const char exclusion_default[];

struct exclusion;

/* Of the patterns of both texts; NULL for none. *ret_exclusion is NULL where there is no pattern.
 * ERROR_MALFORMED (as exclusion_check, or more than LIMIT_EXCLUDE_PATTERNS in a text),
 * ERROR_MEMORY. */
must_check int exclusion_new(const char *lines, const char *more_lines,
                             struct exclusion **ret_exclusion, struct error *error);
void exclusion_free(struct exclusion *exclusion); /* NULL is fine */

/* Is the file, or the directory, of that key excluded itself? That it lies in a directory that is,
 * is not looked at. A directory's key has no slash at its end. NULL covers nothing. */
bool exclusion_covers(const struct exclusion *exclusion, const char *key, bool directory);

/* How much of a file's key names what is excluded: a directory on the way to it, without its slash,
 * or the whole key; 0: nothing is. What stands before `from` is not looked at. */
size_t exclusion_cut(const struct exclusion *exclusion, const char *key, size_t from);

/* ERROR_MALFORMED: empty, longer than LIMIT_KEY_BYTES, nothing but slashes, not UTF-8, or with a
 * line feed. A byte of a name that is not UTF-8 is one character to a pattern. */
must_check int exclusion_check(const char *pattern, struct error *error);

#endif
