/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting of objects by model. Lock-free.
 */
#include "infer/model_stats.h"

#include <time.h>

#include "base/clock.h"

static uint64_t positive(int64_t duration_ns)
{
    return duration_ns > 0 ? (uint64_t)duration_ns : 0;
}

static void add(_Atomic uint64_t *counter, uint64_t value)
{
    atomic_fetch_add_explicit(counter, value, memory_order_relaxed);
}

static void add_duration(struct stats_duration *duration, int64_t ns)
{
    add(&duration->count, 1);
    add(&duration->ns, positive(ns));
}

static void add_run(struct model_stats *stats, const struct stats_sample *sample)
{
    add(&stats->inferences, sample->rows);
    add(&stats->executions, 1);
    add_duration(&stats->input, sample->input_ns);
    add_duration(&stats->run, sample->run_ns);
    add_duration(&stats->output, sample->output_ns);
    if (sample->rows >= 1 && sample->rows <= LIMIT_REQUEST_OBJECTS) {
        struct stats_batch *batch = &stats->batches[sample->rows - 1];
        add(&batch->count, 1);
        add(&batch->input_ns, positive(sample->input_ns));
        add(&batch->run_ns, positive(sample->run_ns));
        add(&batch->output_ns, positive(sample->output_ns));
    }
}

void model_stats_add(struct model_stats *stats, const struct stats_sample *sample)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
    atomic_store_explicit(&stats->last_ms,
                          (int64_t)now.tv_sec * 1000 + now.tv_nsec / (int64_t)NS_PER_MS,
                          memory_order_relaxed);
    if (sample->failed) {
        add_duration(&stats->failure, sample->total_ns);
        return;
    }
    add_duration(&stats->success, sample->total_ns);
    add_duration(&stats->queue, sample->queue_ns);
    if (sample->cached) {
        add_duration(&stats->cache_hit, sample->input_ns);
    } else {
        add_run(stats, sample);
    }
}
