/* SPDX-License-Identifier: Apache-2.0
 *
 * Elements of BYTES tensors in a row, and sets of a model's tensors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "data/tensor.h"
#include "data/tensor_bytes.h"
#include "data/tensor_set.h"

static const char three[] = "\x02\0\0\0ab\0\0\0\0\x01\0\0\0\0"; /* "ab", "", a NUL */

enum { THREE_SIZE = sizeof three - 1 };

static void elements_come_one_by_one(void **state)
{
    (void)state;
    struct tensor_bytes bytes = {three, THREE_SIZE};
    static const size_t sizes[] = {2, 0, 1};
    const char *data = NULL;
    size_t size = 9;
    for (size_t i = 0; i < 3; i++) {
        assert_true(tensor_bytes_next(&bytes, &data, &size));
        assert_int_equal(size, sizes[i]);
    }
    assert_int_equal(*data, 0);
    assert_false(tensor_bytes_next(&bytes, &data, &size));
}

static void only_whole_tensors_are_valid(void **state)
{
    (void)state;
    size_t used = 0;
    assert_true(tensor_bytes_valid(three, THREE_SIZE, 3));
    assert_true(tensor_bytes_valid("", 0, 0));
    assert_false(tensor_bytes_valid(three, THREE_SIZE, 2));
    assert_false(tensor_bytes_valid(three, THREE_SIZE, 4));
    for (size_t size = 0; size < THREE_SIZE; size++) {
        assert_false(tensor_bytes_valid(three, size, 3));
    }
    assert_false(tensor_bytes_valid("\xff\xff\xff\xff", 4, 1));
    assert_int_equal(tensor_bytes_measure(three, THREE_SIZE, 2, &used), 0);
    assert_int_equal(used, 10);
    assert_true(tensor_bytes_measure(three, 5, 1, &used) < 0);
}

static void a_head_is_little_endian(void **state)
{
    (void)state;
    unsigned char head[TENSOR_BYTES_HEAD];
    tensor_bytes_put(head, 0x04030201);
    assert_memory_equal(head, "\1\2\3\4", 4);
}

static void sets_hold_the_last_tensor_too(void **state)
{
    (void)state;
    struct tensor_set set = tensor_set_of(LIMIT_MODEL_TENSORS - 1);
    assert_true(tensor_set_has(&set, LIMIT_MODEL_TENSORS - 1));
    assert_false(tensor_set_has(&set, 31));
    assert_false(tensor_set_is_empty(&set));
    tensor_set_remove(&set, LIMIT_MODEL_TENSORS - 1);
    assert_true(tensor_set_is_empty(&set));
    set = tensor_set_first(65);
    assert_true(tensor_set_has(&set, 0) && tensor_set_has(&set, 64) && !tensor_set_has(&set, 65));
    set = tensor_set_first(0);
    assert_true(tensor_set_is_empty(&set));
}

static void bf16_is_rounded_to_even(void **state)
{
    (void)state;
    assert_int_equal(float_to_bf16(1.0f), 0x3f80);
    assert_int_equal(float_to_bf16(-2.0f), 0xc000);
    assert_int_equal(float_to_bf16(1.00390625f), 0x3f80); /* half a unit: to the even one */
    assert_int_equal(float_to_bf16(1.01171875f), 0x3f82);
    assert_int_equal(float_to_bf16(3.4e38f), 0x7f80); /* past the greatest */
    for (uint32_t bits = 0; bits <= 0xffff; bits++) {
        float value = bf16_to_float((uint16_t)bits);
        if (value == value) {
            assert_int_equal(float_to_bf16(value), bits);
        } else {
            assert_true(float_to_bf16(value) != float_to_bf16(bf16_to_float(0x7f80)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_come_one_by_one), cmocka_unit_test(only_whole_tensors_are_valid),
        cmocka_unit_test(a_head_is_little_endian),  cmocka_unit_test(sets_hold_the_last_tensor_too),
        cmocka_unit_test(bf16_is_rounded_to_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
