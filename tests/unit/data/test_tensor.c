/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensor types, shapes, and half precision: every half there and back, and the rounding of floats
 * against its definition.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "data/tensor.h"

static float float_of_bits(uint32_t bits)
{
    float value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE 754: sign, 5 bits of exponent with bias 15, 10 bits of fraction. */
static double half_by_definition(uint16_t half)
{
    int exponent = (half >> 10) & 31;
    int fraction = half & 1023;
    double magnitude = exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);
    return (half & 0x8000) ? -magnitude : magnitude;
}

static void every_half_is_the_number_it_says(void **state)
{
    (void)state;
    for (uint32_t half = 0; half < 65536; half++) {
        float value = half_to_float((uint16_t)half);
        assert_int_equal(!!signbit(value), half >> 15);
        if ((half & 0x7c00) != 0x7c00) {
            assert_true((double)value == half_by_definition((uint16_t)half));
        } else if (half & 0x3ff) {
            assert_true(isnan(value));
        } else {
            assert_true(isinf(value));
        }
    }
}

static void every_half_comes_back(void **state)
{
    (void)state;
    for (uint32_t half = 0; half < 65536; half++) {
        uint16_t back = float_to_half(half_to_float((uint16_t)half));
        bool nan = (half & 0x7c00) == 0x7c00 && (half & 0x3ff);
        if (nan) {
            assert_int_equal(back & 0xfc00, half & 0xfc00);
            assert_true(back & 0x3ff);
        } else {
            assert_int_equal(back, half);
        }
    }
}

/* The nearest half, the even one if two are equally near; infinity from 65520 on. */
static void check_rounding(float value)
{
    uint16_t half = float_to_half(value);
    double exact = fabs((double)value);
    uint16_t magnitude = half & 0x7fff;
    assert_int_equal(half >> 15, !!signbit(value));
    if (exact >= 65520.0) {
        assert_int_equal(magnitude, 0x7c00);
        return;
    }
    assert_true(magnitude < 0x7c00);
    double distance = fabs(half_by_definition(magnitude) - exact);
    for (int step = -1; step <= 1; step += 2) {
        int neighbour = magnitude + step;
        if (neighbour < 0 || neighbour >= 0x7c00) {
            continue;
        }
        double other = fabs(half_by_definition((uint16_t)neighbour) - exact);
        if (distance > other || (distance == other && (magnitude & 1))) {
            fail_msg("%a becomes %04x", (double)value, half);
        }
    }
}

static void floats_round_to_the_nearest_half(void **state)
{
    (void)state;
    static const uint32_t low[] = {0,      1,      0x0fff, 0x1000, 0x1001, 0x1fff, 0x2000,
                                   0x7fff, 0x8000, 0x8001, 0xefff, 0xf000, 0xf001, 0xffff};
    for (uint32_t high = 0; high < 65536; high++) {
        for (size_t i = 0; i < sizeof low / sizeof low[0]; i++) {
            float value = float_of_bits(high << 16 | low[i]);
            if (!isnan(value)) {
                check_rounding(value);
            }
        }
    }
}

static void floats_round_as_the_compiler_rounds(void **state)
{
    (void)state;
#ifdef __FLT16_MANT_DIG__
    uint32_t bits = 1;
    for (int i = 0; i < 1000000; i++) {
        bits = bits * 1664525u + 1013904223u;
        float value = float_of_bits(bits);
        if (isnan(value)) {
            continue;
        }
        _Float16 wanted = (_Float16)value;
        uint16_t half = float_to_half(value);
        assert_memory_equal(&half, &wanted, sizeof half);
    }
#else
    print_message("skipped: this compiler has no _Float16\n");
    skip();
#endif
}

static void types_have_names_and_sizes(void **state)
{
    (void)state;
    for (int i = DATATYPE_BOOL; i < DATATYPE_COUNT; i++) {
        enum datatype datatype = (enum datatype)i;
        assert_int_equal(datatype_parse(datatype_name(datatype)), datatype);
        assert_int_equal(datatype_size(datatype) == 0, datatype == DATATYPE_BYTES);
    }
    assert_int_equal(datatype_parse("FP8"), DATATYPE_NONE);
    assert_int_equal(datatype_parse("NONE"), DATATYPE_NONE);
    assert_int_equal(datatype_size((enum datatype)99), 0);
    assert_string_equal(datatype_name((enum datatype)99), "NONE");
    assert_int_equal(datatype_size(DATATYPE_FP16), 2);
    assert_int_equal(datatype_size(DATATYPE_INT64), 8);
}

static void shapes_are_counted_without_overflow(void **state)
{
    (void)state;
    size_t count = 0;
    assert_int_equal(tensor_shape_count(&(struct tensor_shape){4, {1, 3, 224, 224}}, &count), 0);
    assert_int_equal(count, 150528);
    assert_int_equal(tensor_shape_count(&(struct tensor_shape){0, {0}}, &count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(tensor_shape_count(&(struct tensor_shape){2, {0, 5}}, &count), 0);
    assert_int_equal(count, 0);
    assert_int_equal(tensor_shape_count(&(struct tensor_shape){2, {-1, 5}}, &count), -EINVAL);
    assert_int_equal(tensor_shape_count(&(struct tensor_shape){9, {1}}, &count), -EINVAL);
    struct tensor_shape large = {2, {INT64_MAX, INT64_MAX}};
    assert_int_equal(tensor_shape_count(&large, &count), -EOVERFLOW);
    large = (struct tensor_shape){1, {INT64_MAX}};
    assert_int_equal(tensor_shape_count(&large, &count), -EOVERFLOW);
}

static void shapes_are_compared_and_written(void **state)
{
    (void)state;
    struct tensor_shape open = {4, {-1, 3, -1, 224}};
    char text[64];
    assert_string_equal(tensor_shape_text(&open, text, sizeof text), "[-1,3,-1,224]");
    assert_string_equal(tensor_shape_text(&(struct tensor_shape){0, {0}}, text, sizeof text), "[]");
    char small[6];
    assert_int_equal(strlen(tensor_shape_text(&open, small, sizeof small)), 5);
    assert_true(tensor_shape_matches(&open, &(struct tensor_shape){4, {8, 3, 1, 224}}));
    assert_false(tensor_shape_matches(&open, &(struct tensor_shape){4, {8, 4, 1, 224}}));
    assert_false(tensor_shape_matches(&open, &(struct tensor_shape){3, {8, 3, 1}}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_half_is_the_number_it_says),
        cmocka_unit_test(every_half_comes_back),
        cmocka_unit_test(floats_round_to_the_nearest_half),
        cmocka_unit_test(floats_round_as_the_compiler_rounds),
        cmocka_unit_test(types_have_names_and_sizes),
        cmocka_unit_test(shapes_are_counted_without_overflow),
        cmocka_unit_test(shapes_are_compared_and_written),
    };
    return cmocka_run_group_tests_name("data/tensor", tests, NULL, NULL);
}
