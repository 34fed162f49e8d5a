/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups of names, made by joining pairs. Holds only the names of members. One thread.
 */
#ifndef SITU_INDEX_GROUPS_H
#define SITU_INDEX_GROUPS_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct groups;

must_check int groups_new(struct groups **ret_groups);
void groups_free(struct groups *groups); /* NULL is fine */

/* Joins two names; new ones are copied. -ENOMEM. */
must_check int groups_join(struct groups *groups, const char *a, const char *b);

/* Notes a member by a hash of its content (its vector), and finds the first member noted with that
 * hash, or NULL. The caller compares the content. */
must_check int groups_note(struct groups *groups, uint64_t hash, const char *name);
const char *groups_noted(const struct groups *groups, uint64_t hash);

/* Walks all members group by group: groups in the order of their first names, members in the order
 * of theirs. `group` differs between adjacent groups. A negative result of `visit` ends the walk
 * and is returned. -ENOMEM. */
typedef int (*groups_visit)(void *context, const char *name, size_t group);
must_check int groups_each(struct groups *groups, groups_visit visit, void *context);

#endif
