/* SPDX-License-Identifier: Apache-2.0
 *
 * Any row and query that an index accepts: the interval of the int8 copy contains the value, and
 * the kernels accept the row whenever it could be a result. Input: metric, dimension, then floats.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "index/quantize.h"

enum { HEAD = 2, DIMENSION_MAX = 80 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

/* The next value that index_batch_put accepts. */
static float next_value(const uint8_t **data, size_t *size)
{
    float value = 0.0f;
    size_t take = *size < sizeof value ? *size : sizeof value;
    memcpy(&value, *data, take);
    *data += take;
    *size -= take;
    return isfinite(value) && fabsf(value) <= INDEX_VALUE_MAX ? value : 1.0f;
}

static long double value_of(const struct layout *layout, const float *row, const float *query,
                            double norm)
{
    long double sum = 0.0L;
    long double square = 0.0L;
    for (uint32_t i = 0; i < layout->dimension; i++) {
        sum += (long double)row[i] * (long double)query[i];
        square += (long double)row[i] * (long double)row[i];
    }
    if (layout->metric == INDEX_COSINE) {
        return norm > 0.0 ? sum / (long double)norm : 0.0L;
    }
    return layout->metric == INDEX_DOT ? sum : 2.0L * sum - square;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    float row[DIMENSION_MAX], query[DIMENSION_MAX];
    int32_t dots[SCAN_ROWS], plain[SCAN_ROWS];
    struct quantized_query quantized;
    if (size < HEAD) {
        return 0;
    }
    struct index_shape shape = {.dimension = 1 + data[1] % DIMENSION_MAX,
                                .metric = (enum index_metric)(1 + data[0] % 3)};
    struct layout layout = layout_of(&shape);
    unsigned lane = data[0] / 3 % SCAN_ROWS;
    data += HEAD;
    size -= HEAD;
    for (uint32_t i = 0; i < shape.dimension; i++) {
        row[i] = next_value(&data, &size);
        query[i] = next_value(&data, &size);
    }
    uint8_t *block = calloc(1, layout.block_bytes);
    require(block != NULL);
    memset(block, 128, layout.codes_bytes);
    float reach = quantize_row(&layout, row, block, lane);
    require(quantize_query(&layout, query, &quantized) == 0);
    scan_kernels_selected()->dots(block, layout.groups, &quantized.scan, 1, dots);
    scan_kernels_c.dots(block, layout.groups, &quantized.scan, 1, plain);
    require(memcmp(dots, plain, sizeof dots) == 0);

    struct scan_lanes lanes = {.dots = dots,
                               .scale = layout_scale(&layout, block),
                               .error = layout_error(&layout, block),
                               .offset = layout_offset(&layout, block)};
    double margin = quantized_query_margin(&quantized, reach);
    struct interval interval = quantized_query_interval(&quantized, &lanes, lane, margin);
    long double value = value_of(&layout, row, query, quantized.norm);
    require((long double)interval.low <= value && value <= (long double)interval.high);
    struct scan_bound bound = quantized_query_bound(&quantized, (double)value, margin);
    require(scan_kernels_selected()->select(&lanes, &bound) >> lane & 1);
    require(scan_kernels_selected()->select(&lanes, &bound) ==
            scan_kernels_c.select(&lanes, &bound));
    quantized_query_done(&quantized);
    free(block);
    return 0;
}
