/* SPDX-License-Identifier: Apache-2.0
 *
 * A heap of lower ends, and a list that is pruned when it is full, and grows where that frees too
 * little.
 */
#include "index/candidates.h"

#include <errno.h>
#include <string.h>

enum { FIRST_CAPACITY = 1024, FIRST_LOWS = 64 };

void candidates_init(struct candidates *candidates, size_t k)
{
    *candidates = (struct candidates){.k = k};
}

void candidates_done(struct candidates *candidates)
{
    free(candidates->lows);
    free(candidates->items);
    *candidates = (struct candidates){.k = candidates->k};
}

static void sift_up(double *heap, size_t at)
{
    double value = heap[at];
    while (at > 0 && heap[(at - 1) / 2] > value) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = value;
}

static void sift_down(double *heap, size_t count, double value)
{
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count) {
            break;
        }
        if (child + 1 < count && heap[child + 1] < heap[child]) {
            child++;
        }
        if (heap[child] >= value) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = value;
}

static int add_low(struct candidates *candidates, double low)
{
    if (candidates->low_count == candidates->k) {
        if (low > candidates->lows[0]) {
            sift_down(candidates->lows, candidates->k, low);
        }
        return 0;
    }
    if (candidates->low_count == candidates->low_capacity) {
        size_t capacity = candidates->low_capacity ? candidates->low_capacity * 2 : FIRST_LOWS;
        double *lows = realloc(candidates->lows, capacity * sizeof *lows);
        if (!lows) {
            return -ENOMEM;
        }
        candidates->lows = lows;
        candidates->low_capacity = capacity;
    }
    candidates->lows[candidates->low_count] = low;
    sift_up(candidates->lows, candidates->low_count++);
    return 0;
}

static void prune(struct candidates *candidates, double threshold)
{
    size_t kept = 0;
    for (size_t i = 0; i < candidates->count; i++) {
        if (candidates->items[i].high >= threshold) {
            candidates->items[kept++] = candidates->items[i];
        }
    }
    candidates->count = kept;
}

static int grow(struct candidates *candidates, size_t wanted)
{
    size_t capacity = candidates->capacity ? candidates->capacity : FIRST_CAPACITY;
    while (capacity < wanted) {
        capacity *= 2;
    }
    if (capacity == candidates->capacity) {
        return 0;
    }
    struct candidate *items = realloc(candidates->items, capacity * sizeof *items);
    if (!items) {
        return -ENOMEM;
    }
    candidates->items = items;
    candidates->capacity = capacity;
    return 0;
}

int candidates_add(struct candidates *candidates, uint32_t slot, const struct interval *interval,
                   bool known, double threshold)
{
    if (candidates->count == candidates->capacity) {
        prune(candidates, threshold);
        if (candidates->count >= candidates->capacity / 2 &&
            grow(candidates, candidates->capacity + 1) < 0) {
            return -ENOMEM;
        }
    }
    candidates->items[candidates->count++] =
        (struct candidate){.high = interval->high, .slot = slot};
    return known ? add_low(candidates, interval->low) : 0;
}

int candidates_merge(struct candidates *candidates, struct candidates *other)
{
    if (grow(candidates, candidates->count + other->count) < 0) {
        return -ENOMEM;
    }
    if (other->count > 0) {
        memcpy(candidates->items + candidates->count, other->items,
               other->count * sizeof *other->items);
        candidates->count += other->count;
    }
    for (size_t i = 0; i < other->low_count; i++) {
        if (add_low(candidates, other->lows[i]) < 0) {
            return -ENOMEM;
        }
    }
    candidates_done(other);
    return 0;
}

static int by_falling_high(const void *a, const void *b)
{
    const struct candidate *left = a;
    const struct candidate *right = b;
    return (left->high < right->high) - (left->high > right->high);
}

void candidates_sort(struct candidates *candidates, double threshold)
{
    prune(candidates, threshold);
    if (candidates->count > 1) {
        qsort(candidates->items, candidates->count, sizeof *candidates->items, by_falling_high);
    }
}
