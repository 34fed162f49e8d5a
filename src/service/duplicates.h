/* SPDX-License-Identifier: Apache-2.0
 *
 * Near-duplicates of an index: every row is searched for in the index, many at once, and hits that
 * score well enough are joined to groups. Takes what a core has for minutes. One thread at a time.
 */
#ifndef SITU_SERVICE_DUPLICATES_H
#define SITU_SERVICE_DUPLICATES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "index/index.h"

struct duplicates;
struct search_pool;

struct duplicates_options {
    struct index *index;      /* borrowed */
    double min_score;         /* of hits that belong together */
    unsigned threads;         /* of one search, at most */
    struct search_pool *pool; /* borrowed */
};

/* ERROR_MEMORY. */
must_check int duplicates_new(const struct duplicates_options *options,
                              struct duplicates **ret_duplicates, struct error *error);
void duplicates_free(struct duplicates *duplicates); /* NULL is fine */

/* Finds the groups. `progress` is called after each search with how many objects were looked at; a
 * negative result of it ends the search and is returned. *error is set where the index failed. */
typedef int (*duplicates_progress)(void *context, uint64_t objects);
must_check int duplicates_search(struct duplicates *duplicates, duplicates_progress progress,
                                 void *context, struct error *error);

/* A member of a group, and how well it fits the first one. */
struct duplicates_member {
    const char *key;
    double score;
    bool is_first;
};

/* Walks the members, one group after the other. Objects that are gone meanwhile, or whose rows
 * cannot be read, are left out, so that a group may have one member only. A negative result of
 * `visit` ends it and is returned. -ENOMEM. */
typedef int (*duplicates_visit)(void *context, const struct duplicates_member *member);
must_check int duplicates_each(struct duplicates *duplicates, duplicates_visit visit,
                               void *context);

uint64_t duplicates_objects(const struct duplicates *duplicates);
/* Objects whose rows could not be read. */
uint64_t duplicates_damaged(const struct duplicates *duplicates);

#endif
