/* SPDX-License-Identifier: Apache-2.0
 *
 * Copying of inputs into the shared buffer: rows of the table, images and tensors in the request.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "infer/input_kind.h"

static void each_kind_has_a_row_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < ITEM_KINDS; i++) {
        const struct input_kind *kind = input_kinds[i];
        assert_non_null(kind);
        assert_true(kind->name && kind->read && kind->prepare);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(kind->name, input_kinds[k]->name);
        }
    }
}

static void an_image_in_hand_is_copied(void **state)
{
    (void)state;
    static struct message_run run;
    char area[8] = "";
    struct infer_item item = {.kind = ITEM_BYTES, .bytes = "image", .size_bytes = 5};
    assert_int_equal(input_kinds[item.kind]->read(NULL, &item, area, &run), 0);
    input_kinds[item.kind]->prepare(&item, &run);
    assert_memory_equal(area, "image", 5);
    assert_int_equal(run.input_size, 5);
    assert_int_equal(run.kind, RUN_IMAGE);
    item.size_bytes = (size_t)LIMIT_LANE_INPUT_BYTES + 1;
    assert_true(input_kinds[item.kind]->read(NULL, &item, area, &run) < 0);
    assert_int_equal(item.error.code, ERROR_TOO_LARGE);
}

static void tensors_in_hand_stand_aligned_one_behind_the_other(void **state)
{
    (void)state;
    static struct message_run run;
    static _Alignas(64) char area[256];
    const struct item_input inputs[] = {
        {.tensor = {.index = 1,
                    .datatype = DATATYPE_UINT8,
                    .shape = {1, {3}},
                    .data = "abc",
                    .size_bytes = 3}},
        {.tensor = {.index = 0,
                    .datatype = DATATYPE_UINT8,
                    .shape = {1, {2}},
                    .data = "de",
                    .size_bytes = 2}},
    };
    struct infer_item item = {.kind = ITEM_TENSORS, .inputs = inputs, .input_count = 2};
    assert_int_equal(input_kinds[item.kind]->read(NULL, &item, area, &run), 0);
    input_kinds[item.kind]->prepare(&item, &run);
    assert_int_equal(run.kind, RUN_TENSORS);
    assert_int_equal(run.input_count, 2);
    assert_int_equal(run.inputs[0].index, 1);
    assert_int_equal(run.inputs[0].offset, 0);
    assert_int_equal(run.inputs[1].offset, 64);
    assert_int_equal(run.inputs[1].size_bytes, 2);
    assert_memory_equal(area + 64, "de", 2);
    assert_int_equal(run.input_size, 66);
}

static void a_thumbnail_has_its_edge(void **state)
{
    (void)state;
    static struct message_run run;
    const struct infer_item item = {.kind = ITEM_THUMBNAIL, .edge = 96};
    input_kinds[item.kind]->prepare(&item, &run);
    assert_int_equal(run.kind, RUN_THUMBNAIL);
    assert_int_equal(run.edge, 96);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_has_a_row_of_its_own),
        cmocka_unit_test(an_image_in_hand_is_copied),
        cmocka_unit_test(tensors_in_hand_stand_aligned_one_behind_the_other),
        cmocka_unit_test(a_thumbnail_has_its_edge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
