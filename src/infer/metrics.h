/* SPDX-License-Identifier: Apache-2.0
 *
 * Counters and stage histograms, in memory; written out in Prometheus' text format. Lock-free: any
 * thread.
 */
#ifndef SITU_INFER_METRICS_H
#define SITU_INFER_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

enum metrics_stage { STAGE_QUEUE, STAGE_READ, STAGE_HASH, STAGE_DECODE, STAGE_RUN, STAGE_COUNT };

enum { METRICS_BUCKETS = 16 }; /* upper bounds in metrics.c; the last is +Inf */

struct metrics_histogram {
    _Atomic uint64_t buckets[METRICS_BUCKETS];
    _Atomic uint64_t sum_ns;
};

/* Answers by HTTP status; of one model, or of all calls that name none. */
enum { STATUS_SLOTS = 19 };
struct status_counts {
    _Atomic uint64_t counts[STATUS_SLOTS];
};

struct metrics {
    struct metrics_histogram stages[STAGE_COUNT];
    _Atomic uint64_t objects;      /* answered or failed */
    _Atomic uint64_t objects_read; /* reads that were started */
    _Atomic uint64_t object_bytes; /* read from stores */
    _Atomic uint64_t workers_started;
    _Atomic uint64_t workers_restarted; /* after a crash or a hang */
    _Atomic uint64_t lanes_busy;
};

void metrics_observe(struct metrics *metrics, enum metrics_stage stage, int64_t duration_ns);

/* A histogram of its own; its lines, which carry one label. */
void metrics_observe_in(struct metrics_histogram *histogram, int64_t duration_ns);
void metrics_write_histogram(struct metrics_histogram *histogram, const char *name,
                             const char *label, const char *value, struct buffer *out);

void metrics_count_status(struct status_counts *counts, unsigned status);

/* situ_requests_total lines of one model ("" for none); nothing for statuses never given. */
void metrics_write_statuses(struct status_counts *counts, const char *model, struct buffer *out);

/* The histograms and counters above; `metrics` is the struct. */
void metrics_write(void *metrics, struct buffer *out);

#endif
