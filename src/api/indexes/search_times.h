/* SPDX-License-Identifier: Apache-2.0
 *
 * How long searches took, by index. Any thread.
 */
#ifndef SITU_API_INDEXES_SEARCH_TIMES_H
#define SITU_API_INDEXES_SEARCH_TIMES_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "infer/metrics.h"
#include "retrieval/retrieval.h"

struct index_searches {
    char name[LIMIT_MODEL_NAME + 1];
    struct metrics_histogram seconds;
};

struct search_times {
    pthread_mutex_t lock;                      /* guards all below */
    struct index_searches *all[LIMIT_INDEXES]; /* owned */
    size_t count;
};

void search_times_init(struct search_times *times);
void search_times_done(struct search_times *times);

/* Counts one search, successful or not: from its request to its answer. */
void search_times_observe(struct search_times *times, const char *name, int64_t duration_ns);

/* Forgets a removed index: a later one of that name starts at zero. */
void search_times_drop(struct search_times *times, const char *name);

/* Part of /metrics: of the indexes that are shown; NULL: of all. */
void search_times_write(struct search_times *times, const struct retrieval_info *shown,
                        size_t count, struct buffer *out);

#endif
