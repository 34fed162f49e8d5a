/* SPDX-License-Identifier: Apache-2.0
 *
 * The arithmetic of quantize.h. Bounds that must not be too small are rounded up to float32.
 */
#include "index/quantize.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <string.h>

enum { CODE_MAX = 127, CODE_BIAS = 128 };

struct layout layout_of(const struct index_shape *shape)
{
    struct layout layout = {.metric = shape->metric, .dimension = shape->dimension};
    size_t arrays = shape->metric == INDEX_EUCLIDEAN ? 3 : 2;
    layout.groups = (shape->dimension + SCAN_GROUP - 1) / SCAN_GROUP;
    layout.codes_bytes = layout.groups * SCAN_GROUP_BYTES;
    layout.block_bytes = layout.codes_bytes + arrays * SCAN_ROWS * sizeof(float);
    return layout;
}

static float round_up(double value)
{
    float rounded = (float)value;
    return (double)rounded < value ? nextafterf(rounded, INFINITY) : rounded;
}

static float round_down(double value)
{
    float rounded = (float)value;
    return (double)rounded > value ? nextafterf(rounded, -INFINITY) : rounded;
}

static int code_of(double scaled)
{
    long code = lrint(scaled);
    return code > CODE_MAX ? CODE_MAX : code < -CODE_MAX ? -CODE_MAX : (int)code;
}

static uint8_t *lane_group(uint8_t *block, unsigned lane, size_t group)
{
    return block + group * SCAN_GROUP_BYTES + (size_t)lane * SCAN_GROUP;
}

float quantize_row(const struct layout *layout, const float *row, uint8_t *block, unsigned lane)
{
    float most = 0.0f;
    double square = 0.0;
    for (size_t i = 0; i < layout->dimension; i++) {
        most = fmaxf(most, fabsf(row[i]));
        square += (double)row[i] * (double)row[i];
    }
    float scale = most / CODE_MAX; /* may underflow to 0: then e is the row's whole length */
    double inverse = scale > 0.0f ? 1.0 / (double)scale : 0.0;
    double lost = 0.0;
    for (size_t group = 0; group < layout->groups; group++) {
        uint8_t *to = lane_group(block, lane, group);
        for (size_t i = 0; i < SCAN_GROUP; i++) {
            size_t at = group * SCAN_GROUP + i;
            double value = at < layout->dimension ? (double)row[at] : 0.0;
            int code = code_of(value * inverse);
            double rest = value - (double)scale * code;
            lost += rest * rest;
            to[i] = (uint8_t)(code + CODE_BIAS);
        }
    }
    double error = sqrt(lost) * (1 + 0x1p-40);
    layout_scale(layout, block)[lane] = scale;
    layout_error(layout, block)[lane] = round_up(error);
    if (layout->metric == INDEX_EUCLIDEAN) {
        layout_offset(layout, block)[lane] = (float)-square;
    }
    return round_up((sqrt(square) + error) * (1 + 0x1p-20));
}

void quantize_unknown(const struct layout *layout, uint8_t *block, unsigned lane)
{
    for (size_t group = 0; group < layout->groups; group++) {
        memset(lane_group(block, lane, group), CODE_BIAS, SCAN_GROUP);
    }
    layout_scale(layout, block)[lane] = 0.0f;
    layout_error(layout, block)[lane] = INFINITY;
    if (layout->metric == INDEX_EUCLIDEAN) {
        layout_offset(layout, block)[lane] = 0.0f;
    }
}

static double norm_of(const float *vector, size_t size)
{
    double square = 0.0;
    for (size_t i = 0; i < size; i++) {
        square += (double)vector[i] * (double)vector[i];
    }
    return sqrt(square);
}

static double factor_of(const struct layout *layout, double norm)
{
    switch (layout->metric) {
    case INDEX_DOT:
        return norm;
    case INDEX_EUCLIDEAN:
        return 2 * norm;
    case INDEX_COSINE:
    default:
        return 1.0;
    }
}

int quantize_query(const struct layout *layout, const float *query,
                   struct quantized_query *ret_query)
{
    struct quantized_query made = {.codes = calloc(layout->groups, SCAN_GROUP)};
    if (!made.codes) {
        return -ENOMEM;
    }
    made.norm = norm_of(query, layout->dimension);
    double inverse_norm = made.norm > 0.0 ? 1.0 / made.norm : 0.0;
    double most = 0.0;
    for (size_t i = 0; i < layout->dimension; i++) {
        most = fmax(most, fabs((double)query[i] * inverse_norm));
    }
    double scale = most / CODE_MAX;
    double inverse = scale > 0.0 ? 1.0 / scale : 0.0;
    double lost = 0.0;
    int32_t sum = 0;
    for (size_t i = 0; i < layout->dimension; i++) {
        double value = (double)query[i] * inverse_norm;
        int code = code_of(value * inverse);
        double rest = value - scale * code;
        lost += rest * rest;
        sum += code;
        made.codes[i] = (int8_t)code;
    }
    double a = factor_of(layout, made.norm);
    double w = sqrt(lost) * (1 + 0x1p-40) + 0x1p-50;
    bool squares = layout->metric == INDEX_EUCLIDEAN;
    made.scan = (struct scan_query){.codes = made.codes, .bias = -CODE_BIAS * sum};
    made.factor = a * scale;
    made.error_factor = a * (1 + 0x1p-19);
    made.reach_factor = a * (w + 0x1p-18);
    if (made.factor < (double)FLT_MIN) {
        made.factor = 0.0;
        made.reach_factor += a;
    }
    made.square_factor = squares ? 0x1p-18 : 0.0;
    made.rest = (squares ? 0x1p-40 * made.norm * made.norm : 0.0) + 0x1p-126;
    *ret_query = made;
    return 0;
}

void quantized_query_done(struct quantized_query *query)
{
    free(query->codes);
    query->codes = NULL;
}

struct scan_bound quantized_query_bound(const struct quantized_query *query, double floor,
                                        double margin)
{
    /* Never 0: an error of infinity stays one. */
    float error_factor = round_up(query->error_factor);
    return (struct scan_bound){
        .factor = (float)query->factor,
        .error_factor = error_factor > FLT_MIN ? error_factor : FLT_MIN,
        .floor = round_down(floor - margin),
    };
}

struct interval quantized_query_interval(const struct quantized_query *query,
                                         const struct scan_lanes *lanes, unsigned lane,
                                         double margin)
{
    double error = (double)lanes->error[lane];
    if (isinf(error)) {
        return (struct interval){.low = -INFINITY, .high = INFINITY};
    }
    double value = query->factor * lanes->dots[lane] * (double)lanes->scale[lane] +
                   (lanes->offset ? (double)lanes->offset[lane] : 0.0);
    double lost = query->error_factor * error + margin;
    return (struct interval){.low = value - lost, .high = value + lost};
}
