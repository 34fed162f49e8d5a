/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of one query that may be among the best k, judged by their intervals. The k-th highest
 * lower end is the threshold: k rows have that value or a higher one, so that a row whose upper end
 * is below it is not among the best. Their number has no limit: all rows that the int8 copy cannot
 * distinguish remain. One thread an instance.
 */
#ifndef SITU_INDEX_CANDIDATES_H
#define SITU_INDEX_CANDIDATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "index/quantize.h"

struct candidate {
    double high;
    uint32_t slot;
};

struct candidates {
    size_t k;
    double *lows; /* owned; a heap of the k highest lower ends, the lowest first */
    size_t low_count;
    size_t low_capacity;
    struct candidate *items; /* owned */
    size_t count;
    size_t capacity;
};

static inline double candidates_threshold(const struct candidates *candidates)
{
    return candidates->low_count == candidates->k ? candidates->lows[0] : -__builtin_inf();
}

void candidates_init(struct candidates *candidates, size_t k);
void candidates_done(struct candidates *candidates);

/* `known` is false for a row that cannot be read: it does not raise the threshold. Rows below
 * `threshold`, which may be higher than the instance's own, are dropped when it is full. */
must_check int candidates_add(struct candidates *candidates, uint32_t slot,
                              const struct interval *interval, bool known, double threshold);

/* Moves the other's candidates here. */
must_check int candidates_merge(struct candidates *candidates, struct candidates *other);

/* Drops the rows below, and sorts the rest in descending order of their upper ends. */
void candidates_sort(struct candidates *candidates, double threshold);

#endif
