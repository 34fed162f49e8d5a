/* SPDX-License-Identifier: Apache-2.0
 *
 * What a selection skips or includes beyond its prefix and its glob: a value that jobs and
 * indexes keep. All zeros, as in those of earlier versions: nothing is excluded, and foreign
 * suffixes are skipped.
 */
#ifndef SITU_STORE_SELECT_RULES_H
#define SITU_STORE_SELECT_RULES_H

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/json_write.h"

struct json;

struct select_rules {
    char *exclude;  /* owned; the requested patterns, one per line; NULL: none */
    char *defaults; /* owned; the store's, when the selection was made; NULL: none */
    bool sniff;     /* files with a foreign suffix are judged by their first bytes */
};

void select_rules_done(struct select_rules *rules);
/* -ENOMEM. */
must_check int select_rules_copy(const struct select_rules *rules, struct select_rules *ret_copy);
bool select_rules_are_same(const struct select_rules *a, const struct select_rules *b);

/* The members `"exclude":["*.tmp"],"exclude_defaults":["._*"],"sniff":true`, for files, without
 * what is not set. */
void select_rules_put_file(struct json_writer *w, const struct select_rules *rules);
/* Reads the same. -EINVAL: a member is invalid; -ENOMEM. *ret_members is how many there are. */
must_check int select_rules_read_file(const struct json *object, struct select_rules *ret_rules,
                                      unsigned *ret_members);

/* For clients: `"exclude":["*.tmp"],"exclude_defaults":false,"sniff":true`, without defaults.
 */
void select_rules_put_select(struct json_writer *w, const struct select_rules *rules);

#endif
