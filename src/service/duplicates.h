/* SPDX-License-Identifier: Apache-2.0
 *
 * Near-duplicates in an index: searches for every row, many at once, and joins hits with a
 * sufficient score to groups. Uses a core for minutes. One thread at a time.
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
    double min_score;         /* of hits that are joined */
    unsigned threads;         /* the most that one search uses */
    struct search_pool *pool; /* borrowed */
    /* The keys to look at: only rows among them are members, join others, or are counted. */
    struct index_prefixes prefixes;
    bool none; /* no keys at all */
};

/* ERROR_MEMORY. */
must_check int duplicates_new(const struct duplicates_options *options,
                              struct duplicates **ret_duplicates, struct error *error);
void duplicates_free(struct duplicates *duplicates); /* NULL is fine */

/* Finds the groups. Calls `progress` after each search with the number of objects searched for; a
 * negative result of it ends the work and is returned. *error is set if the index failed. */
typedef int (*duplicates_progress)(void *context, uint64_t objects);
must_check int duplicates_search(struct duplicates *duplicates, duplicates_progress progress,
                                 void *context, struct error *error);

/* A member of a group, with its score against the first member. */
struct duplicates_member {
    const char *key;
    double score;
    bool is_first;
};

/* Walks the members, group by group. Objects that were removed meanwhile, or whose rows cannot be
 * read, are omitted, so a group may have a single member. A negative result of `visit` ends the
 * walk and is returned. -ENOMEM. */
typedef int (*duplicates_visit)(void *context, const struct duplicates_member *member);
must_check int duplicates_each(struct duplicates *duplicates, duplicates_visit visit,
                               void *context);

uint64_t duplicates_objects(const struct duplicates *duplicates);
/* Objects whose rows could not be read. */
uint64_t duplicates_damaged(const struct duplicates *duplicates);

#endif
