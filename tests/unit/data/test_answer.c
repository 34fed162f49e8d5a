/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers in the result cache's form: they read back the same, and those that must not be kept are
 * refused. Rows of the table of kinds.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/answer.h"

static void an_answer_reads_back_the_same_and_no_other_length_does(void **state)
{
    (void)state;
    static const float values[] = {0.5F, -1, 3};
    const struct tensor tensor = {.index = 255,
                                  .datatype = DATATYPE_FP32,
                                  .shape = {.rank = 2, .dims = {1, 3}},
                                  .data = values,
                                  .size_bytes = sizeof values};
    const struct answer answers[] = {
        {.kind = &answer_classes, .few = {{.index = 7, .score = 0.5F}}, .class_count = 1},
        {.kind = &answer_embedding, .embedding = values, .embedding_size = 3},
        {.kind = &answer_tensors, .tensors = &tensor, .tensor_count = 1},
        {.kind = &answer_failure, .error_code = ERROR_UNFIT, .error_message = "too wide"},
    };
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct answer read = {0};
        cleanup_buffer struct buffer out = BUFFER_INIT;
        cleanup_buffer struct buffer again = BUFFER_INIT;
        assert_int_equal(answer_encode(&out, &answers[i]), 0);
        assert_int_equal(answer_decode((uint8_t *)out.data, out.size, &read), 0);
        assert_ptr_equal(read.kind, answers[i].kind);
        assert_int_equal(answer_encode(&again, &read), 0);
        assert_int_equal(again.size, out.size);
        assert_memory_equal(again.data, out.data, out.size);
        answer_done(&read);
        assert_int_equal(answer_decode((uint8_t *)out.data, 3, &read), -EBADMSG);
        if (answers[i].kind != &answer_failure) {
            assert_int_equal(answer_decode((uint8_t *)out.data, out.size - 1, &read), -EBADMSG);
            buffer_append_char(&out, 'x');
            assert_int_equal(answer_decode((uint8_t *)out.data, out.size, &read), -EBADMSG);
        }
    }
}

static void more_classes_than_fit_are_taken_from_their_own_list(void **state)
{
    (void)state;
    const struct answer_class classes[ANSWER_CLASSES_KEPT + 1] = {{.index = 3, .score = 0.25F}};
    struct answer answer = {
        .kind = &answer_classes, .classes = classes, .class_count = ANSWER_CLASSES_KEPT + 1};
    struct answer read = {0};
    cleanup_buffer struct buffer out = BUFFER_INIT;
    assert_int_equal(answer_encode(&out, &answer), -EINVAL);
    buffer_clear(&out);
    answer.class_count = 1;
    assert_int_equal(answer_encode(&out, &answer), 0);
    assert_int_equal(answer_decode((uint8_t *)out.data, out.size, &read), 0);
    assert_int_equal(answer_class_list(&read)[0].index, 3);
    answer_done(&read);
}

static void what_must_not_be_kept_is_refused(void **state)
{
    (void)state;
    cleanup_buffer struct buffer out = BUFFER_INIT;
    static float large[ANSWER_BYTES_KEPT / sizeof(float) + 1];
    struct answer answer = {0};
    assert_int_equal(answer_encode(&out, &answer), -EINVAL);
    answer = (struct answer){.kind = &answer_failure,
                             .error_code = ERROR_WORKER_CRASHED,
                             .error_message = "the worker ended"};
    assert_int_equal(answer_encode(&out, &answer), -EINVAL);
    answer.error_code = ERROR_DEADLINE;
    assert_int_equal(answer_encode(&out, &answer), -EINVAL);
    answer.error_code = ERROR_UNFIT;
    assert_int_equal(answer_encode(&out, &answer), 0);
    answer = (struct answer){.kind = &answer_classes};
    assert_int_equal(answer_encode(&out, &answer), -EINVAL);
    answer = (struct answer){.kind = &answer_embedding,
                             .embedding = large,
                             .embedding_size = ANSWER_BYTES_KEPT / sizeof(float) + 1};
    assert_int_equal(answer_encode(&out, &answer), -E2BIG);
    answer.embedding_size--;
    assert_int_equal(answer_encode(&out, &answer), 0);

    struct tensor tensor = {.datatype = DATATYPE_FP32,
                            .shape = {.rank = 1, .dims = {ANSWER_BYTES_KEPT / sizeof(float) + 1}},
                            .data = large,
                            .size_bytes = sizeof large};
    answer = (struct answer){.kind = &answer_tensors, .tensors = &tensor, .tensor_count = 1};
    assert_int_equal(answer_encode(&out, &answer), -E2BIG);
    tensor.size_bytes = 8;
    assert_int_equal(answer_encode(&out, &answer), -EINVAL);
    tensor.shape.dims[0] = 2;
    assert_int_equal(answer_encode(&out, &answer), 0);
    tensor.datatype = DATATYPE_BYTES;
    assert_int_equal(answer_encode(&out, &answer), -EINVAL);
}

static void rows_differ_in_name_task_and_code(void **state)
{
    (void)state;
    for (const struct answer_kind *const *a = answer_kinds; *a; a++) {
        assert_true((*a)->name && (*a)->encode && (*a)->decode);
        assert_true((*a)->write_json && (*a)->parse_json);
        assert_true((*a)->code != 0 && (*a)->code != 16); /* 16: cache/content.h */
        for (const struct answer_kind *const *b = a + 1; *b; b++) {
            assert_string_not_equal((*a)->name, (*b)->name);
            assert_int_not_equal((*a)->code, (*b)->code);
            assert_true(!(*a)->task || !(*b)->task || strcmp((*a)->task, (*b)->task) != 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_reads_back_the_same_and_no_other_length_does),
        cmocka_unit_test(more_classes_than_fit_are_taken_from_their_own_list),
        cmocka_unit_test(what_must_not_be_kept_is_refused),
        cmocka_unit_test(rows_differ_in_name_task_and_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
