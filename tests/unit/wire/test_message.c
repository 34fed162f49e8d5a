/* SPDX-License-Identifier: Apache-2.0
 *
 * Thumbnails in the messages between situd and its workers: what each side refuses from the other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/message.h"

enum { AREA = 4096 };

static int check_run(uint32_t kind, uint32_t edge)
{
    union message message;
    struct error error = {0};
    memset(&message, 0, sizeof message);
    message.run = (struct message_run){.header = {MESSAGE_VERSION, MESSAGE_RUN},
                                       .kind = kind,
                                       .edge = edge,
                                       .outputs = tensor_set_of(0)};
    return message_check(&message, message_size(&message), &error);
}

static void test_an_edge_belongs_to_thumbnails_and_has_bounds(void **state)
{
    (void)state;
    assert_int_equal(check_run(RUN_IMAGE, 0), 0);
    assert_true(check_run(RUN_IMAGE, 160) < 0);
    assert_true(check_run(RUN_TENSORS, 160) < 0);
    assert_true(check_run(RUN_THUMBNAIL, 0) < 0);
    assert_true(check_run(RUN_THUMBNAIL, LIMIT_THUMBNAIL_EDGE_LEAST - 1) < 0);
    assert_int_equal(check_run(RUN_THUMBNAIL, LIMIT_THUMBNAIL_EDGE_LEAST), 0);
    assert_int_equal(check_run(RUN_THUMBNAIL, LIMIT_THUMBNAIL_EDGE), 0);
    assert_true(check_run(RUN_THUMBNAIL, LIMIT_THUMBNAIL_EDGE + 1) < 0);
    assert_true(check_run(RUN_THUMBNAIL + 1, 160) < 0);
}

static struct message_done thumbnail(uint64_t size)
{
    return (struct message_done){
        .header = {MESSAGE_VERSION, MESSAGE_DONE},
        .output_count = 1,
        .outputs = {
            {.datatype = DATATYPE_UINT8, .shape = {1, {(int64_t)size}}, .size_bytes = size}}};
}

static int check(const struct message_done *done, uint64_t area_bytes)
{
    struct error error = {0};
    return message_check_thumbnail(done, area_bytes, &error);
}

static void test_a_thumbnail_is_one_row_of_bytes_inside_its_area(void **state)
{
    (void)state;
    struct message_done done = thumbnail(AREA);
    assert_int_equal(check(&done, AREA), 0);
    assert_true(check(&done, AREA - 1) < 0);
    done.outputs[0].offset = 1;
    assert_true(check(&done, AREA) < 0);
    done = thumbnail(0);
    assert_true(check(&done, AREA) < 0);
    done = thumbnail(64);
    done.output_count = 0;
    assert_true(check(&done, AREA) < 0);
    done.output_count = 2;
    assert_true(check(&done, AREA) < 0);
    done = thumbnail(64);
    done.outputs[0].index = 1;
    assert_true(check(&done, AREA) < 0);
    done = thumbnail(64);
    done.outputs[0].shape = (struct tensor_shape){2, {8, 8}};
    assert_true(check(&done, AREA) < 0);
    done = thumbnail(64);
    done.outputs[0].datatype = DATATYPE_FP32;
    done.outputs[0].shape.dims[0] = 16;
    assert_true(check(&done, AREA) < 0);
    done = thumbnail(LIMIT_THUMBNAIL_BYTES);
    assert_int_equal(check(&done, LIMIT_LANE_OUTPUT_BYTES), 0);
    done = thumbnail(LIMIT_THUMBNAIL_BYTES + 1);
    assert_true(check(&done, LIMIT_LANE_OUTPUT_BYTES) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_edge_belongs_to_thumbnails_and_has_bounds),
        cmocka_unit_test(test_a_thumbnail_is_one_row_of_bytes_inside_its_area),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
