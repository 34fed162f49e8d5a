/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of one query that may be among the best k, as far as their intervals tell. The k-th
 * highest lower end is the threshold: k rows have that value or a higher one, so that a row whose
 * upper end is below it is not among the best. There is no limit to how many there are: rows that
 * the int8 copy cannot tell apart all stay. One thread an instance.
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

/* `known` is false for a row that cannot be read: it does not lift the threshold. Those below
 * `threshold`, which may be higher than the own one, are dropped when room is short. */
must_check int candidates_add(struct candidates *candidates, uint32_t slot,
                              const struct interval *interval, bool known, double threshold);

/* Takes the other's in, and leaves it empty. */
must_check int candidates_merge(struct candidates *candidates, struct candidates *other);

/* Drops those below, and puts the rest in falling order of their upper ends. */
void candidates_sort(struct candidates *candidates, double threshold);

#endif
