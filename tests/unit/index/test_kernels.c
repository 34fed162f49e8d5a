/* SPDX-License-Identifier: Apache-2.0
 *
 * Every form of the inner loops gives the bits of the plain C one, and the intervals of the int8
 * copy contain the true value, for rows and queries of every kind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>

#include "index/quantize.h"
#include "index/scan_kernels.h"
#include "numbers.h"

static const char *const forms[] = {"c", "avx2", "avx512", "neon"};
enum { FORMS = sizeof forms / sizeof forms[0], GROUPS_MAX = 1024 };

static void fill(uint8_t *codes, size_t size, uint64_t *seed, bool extreme)
{
    for (size_t i = 0; i < size; i++) {
        uint64_t random = fixture_random(seed) >> 33;
        codes[i] = (uint8_t)(extreme ? (random & 1 ? 255 : 1) : 1 + random % 255);
    }
}

static void check_dots(const uint8_t *codes, const int8_t *values, size_t groups, size_t count)
{
    struct scan_query queries[SCAN_QUERIES];
    int32_t expected[SCAN_QUERIES * SCAN_ROWS];
    int32_t dots[SCAN_QUERIES * SCAN_ROWS];
    for (size_t q = 0; q < count; q++) {
        int32_t sum = 0;
        queries[q].codes = values + q * groups * SCAN_GROUP;
        for (size_t i = 0; i < groups * SCAN_GROUP; i++) {
            sum += queries[q].codes[i];
        }
        queries[q].bias = -128 * sum;
    }
    scan_kernels_c.dots(codes, groups, queries, count, expected);
    for (size_t q = 0; q < count; q++) {
        for (size_t r = 0; r < SCAN_ROWS; r++) {
            int32_t sum = 0;
            for (size_t i = 0; i < groups * SCAN_GROUP; i++) {
                size_t at = i / SCAN_GROUP * SCAN_GROUP_BYTES + r * SCAN_GROUP + i % SCAN_GROUP;
                sum += (codes[at] - 128) * queries[q].codes[i];
            }
            assert_int_equal(expected[q * SCAN_ROWS + r], sum);
        }
    }
    memset(dots, 0x55, sizeof dots);
    scan_kernels_selected()->dots(codes, groups, queries, count, dots);
    assert_memory_equal(dots, expected, count * SCAN_ROWS * sizeof dots[0]);
}

static void dots_are_those_of_plain_c(void **state)
{
    uint64_t seed = 1;
    uint8_t *codes = malloc((size_t)GROUPS_MAX * SCAN_GROUP_BYTES);
    int8_t *values = malloc((size_t)SCAN_QUERIES * GROUPS_MAX * SCAN_GROUP);
    (void)state;
    assert_true(codes && values);
    for (size_t form = 0; form < FORMS; form++) {
        if (index_select_isa(forms[form]) < 0) {
            print_message("not on this CPU: %s\n", forms[form]);
            continue;
        }
        static const size_t sizes[] = {1, 2, 3, 7, 16, 33, 128, GROUPS_MAX};
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            for (int extreme = 0; extreme < 2; extreme++) {
                fill(codes, sizes[i] * SCAN_GROUP_BYTES, &seed, extreme);
                fill((uint8_t *)values, SCAN_QUERIES * sizes[i] * SCAN_GROUP, &seed, extreme);
                for (size_t j = 0; j < SCAN_QUERIES * sizes[i] * SCAN_GROUP; j++) {
                    values[j] = (int8_t)((uint8_t)values[j] - 128);
                }
                for (size_t count = 1; count <= SCAN_QUERIES; count++) {
                    check_dots(codes, values, sizes[i], count);
                }
            }
        }
    }
    free(codes);
    free(values);
}

static void selections_are_those_of_plain_c(void **state)
{
    uint64_t seed = 2;
    float scale[SCAN_ROWS], error[SCAN_ROWS], offset[SCAN_ROWS];
    int32_t dots[SCAN_ROWS];
    (void)state;
    for (size_t form = 0; form < FORMS; form++) {
        if (index_select_isa(forms[form]) < 0) {
            continue;
        }
        for (int round = 0; round < 2000; round++) {
            for (size_t r = 0; r < SCAN_ROWS; r++) {
                dots[r] = (int32_t)(fixture_random(&seed) >> 40) - (1 << 23);
                scale[r] = fabsf(fixture_uniform(&seed)) * 1e-3f;
                error[r] = r % 17 == 3 ? INFINITY : fabsf(fixture_uniform(&seed));
                offset[r] = fixture_uniform(&seed) * 100.0f;
            }
            struct scan_lanes lanes = {
                .dots = dots, .scale = scale, .error = error, .offset = round % 2 ? offset : NULL};
            struct scan_bound bound = {.factor = fixture_uniform(&seed),
                                       .error_factor = FLT_MIN + fabsf(fixture_uniform(&seed))};
            /* Exactly at a row's value, where a difference of one bit matters. */
            size_t r = fixture_random(&seed) >> 58;
            bound.floor = bound.factor * (float)dots[r] * scale[r] +
                          (bound.error_factor * error[r] + (round % 2 ? offset[r] : 0.0f));
            uint64_t expected = scan_kernels_c.select(&lanes, &bound);
            assert_true(expected >> r & 1);
            assert_true(scan_kernels_selected()->select(&lanes, &bound) == expected);
        }
    }
}

static void make_vector(float *vector, uint32_t dimension, uint64_t *seed, int kind)
{
    for (uint32_t i = 0; i < dimension; i++) {
        float value = fixture_normal(seed);
        switch (kind) {
        case 0:
            vector[i] = value;
            break;
        case 1: /* one value rules */
            vector[i] = i == dimension / 2 ? 1000.0f : value * 1e-3f;
            break;
        case 2: /* nearly nothing: subnormal */
            vector[i] = value * 1e-42f;
            break;
        case 3:
            vector[i] = value > 0.0f ? 1e15f : -1e15f;
            break;
        case 4:
            vector[i] = 0.0f;
            break;
        default: /* of all sizes */
            vector[i] = ldexpf(value, (int)(fixture_random(seed) >> 58) - 40);
            break;
        }
    }
}

enum { KINDS = 6 };

/* The value of quantize.h, in long double. */
static long double value_of(const struct layout *layout, const float *row, const float *query,
                            double norm)
{
    long double sum = 0.0L;
    long double square = 0.0L;
    for (uint32_t i = 0; i < layout->dimension; i++) {
        sum += (long double)row[i] * (long double)query[i];
        square += (long double)row[i] * (long double)row[i];
    }
    switch (layout->metric) {
    case INDEX_COSINE:
        return norm > 0.0 ? sum / (long double)norm : 0.0L;
    case INDEX_DOT:
        return sum;
    default:
        return 2.0L * sum - square;
    }
}

static void check_interval(const struct layout *layout, const float *row, const float *query)
{
    uint8_t *block = calloc(1, layout->block_bytes);
    struct quantized_query quantized;
    int32_t dots[SCAN_ROWS];
    assert_non_null(block);
    float reach = quantize_row(layout, row, block, 5);
    assert_int_equal(quantize_query(layout, query, &quantized), 0);
    scan_kernels_selected()->dots(block, layout->groups, &quantized.scan, 1, dots);
    struct scan_lanes lanes = {.dots = dots,
                               .scale = layout_scale(layout, block),
                               .error = layout_error(layout, block),
                               .offset = layout_offset(layout, block)};
    double margin = quantized_query_margin(&quantized, reach);
    struct interval interval = quantized_query_interval(&quantized, &lanes, 5, margin);
    long double value = value_of(layout, row, query, quantized.norm);
    assert_true((long double)interval.low <= value && value <= (long double)interval.high);

    /* And the kernels accept it if it may reach the value that it has. */
    struct scan_bound bound = quantized_query_bound(&quantized, (double)value, margin);
    assert_true(scan_kernels_selected()->select(&lanes, &bound) >> 5 & 1);
    quantize_unknown(layout, block, 5);
    bound = quantized_query_bound(&quantized, 1e30, margin);
    assert_true(scan_kernels_selected()->select(&lanes, &bound) >> 5 & 1);
    quantized_query_done(&quantized);
    free(block);
}

static void intervals_hold_the_truth(void **state)
{
    static const uint32_t dimensions[] = {1, 2, 3, 5, 64, 127, 512, 1001, INDEX_DIMENSION_MAX};
    uint64_t seed = 3;
    float *row = malloc(INDEX_DIMENSION_MAX * sizeof *row);
    float *query = malloc(INDEX_DIMENSION_MAX * sizeof *query);
    (void)state;
    assert_true(row && query);
    assert_int_equal(index_select_isa("c"), 0);
    for (size_t i = 0; i < sizeof dimensions / sizeof dimensions[0]; i++) {
        for (int metric = INDEX_COSINE; metric <= INDEX_EUCLIDEAN; metric++) {
            struct index_shape shape = {.dimension = dimensions[i],
                                        .metric = (enum index_metric)metric};
            struct layout layout = layout_of(&shape);
            for (int round = 0; round < KINDS * KINDS * 2; round++) {
                make_vector(row, shape.dimension, &seed, round % KINDS);
                make_vector(query, shape.dimension, &seed, round / KINDS % KINDS);
                check_interval(&layout, row, query);
                check_interval(&layout, row, row);
            }
        }
    }
    free(row);
    free(query);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(dots_are_those_of_plain_c),
        cmocka_unit_test(selections_are_those_of_plain_c),
        cmocka_unit_test(intervals_hold_the_truth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
