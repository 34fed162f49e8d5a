/* SPDX-License-Identifier: Apache-2.0
 *
 * How long searches took, by index. Any thread.
 */
#ifndef SITU_DAEMON_INDEX_METRICS_H
#define SITU_DAEMON_INDEX_METRICS_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "infer/metrics.h"

struct index_searches {
    char name[LIMIT_MODEL_NAME + 1];
    struct metrics_histogram seconds;
};

struct index_metrics {
    pthread_mutex_t lock;                      /* guards all below */
    struct index_searches *all[LIMIT_INDEXES]; /* owned */
    size_t count;
};

void index_metrics_init(struct index_metrics *metrics);
void index_metrics_done(struct index_metrics *metrics);

/* One search, failed or not: from its request to its answer. */
void index_metrics_observe(struct index_metrics *metrics, const char *name, int64_t duration_ns);

/* The index was removed: a later one of that name begins at zero. */
void index_metrics_drop(struct index_metrics *metrics, const char *name);

void index_metrics_write(struct index_metrics *metrics, struct buffer *out);

#endif
