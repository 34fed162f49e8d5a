/* SPDX-License-Identifier: Apache-2.0
 *
 * A selection of objects as a value, which jobs and indexes keep: the keys of a store that begin
 * with a prefix, match a pattern and are not excluded. Any thread.
 */
#ifndef SITU_STORE_SELECTION_H
#define SITU_STORE_SELECTION_H

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "base/json_write.h"
#include "store/select_rules.h"

struct selection {
    char *store;  /* owned; NULL: none */
    char *prefix; /* owned; "" for all; NULL where there is no store */
    char *glob;   /* owned; NULL: every key. `*` and `?` do not match a slash, `**` does; [a-z]. A
                   * pattern without a slash is matched with the part of the key behind its last
                   * slash, any other with the whole key */
    struct select_rules rules; /* in addition to prefix and glob */
};

/* Copies the texts, which may be NULL; without rules. -ENOMEM. */
must_check int selection_make(const char *store, const char *prefix, const char *glob,
                              struct selection *ret_selection);
void selection_done(struct selection *selection);
/* -ENOMEM. */
must_check int selection_copy(const struct selection *selection, struct selection *ret_copy);
bool selection_is_same(const struct selection *a, const struct selection *b);

/* For files: the members "store", "prefix" and "glob", null where there is none. True if the caller
 * must put `"encoded":true`: prefix and glob are percent-encoded because one is not UTF-8. */
bool selection_put_file(struct json_writer *w, const struct selection *selection);
/* Reads the same, "encoded", and the rules. `file` begins the messages; *ret_members is how many
 * optional members there are. ERROR_MALFORMED, ERROR_MEMORY. */
must_check int selection_read_file(const struct json *object, const char *file,
                                   struct selection *ret_selection, unsigned *ret_members,
                                   struct error *error);

/* For clients: prefix, glob (`null_glob`: null where there is none) and the rules. */
void selection_put_select(struct json_writer *w, const struct selection *selection, bool null_glob);

#endif
