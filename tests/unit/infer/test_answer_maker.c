/* SPDX-License-Identifier: Apache-2.0
 *
 * From output tensors to answers: softmax, the best classes, rows of every type, embeddings. The
 * numbers are a worker's and may be anything.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "infer/answer_maker.h"
#include "infer/answer_makers/classes.h"
#include "infer/row.h"

enum { MANY = 200000, TOP = 1000 };

static void assert_near(float actual, float expected)
{
    assert_true(fabsf(actual - expected) < 1e-6f);
}

static void the_best_come_in_falling_order(void **state)
{
    (void)state;
    float values[] = {0.1f, 0.7f, -3.0f, 0.2f, 0.0f};
    struct answer_class classes[3];
    size_t count = 0;
    classes_best(values, 5, 0, 3, classes, &count);
    assert_int_equal(count, 3);
    assert_int_equal(classes[0].index, 1);
    assert_int_equal(classes[1].index, 3);
    assert_int_equal(classes[2].index, 0);
    assert_near(classes[0].score, 0.7f);
}

static void ties_go_by_index(void **state)
{
    (void)state;
    float values[] = {1, 2, 2, 1, 2, 1, 1};
    struct answer_class classes[7];
    for (size_t top = 1; top <= 7; top++) {
        static const uint32_t order[] = {1, 2, 4, 0, 3, 5, 6};
        size_t count = 0;
        classes_best(values, 7, 0, top, classes, &count);
        assert_int_equal(count, top);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(classes[i].index, order[i]);
        }
    }
}

static void fewer_values_than_asked_give_all(void **state)
{
    (void)state;
    float values[] = {1, 3};
    struct answer_class classes[5];
    size_t count = 9;
    classes_best(values, 2, 0, 5, classes, &count);
    assert_int_equal(count, 2);
    assert_int_equal(classes[0].index, 1);
    classes_best(values, 0, 1, 5, classes, &count);
    assert_int_equal(count, 0);
    classes_best(values, 2, 0, 0, classes, &count);
    assert_int_equal(count, 0);
}

static void what_is_no_number_comes_last(void **state)
{
    (void)state;
    float values[] = {NAN, -5.0f, INFINITY, NAN, -INFINITY};
    struct answer_class classes[5];
    size_t count = 0;
    classes_best(values, 5, 0, 5, classes, &count);
    static const uint32_t order[] = {2, 1, 0, 3, 4};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(classes[i].index, order[i]);
        assert_true(classes[i].score >= -INFINITY); /* a NaN is not */
    }
}

static void softmax_sums_to_one(void **state)
{
    (void)state;
    float values[] = {1000.0f, 999.0f, 0.0f}; /* exp(1000) alone would overflow */
    struct answer_class classes[3];
    size_t count = 0;
    classes_best(values, 3, 1, 3, classes, &count);
    assert_near(classes[0].score, 0.7310586f);
    assert_near(classes[1].score, 0.2689414f);
    assert_near(classes[2].score, 0.0f);
}

static void softmax_leaves_out_what_is_no_number(void **state)
{
    (void)state;
    float values[] = {1.0f, NAN, 1.0f};
    struct answer_class classes[3];
    size_t count = 0;
    classes_best(values, 3, 1, 3, classes, &count);
    assert_near(classes[0].score, 0.5f);
    assert_near(classes[1].score, 0.5f);
    assert_int_equal(classes[2].index, 1);
}

static void softmax_gives_all_to_infinity(void **state)
{
    (void)state;
    float values[] = {1.0f, INFINITY, -INFINITY, INFINITY};
    float lowest[] = {-INFINITY, -INFINITY};
    struct answer_class classes[4];
    size_t count = 0;
    classes_best(values, 4, 1, 4, classes, &count);
    assert_int_equal(classes[0].index, 1);
    assert_int_equal(classes[1].index, 3);
    assert_near(classes[0].score, 0.5f);
    assert_near(classes[2].score, 0.0f);
    classes_best(lowest, 2, 1, 2, classes, &count);
    assert_near(classes[0].score, 0.5f);
}

/* Compared with a plain selection, and fast enough for the order that is worst for insertion. */
static void many_values_in_any_order(void **state)
{
    (void)state;
    float *values = malloc(MANY * sizeof *values);
    struct answer_class *classes = malloc(TOP * sizeof *classes);
    assert_non_null(values);
    assert_non_null(classes);
    for (int order = 0; order < 3; order++) {
        uint32_t seed = 1;
        for (size_t i = 0; i < MANY; i++) {
            seed = seed * 1664525u + 1013904223u;
            values[i] = order == 0 ? (float)i : order == 1 ? -(float)i : (float)(seed >> 20);
        }
        size_t count = 0;
        int64_t start = clock_now_ns();
        classes_best(values, MANY, 0, TOP, classes, &count);
        assert_true(clock_now_ns() - start < 2 * NS_PER_S);
        assert_int_equal(count, TOP);
        size_t better = 0;
        for (size_t i = 0; i < MANY; i++) { /* nothing that was left out is better than the last */
            better += values[i] > classes[TOP - 1].score;
        }
        assert_true(better < TOP);
        for (size_t i = 1; i < TOP; i++) {
            assert_true(classes[i - 1].score > classes[i].score ||
                        (!(classes[i - 1].score < classes[i].score) &&
                         classes[i - 1].index < classes[i].index));
        }
    }
    free(values);
    free(classes);
}

static void check_length_is_one(float x, float y)
{
    float values[] = {x, y};
    const struct tensor output = {.name = "embeddings",
                                  .datatype = DATATYPE_FP32,
                                  .shape = {2, {1, 2}},
                                  .data = values,
                                  .size_bytes = sizeof values};
    struct model_spec spec = {.task = MODEL_FEATURE_EXTRACTION, .normalize_embedding = true};
    struct model model = {.spec = &spec};
    struct infer_request request = {.model = &model};
    struct infer_item item = {.request = &request, .outputs = &output, .output_count = 1};
    answer_make(&item);
    assert_ptr_equal(item.answer.kind, &answer_embedding);
    assert_int_equal(item.answer.embedding_size, 2);
    const float *made = item.answer.embedding;
    bool zero = !(fabsf(x) > 0) && !(fabsf(y) > 0);
    assert_near(made[0] * made[0] + made[1] * made[1], zero ? 0.0f : 1.0f);
    assert_true(signbit(made[0]) == signbit(x) && signbit(made[1]) == signbit(y));
    answer_done(&item.answer);
}

static void normalising_makes_length_one(void **state)
{
    (void)state;
    check_length_is_one(3.0f, -4.0f);
    check_length_is_one(0.0f, 0.0f);
    check_length_is_one(3e38f, 4e37f); /* the squares do not fit a float */
}

static void makers_have_the_rows_of_the_kinds(void **state)
{
    (void)state;
    size_t i = 0;
    for (; answer_kinds[i]; i++) {
        assert_non_null(answer_makers[i]);
        assert_ptr_equal(answer_makers[i]->kind, answer_kinds[i]);
        assert_true(!answer_kinds[i]->task == !answer_makers[i]->make);
    }
    assert_null(answer_makers[i]);
    assert_ptr_equal(answer_kinds[MODEL_IMAGE_CLASSIFICATION], &answer_classes);
    assert_ptr_equal(answer_kinds[MODEL_FEATURE_EXTRACTION], &answer_embedding);
    assert_ptr_equal(answer_kinds[MODEL_TENSOR], &answer_tensors);
}

/* ---- rows ---- */

static float second_of_row_one(enum datatype datatype, const void *data)
{
    struct tensor output = {.datatype = datatype,
                            .shape = {2, {2, 2}},
                            .data = data,
                            .size_bytes = 4 * datatype_size(datatype)};
    float *values = NULL;
    size_t count = 0;
    struct error error = {0};
    assert_int_equal(row_read(&output, 1, &values, &count, &error), 0);
    assert_int_equal(count, 2);
    float value = values[1];
    free(values);
    return value;
}

static void rows_of_every_type(void **state)
{
    (void)state;
    static const float f32[] = {0, 0, 0, -1.5f};
    static const double f64[] = {0, 0, 0, 2.5};
    static const uint16_t f16[] = {0, 0, 0, 0x3c00};
    static const uint8_t u8[] = {0, 0, 0, 255};
    static const int8_t i8[] = {0, 0, 0, -128};
    static const uint16_t u16[] = {0, 0, 0, 65535};
    static const int16_t i16[] = {0, 0, 0, -32768};
    static const uint32_t u32[] = {0, 0, 0, 65536};
    static const int32_t i32[] = {0, 0, 0, -65536};
    static const uint64_t u64[] = {0, 0, 0, UINT64_C(1) << 40};
    static const int64_t i64[] = {0, 0, 0, -(INT64_C(1) << 40)};
    assert_near(second_of_row_one(DATATYPE_FP32, f32), -1.5f);
    assert_near(second_of_row_one(DATATYPE_FP64, f64), 2.5f);
    assert_near(second_of_row_one(DATATYPE_FP16, f16), 1.0f);
    assert_near(second_of_row_one(DATATYPE_UINT8, u8), 255.0f);
    assert_near(second_of_row_one(DATATYPE_BOOL, u8), 255.0f);
    assert_near(second_of_row_one(DATATYPE_INT8, i8), -128.0f);
    assert_near(second_of_row_one(DATATYPE_UINT16, u16), 65535.0f);
    assert_near(second_of_row_one(DATATYPE_INT16, i16), -32768.0f);
    assert_near(second_of_row_one(DATATYPE_UINT32, u32), 65536.0f);
    assert_near(second_of_row_one(DATATYPE_INT32, i32), -65536.0f);
    assert_near(second_of_row_one(DATATYPE_UINT64, u64), 0x1p40f);
    assert_near(second_of_row_one(DATATYPE_INT64, i64), -0x1p40f);
}

static void rows_that_are_not_there_are_refused(void **state)
{
    (void)state;
    static const float data[4] = {0};
    static const struct tensor outputs[] = {
        {.datatype = DATATYPE_FP32, .shape = {2, {1, 4}}, .data = data, .size_bytes = 16},
        {.datatype = DATATYPE_FP32, .shape = {2, {2, 4}}, .data = data, .size_bytes = 16},
        {.datatype = DATATYPE_FP32, .shape = {2, {2, 0}}, .data = data, .size_bytes = 0},
        {.datatype = DATATYPE_FP32, .shape = {2, {0, 4}}, .data = data, .size_bytes = 0},
        {.datatype = DATATYPE_FP32, .shape = {2, {2, -2}}, .data = data, .size_bytes = 16},
        {.datatype = DATATYPE_FP32, .shape = {9, {2}}, .data = data, .size_bytes = 16},
        {.datatype = DATATYPE_BYTES, .shape = {2, {2, 2}}, .data = data, .size_bytes = 16},
        {.datatype = DATATYPE_FP32, .shape = {0, {0}}, .data = data, .size_bytes = 4},
    };
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
        float *values = NULL;
        size_t count = 0;
        struct error error = {0};
        assert_true(row_read(&outputs[i], 1, &values, &count, &error) < 0);
        assert_int_equal(error.code, ERROR_UNFIT);
        assert_null(values);
    }
}

static int check(struct tensor_shape output, int64_t batch, int softmax)
{
    struct model_spec spec = {.task = MODEL_IMAGE_CLASSIFICATION, .apply_softmax = softmax};
    struct tensor_info input = {"x", DATATYPE_FP32, {4, {batch, 3, 8, 8}}};
    struct tensor_info told = {"y", DATATYPE_FP32, output};
    struct worker_facts facts = {
        .input_count = 1, .output_count = 1, .inputs = &input, .outputs = &told};
    struct error error = {0};
    int r = answer_check(&spec, &facts, &error);
    assert_true(r == 0 ? error.code == ERROR_NONE : error.code == ERROR_UNFIT);
    spec.task = MODEL_FEATURE_EXTRACTION;
    assert_int_equal(answer_check(&spec, &facts, NULL), 0);
    return r;
}

static void outputs_that_cannot_be_rows_of_classes_are_refused(void **state)
{
    (void)state;
    assert_int_equal(check((struct tensor_shape){2, {-1, 10}}, -1, -1), 0);
    assert_int_equal(check((struct tensor_shape){2, {1, 10}}, 1, -1), 0);
    assert_int_equal(check((struct tensor_shape){2, {4, 10}}, 4, -1), 0);
    assert_int_equal(check((struct tensor_shape){4, {-1, 10, 1, 1}}, -1, -1), 0);
    assert_int_equal(check((struct tensor_shape){1, {10}}, 1, -1), 0);
    assert_int_equal(check((struct tensor_shape){1, {-1}}, -1, -1), 0);
    assert_int_equal(check((struct tensor_shape){0}, 4, -1), 0); /* not stated */
    assert_true(check((struct tensor_shape){1, {3}}, 4, -1) < 0);
    assert_true(check((struct tensor_shape){2, {5, 10}}, 1, -1) < 0);
    assert_true(check((struct tensor_shape){4, {-1, 1, 224, 224}}, -1, -1) < 0);
    assert_true(check((struct tensor_shape){3, {1, 197, 768}}, 1, -1) < 0);
    assert_true(check((struct tensor_shape){2, {-1, 1}}, -1, -1) < 0);
    assert_true(check((struct tensor_shape){1, {4}}, 4, 1) < 0);
    assert_int_equal(check((struct tensor_shape){2, {-1, 1}}, -1, 0), 0);
}

static void the_shape_of_the_trial_run_counts_where_there_was_one(void **state)
{
    (void)state;
    struct model_spec spec = {.task = MODEL_IMAGE_CLASSIFICATION, .apply_softmax = -1};
    struct tensor_info input = {"x", DATATYPE_FP32, {4, {-1, 3, -1, -1}}};
    struct tensor_info output = {"y", DATATYPE_FP32, {4, {-1, 1, -1, -1}}};
    struct tensor_shape seen = {4, {1, 1, 56, 56}};
    struct worker_facts facts = {
        .input_count = 1, .output_count = 1, .inputs = &input, .outputs = &output, .seen = &seen};
    assert_true(answer_check(&spec, &facts, NULL) < 0);
    facts.untried = true;
    assert_int_equal(answer_check(&spec, &facts, NULL), 0);
    facts.untried = false;
    seen = (struct tensor_shape){4, {1, 56, 1, 1}};
    assert_int_equal(answer_check(&spec, &facts, NULL), 0);
    seen = (struct tensor_shape){4, {0, 1, 56, 56}}; /* no values: nothing is known */
    assert_int_equal(answer_check(&spec, &facts, NULL), 0);
}

static void one_value_without_dimensions_is_no_row_of_classes(void **state)
{
    (void)state;
    struct model_spec spec = {.task = MODEL_IMAGE_CLASSIFICATION, .apply_softmax = -1};
    struct tensor_info input = {"x", DATATYPE_FP32, {4, {-1, 3, 8, 8}}};
    struct tensor_info output = {"y", DATATYPE_FP32, {0}};
    struct tensor_shape seen = {0};
    struct worker_facts facts = {
        .input_count = 1, .output_count = 1, .inputs = &input, .outputs = &output, .seen = &seen};
    struct error error = {0};
    assert_true(answer_check(&spec, &facts, &error) < 0);
    assert_int_equal(error.code, ERROR_UNFIT);
    assert_non_null(strstr(error.message, "is one value for each image"));
    facts.untried = true; /* nothing was seen, and the shape may only be unknown */
    assert_int_equal(answer_check(&spec, &facts, NULL), 0);
    facts.untried = false;
    spec.apply_softmax = 0; /* a score */
    assert_int_equal(answer_check(&spec, &facts, NULL), 0);
    input.shape.dims[0] = 4;
    assert_true(answer_check(&spec, &facts, &error) < 0);
    assert_non_null(strstr(error.message, "must be the batch"));
}

static void strings_are_no_classes(void **state)
{
    (void)state;
    struct model_spec spec = {.task = MODEL_IMAGE_CLASSIFICATION, .apply_softmax = -1};
    struct tensor_info input = {"x", DATATYPE_FP32, {4, {-1, 3, 8, 8}}};
    struct tensor_info outputs[] = {{"label", DATATYPE_BYTES, {2, {-1, 3}}},
                                    {"logits", DATATYPE_FP32, {2, {-1, 3}}}};
    struct worker_facts facts = {
        .input_count = 1, .output_count = 1, .inputs = &input, .outputs = outputs};
    struct error error = {0};
    assert_true(answer_check(&spec, &facts, &error) < 0);
    assert_non_null(strstr(error.message, "'label' is of strings"));
    facts.output_count = 2;
    assert_int_equal(answer_check(&spec, &facts, NULL), 0);
}

static void a_vector_is_one_row(void **state)
{
    (void)state;
    float logits[] = {1, 2, 3};
    struct tensor output = {
        .datatype = DATATYPE_FP32, .shape = {1, {3}}, .data = logits, .size_bytes = sizeof logits};
    float *values = NULL;
    size_t count = 0;
    struct error error = {0};
    assert_int_equal(row_read(&output, 0, &values, &count, &error), 0);
    assert_int_equal(count, 3);
    free(values);
    assert_true(row_read(&output, 1, &values, &count, &error) < 0);
}

static void the_primary_output_goes_by_name_then_rank(void **state)
{
    (void)state;
    struct model_spec classes = {.task = MODEL_IMAGE_CLASSIFICATION};
    struct model_spec features = {.task = MODEL_FEATURE_EXTRACTION};
    struct tensor_info outputs[] = {{"hidden", DATATYPE_FP32, {3, {1, 2, 3}}},
                                    {"logits", DATATYPE_FP32, {2, {1, 2}}},
                                    {"pooler_output", DATATYPE_FP32, {2, {1, 2}}}};
    struct worker_facts facts = {.output_count = 3, .outputs = outputs};
    assert_int_equal(answer_primary_output(&classes, &facts), 1);
    assert_int_equal(answer_primary_output(&features, &facts), 2);
    facts.output_count = 2;
    assert_int_equal(answer_primary_output(&features, &facts), 1);
    facts.output_count = 1;
    assert_int_equal(answer_primary_output(&features, &facts), 0);
    facts.output_count = 0;
    assert_int_equal(answer_primary_output(&classes, &facts), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_come_in_falling_order),
        cmocka_unit_test(ties_go_by_index),
        cmocka_unit_test(fewer_values_than_asked_give_all),
        cmocka_unit_test(what_is_no_number_comes_last),
        cmocka_unit_test(softmax_sums_to_one),
        cmocka_unit_test(softmax_leaves_out_what_is_no_number),
        cmocka_unit_test(softmax_gives_all_to_infinity),
        cmocka_unit_test(many_values_in_any_order),
        cmocka_unit_test(normalising_makes_length_one),
        cmocka_unit_test(makers_have_the_rows_of_the_kinds),
        cmocka_unit_test(rows_of_every_type),
        cmocka_unit_test(rows_that_are_not_there_are_refused),
        cmocka_unit_test(outputs_that_cannot_be_rows_of_classes_are_refused),
        cmocka_unit_test(the_shape_of_the_trial_run_counts_where_there_was_one),
        cmocka_unit_test(strings_are_no_classes),
        cmocka_unit_test(a_vector_is_one_row),
        cmocka_unit_test(one_value_without_dimensions_is_no_row_of_classes),
        cmocka_unit_test(the_primary_output_goes_by_name_then_rank),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
