/* SPDX-License-Identifier: Apache-2.0
 *
 * Names that belong together: pairs are joined, groups come out. Holds the names of members only.
 * One thread.
 */
#ifndef SITU_SERVICE_GROUPS_H
#define SITU_SERVICE_GROUPS_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct groups;

must_check int groups_new(struct groups **ret_groups);
void groups_free(struct groups *groups); /* NULL is fine */

/* Two names belong together; they are copied where they are new. -ENOMEM. */
must_check int groups_join(struct groups *groups, const char *a, const char *b);

/* Notes a member by a hash of what it has (its vector), and finds the first that was noted with
 * that hash, or NULL. Whether they have the same is the caller's to look at. */
must_check int groups_note(struct groups *groups, uint64_t hash, const char *name);
const char *groups_noted(const struct groups *groups, uint64_t hash);

/* Walks all members, one group after the other: groups by their first names, members by theirs.
 * `group` differs from one group to the next. A negative result of `visit` ends it and is returned.
 * -ENOMEM. */
typedef int (*groups_visit)(void *context, const char *name, size_t group);
must_check int groups_each(struct groups *groups, groups_visit visit, void *context);

#endif
