/* SPDX-License-Identifier: Apache-2.0
 *
 * Stage histograms and counters for /metrics.
 */
#include "infer/metrics.h"

#include <inttypes.h>

#include "base/metric.h"

/* Upper bounds in microseconds; the last bucket has none. */
static const int64_t bounds_us[METRICS_BUCKETS - 1] = {50,     100,    250,     500,     1000,
                                                       2500,   5000,   10000,   25000,   50000,
                                                       100000, 250000, 1000000, 5000000, 30000000};

void metrics_observe_in(struct metrics_histogram *histogram, int64_t duration_ns)
{
    uint64_t duration = duration_ns > 0 ? (uint64_t)duration_ns : 0;
    unsigned bucket = 0;
    while (bucket < METRICS_BUCKETS - 1 && duration > (uint64_t)bounds_us[bucket] * 1000) {
        bucket++;
    }
    atomic_fetch_add_explicit(&histogram->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum_ns, duration, memory_order_relaxed);
}

void metrics_observe(struct metrics *metrics, enum metrics_stage stage, int64_t duration_ns)
{
    metrics_observe_in(&metrics->stages[stage], duration_ns);
}

static const unsigned statuses[STATUS_SLOTS] = {200, 201, 202, 204, 400, 401, 403, 404, 405, 409,
                                                413, 415, 422, 429, 501, 503, 504, 507, 500};

void metrics_count_status(struct status_counts *counts, unsigned status)
{
    unsigned slot = 0;
    while (slot < STATUS_SLOTS - 1 && statuses[slot] != status) {
        slot++; /* the last slot takes 500 and all others */
    }
    atomic_fetch_add_explicit(&counts->counts[slot], 1, memory_order_relaxed);
}

void metrics_write_statuses(struct status_counts *counts, const char *model, struct buffer *out)
{
    for (unsigned i = 0; i < STATUS_SLOTS; i++) {
        uint64_t count = atomic_load(&counts->counts[i]);
        if (count > 0) {
            buffer_printf(out, "situ_requests_total{model=\"%s\",status=\"%u\"} %" PRIu64 "\n",
                          model, statuses[i], count);
        }
    }
}

void metrics_write_histogram(struct metrics_histogram *histogram, const char *name,
                             const char *label, const char *value, struct buffer *out)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < METRICS_BUCKETS; i++) {
        total += atomic_load(&histogram->buckets[i]);
        buffer_printf(out, "%s_bucket{%s=\"%s\",le=\"", name, label, value);
        if (i < METRICS_BUCKETS - 1) {
            buffer_printf(out, "%g", (double)bounds_us[i] / 1e6);
        } else {
            buffer_append_text(out, "+Inf");
        }
        buffer_printf(out, "\"} %" PRIu64 "\n", total);
    }
    buffer_printf(out, "%s_sum{%s=\"%s\"} %.9f\n", name, label, value,
                  (double)atomic_load(&histogram->sum_ns) / 1e9);
    buffer_printf(out, "%s_count{%s=\"%s\"} %" PRIu64 "\n", name, label, value, total);
}

void metrics_write(void *context, struct buffer *out)
{
    struct metrics *metrics = context;
    static const char *const names[STAGE_COUNT] = {"queue", "read", "hash", "decode", "run"};
    metric_begin(out, "situ_stage_seconds", "histogram", "Time of an object in each stage");
    for (unsigned i = 0; i < STAGE_COUNT; i++) {
        metrics_write_histogram(&metrics->stages[i], "situ_stage_seconds", "stage", names[i], out);
    }
    metric_write(out, "situ_objects_total", "counter", "Objects answered, failures included",
                 atomic_load(&metrics->objects));
    metric_write(out, "situ_objects_read_total", "counter", "Objects opened for reading",
                 atomic_load(&metrics->objects_read));
    metric_write(out, "situ_object_read_bytes_total", "counter", "Bytes read from stores",
                 atomic_load(&metrics->object_bytes));
    metric_write(out, "situ_workers_started_total", "counter", "Worker processes started",
                 atomic_load(&metrics->workers_started));
    metric_write(out, "situ_workers_restarted_total", "counter",
                 "Workers replaced after a crash or a hang",
                 atomic_load(&metrics->workers_restarted));
    metric_write(out, "situ_lanes_busy", "gauge", "Lanes that have an object now",
                 atomic_load(&metrics->lanes_busy));
}
