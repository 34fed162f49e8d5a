/* SPDX-License-Identifier: Apache-2.0
 *
 * The int8 copy's arithmetic: how rows and queries become codes, and the interval that the exact
 * value is in. Pure; any thread.
 *
 * A search ranks rows by a value that grows with the score: with u = q / |q|,
 *
 *   cosine     value = x.u            (factor a = 1)
 *   dot        value = a (x.u)        a = |q|
 *   euclidean  value = a (x.u) + b    a = 2 |q|, b = -|x|^2: the distance's square is
 *                                     |q|^2 - value
 *
 * A row x is stored as codes c (integers of -127 to 127), a scale s = max |x_i| / 127 and the
 * length of the quantization error, e >= |x - s c|. The query's u becomes codes v, a scale t and w
 * = |u - t v|. Then
 *
 *   x.u = s t (c.v)  +  (s c).(u - t v)  +  (x - s c).u
 *
 * and by Cauchy and Schwarz the magnitudes of the two last terms are at most |s c| w and e |u| = e.
 * The integer c.v is exact. With N >= |x| + e >= |s c| for all rows of a block,
 *
 *   | value - (a t s (c.v) + b) |  <=  a e + a N w                                        (1)
 *
 * What is computed is not exact: float32 rounds each operation by at most 2^-24 of its result, and
 * what is ranked at the end is a sum in double precision. By float32: a t (once as a factor, once
 * times c.v, c.v itself, and times s), b as it is kept, and three sums. No intermediate result is
 * larger than a |t v| |s c| + a e + |b|, and |t v| <= 1 + w <= 2, so that eight roundings are at
 * most 8 x 2^-24 x (2 a N + a N + B), with B = N^2 for the euclidean, otherwise 0, which is less
 * than 2^-19 (a N + B). Of the double sums of d <= 4,096 terms: 2^-40 (a N + B + |q|^2 for the
 * euclidean) is more than enough. Subnormal results add less than 2^-126 in all. So
 *
 *   M = a N w + 2^-18 (a N + B) + 2^-40 |q|^2 [euclidean] + 2^-126                            (2)
 *
 * and, for a query so small that a t is no normal float32, that factor is 0 and a N, which
 * |a (x.u)| cannot exceed, is added to M. Then a row whose computed a t s (c.v) + b +
 * a e (1 + 2^-19) is below T - M certainly has a value below T, and every row's value is at least
 * a t s (c.v) + b - a e - M. A row that is not known (its float32 row cannot be read) has
 * e = infinity: nothing rules it out.
 */
#ifndef SITU_INDEX_QUANTIZE_H
#define SITU_INDEX_QUANTIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "index/index.h"
#include "index/scan_kernels.h"

/* A block of SCAN_ROWS rows: codes, then scale, error and, for the euclidean, b of each row. */
struct layout {
    enum index_metric metric;
    uint32_t dimension;
    size_t groups;
    size_t codes_bytes;
    size_t block_bytes; /* a multiple of 64 */
};

struct layout layout_of(const struct index_shape *shape);

static inline float *layout_scale(const struct layout *layout, uint8_t *block)
{
    return (float *)(void *)(block + layout->codes_bytes);
}

static inline float *layout_error(const struct layout *layout, uint8_t *block)
{
    return layout_scale(layout, block) + SCAN_ROWS;
}

/* NULL where the metric has none. */
static inline float *layout_offset(const struct layout *layout, uint8_t *block)
{
    return layout->metric == INDEX_EUCLIDEAN ? layout_scale(layout, block) + (size_t)2 * SCAN_ROWS
                                             : NULL;
}

/* Writes a row into its lane of a block; returns its N. */
float quantize_row(const struct layout *layout, const float *row, uint8_t *block, unsigned lane);

/* The same for a row that is not known; its N is 0. */
void quantize_unknown(const struct layout *layout, uint8_t *block, unsigned lane);

struct quantized_query {
    int8_t *codes; /* owned; SCAN_GROUP x groups */
    struct scan_query scan;
    double norm;         /* |q| */
    double factor;       /* a t */
    double error_factor; /* a (1 + 2^-19) */
    double reach_factor; /* M = reach_factor N + square_factor N^2 + rest */
    double square_factor;
    double rest;
};

/* 0 or -ENOMEM; to be released with quantized_query_done(). */
must_check int quantize_query(const struct layout *layout, const float *query,
                              struct quantized_query *ret_query);
void quantized_query_done(struct quantized_query *query);

static inline double quantized_query_margin(const struct quantized_query *query, float reach)
{
    double n = (double)reach;
    return query->reach_factor * n + query->square_factor * n * n + query->rest;
}

/* The bound for rows that may reach `floor`, in a block with this margin. */
struct scan_bound quantized_query_bound(const struct quantized_query *query, double floor,
                                        double margin);

struct interval {
    double low, high;
};
struct interval quantized_query_interval(const struct quantized_query *query,
                                         const struct scan_lanes *lanes, unsigned lane,
                                         double margin);

#endif
