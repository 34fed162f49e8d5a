/* SPDX-License-Identifier: Apache-2.0
 *
 * The outcomes of a model's objects since situd started, and the time that each part took: the
 * numbers of the statistics extension of V2. Any thread; the parts of one object are not added at
 * once, so that a reader may see some of them.
 */
#ifndef SITU_INFER_MODEL_STATS_H
#define SITU_INFER_MODEL_STATS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

struct stats_duration {
    _Atomic uint64_t count;
    _Atomic uint64_t ns;
};

/* Of runs with one number of rows. */
struct stats_batch {
    _Atomic uint64_t count;
    _Atomic uint64_t input_ns;
    _Atomic uint64_t run_ns;
    _Atomic uint64_t output_ns;
};

struct model_stats {
    _Atomic int64_t last_ms; /* since 1970, of the last object that was done */
    _Atomic uint64_t inferences;
    _Atomic uint64_t executions;
    struct stats_duration success; /* all that were answered, those of the result cache included */
    struct stats_duration failure;
    struct stats_duration queue;
    struct stats_duration input; /* reading, hashing, decoding, preprocessing */
    struct stats_duration run;
    struct stats_duration output;
    struct stats_duration cache_hit;
    struct stats_batch
        batches[LIMIT_REQUEST_OBJECTS]; /* of 1 row, of 2...; larger ones are left out */
};

/* One object, after it was done. Durations in ns. */
struct stats_sample {
    bool failed;
    bool cached;
    uint64_t rows; /* at least 1 */
    int64_t total_ns;
    int64_t queue_ns;
    int64_t input_ns;
    int64_t run_ns;
    int64_t output_ns;
};

void model_stats_add(struct model_stats *stats, const struct stats_sample *sample);

#endif
