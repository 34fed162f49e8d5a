/* SPDX-License-Identifier: Apache-2.0
 *
 * Scoring. Products of two float32 are exact in double precision; sums run in eight lanes, in the
 * same order on every machine.
 */
#include "index/rescore.h"

#include <errno.h>
#include <math.h>
#include <string.h>

enum { LANES = 8 };

static double sum_lanes(const double lanes[LANES])
{
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) +
           ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

static double dot(const float *a, const float *b, size_t size)
{
    double lanes[LANES] = {0};
    size_t whole = size / LANES * LANES;
    for (size_t i = 0; i < whole; i += LANES) {
        for (size_t j = 0; j < LANES; j++) {
            lanes[j] += (double)a[i + j] * (double)b[i + j];
        }
    }
    for (size_t i = whole; i < size; i++) {
        lanes[i - whole] += (double)a[i] * (double)b[i];
    }
    return sum_lanes(lanes);
}

static double distance_square(const float *a, const float *b, size_t size)
{
    double lanes[LANES] = {0};
    size_t whole = size / LANES * LANES;
    for (size_t i = 0; i < whole; i += LANES) {
        for (size_t j = 0; j < LANES; j++) {
            double apart = (double)a[i + j] - (double)b[i + j];
            lanes[j] += apart * apart;
        }
    }
    for (size_t i = whole; i < size; i++) {
        double apart = (double)a[i] - (double)b[i];
        lanes[i - whole] += apart * apart;
    }
    return sum_lanes(lanes);
}

static double rank_of(const struct rescoring *rescoring, const float *row)
{
    size_t dimension = rescoring->index->shape.dimension;
    switch (rescoring->index->shape.metric) {
    case INDEX_EUCLIDEAN:
        return -distance_square(row, rescoring->query, dimension);
    case INDEX_DOT:
        return dot(row, rescoring->query, dimension);
    case INDEX_COSINE:
    default:
        return rescoring->norm > 0.0 ? dot(row, rescoring->query, dimension) / rescoring->norm
                                     : 0.0;
    }
}

double rescore_score(enum index_metric metric, double rank)
{
    return metric == INDEX_EUCLIDEAN ? -sqrt(-rank) : rank;
}

/* A row is a unit vector within the precision of float32 only: its score with itself may be above 1
 * by some 1e-8, but a distance is never negative, nor a negative zero. */
double rescore_distance(enum index_metric metric, double rank)
{
    switch (metric) {
    case INDEX_EUCLIDEAN:
        return sqrt(-rank);
    case INDEX_DOT:
        return 0.0 - rank;
    case INDEX_COSINE:
    default:
        return rank < 1.0 ? 1.0 - rank : 0.0;
    }
}

double rescore_floor(enum index_metric metric, double min_score, double norm)
{
    if (metric != INDEX_EUCLIDEAN) {
        return min_score - fabs(min_score) * 0x1p-40;
    }
    if (min_score > 0.0) {
        return INFINITY;
    }
    double squares = norm * norm + min_score * min_score;
    return norm * norm - min_score * min_score - squares * 0x1p-40;
}

static int compare_keys(const struct key *a, const struct key *b)
{
    int order = memcmp(a->bytes, b->bytes, a->size < b->size ? a->size : b->size);
    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

/* Whether a comes after b in the answer. */
static bool is_worse(const struct ranked *a, const struct ranked *b)
{
    return a->rank != b->rank ? a->rank < b->rank : compare_keys(&a->key, &b->key) > 0;
}

/* Fills the hole at the top of a heap of `count`, the worst first. */
static void sift_down(struct ranked *heap, size_t count, struct ranked item)
{
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count) {
            break;
        }
        if (child + 1 < count && is_worse(&heap[child + 1], &heap[child])) {
            child++;
        }
        if (!is_worse(&heap[child], &item)) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = item;
}

static void keep(struct rescoring *rescoring, const struct ranked *item)
{
    struct ranked *heap = rescoring->best;
    if (rescoring->count == rescoring->k) {
        if (is_worse(&heap[0], item)) {
            sift_down(heap, rescoring->k, *item);
        }
        return;
    }
    size_t at = rescoring->count++;
    while (at > 0 && is_worse(item, &heap[(at - 1) / 2])) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = *item;
}

/* Moves the worst from the top to the end, again and again. */
static void sort(struct rescoring *rescoring)
{
    struct ranked *heap = rescoring->best;
    for (size_t count = rescoring->count; count > 1; count--) {
        struct ranked worst = heap[0];
        sift_down(heap, count - 1, heap[count - 1]);
        heap[count - 1] = worst;
    }
}

/* The slot's key, from the snapshot. */
static int get_key(const struct rescoring *rescoring, struct ranked *item, struct error *error)
{
    struct record_slot record = {.key = ""};
    int r = meta_get_slot(&rescoring->index->meta, rescoring->snapshot->txn, item->slot, &record,
                          error);
    item->key = (struct key){.bytes = record.key, .size = record.key_size};
    return r == 0 && !record.live ? meta_damaged(error) : r;
}

/* Leaves a row out, and reports it the first time. */
static int leave_out(struct rescoring *rescoring, struct ranked *item, struct error *error)
{
    rescoring->damaged++;
    if (codes_is_damaged(&rescoring->index->codes, item->slot)) {
        return 0;
    }
    int r = get_key(rescoring, item, error);
    if (r < 0) {
        return r;
    }
    rescoring->newly_damaged = true;
    index_report_row(rescoring->index, item->slot, item->key.bytes, item->key.size);
    return 0;
}

/* Reads and scores a row, and keeps it where it is among the best so far. Only then its key is
 * looked up, since most candidates are not. */
static int judge(struct rescoring *rescoring, uint32_t slot, struct error *error)
{
    struct index *index = rescoring->index;
    struct ranked item = {.slot = slot};
    uint64_t tag = codes_chunk(&index->codes, slot)->tags[slot % CHUNK_ROWS];
    if (codes_is_damaged(&index->codes, slot) ||
        rows_read(&index->rows, slot, tag, rescoring->row) < 0) {
        return leave_out(rescoring, &item, error);
    }
    rescoring->read++;
    item.rank = rank_of(rescoring, rescoring->row);
    if ((rescoring->has_min_score &&
         !(rescore_score(index->shape.metric, item.rank) >= rescoring->min_score)) ||
        (rescoring->count == rescoring->k && item.rank < rescoring->best[0].rank)) {
        return 0;
    }
    int r = get_key(rescoring, &item, error);
    if (r < 0) {
        return r;
    }
    keep(rescoring, &item);
    return 0;
}

int rescore(struct rescoring *rescoring, const struct candidates *candidates, struct error *error)
{
    bool squares = rescoring->index->shape.metric == INDEX_EUCLIDEAN;
    double shift = squares ? rescoring->norm * rescoring->norm : 0.0;
    int r = 0;
    for (size_t i = 0; i < candidates->count && r == 0; i++) {
        if (rescoring->count == rescoring->k &&
            candidates->items[i].high < rescoring->best[0].rank + shift) {
            break;
        }
        r = judge(rescoring, candidates->items[i].slot, error);
    }
    if (r < 0) {
        return r;
    }
    sort(rescoring);
    return 0;
}
