/* SPDX-License-Identifier: Apache-2.0
 *
 * Every change of a stored byte is detected; digests of tasks; the clock of uses.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cache/cache.h"
#include "cache/checksum.h"
#include "cache/record.h"
#include "cache/uses.h"

static void every_flipped_bit_of_a_record_or_its_key_is_seen(void **state)
{
    (void)state;
    uint8_t key[65];
    uint8_t bytes[RECORD_HEAD + 133];
    struct record record;
    memset(key, 'k', sizeof key);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * i);
    }
    record_seal(key, sizeof key, 42, bytes, sizeof bytes - RECORD_HEAD);
    assert_int_equal(record_open(key, sizeof key, bytes, sizeof bytes, &record), 0);
    assert_int_equal(record.generation, 42);
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_equal(record_open(key, sizeof key, bytes, sizeof bytes, &record), -EBADMSG);
        bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    for (size_t bit = 0; bit < 8 * sizeof key; bit++) {
        key[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_equal(record_open(key, sizeof key, bytes, sizeof bytes, &record), -EBADMSG);
        key[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    for (size_t size = 0; size < sizeof bytes; size++) {
        assert_int_equal(record_open(key, sizeof key, bytes, size, &record), -EBADMSG);
    }
}

static void zeros_of_different_length_have_different_sums(void **state)
{
    (void)state;
    static const uint8_t zeros[64];
    for (size_t a = 0; a <= sizeof zeros; a++) {
        for (size_t b = 0; b < a; b++) {
            assert_true(checksum_add(0, zeros, a) != checksum_add(0, zeros, b));
        }
    }
}

static void tasks_differ_by_model_and_parameters(void **state)
{
    (void)state;
    uint8_t model[32] = {0};
    struct cache_digest a;
    struct cache_digest b;
    assert_int_equal(cache_task_digest(model, "p", 1, &a), 0);
    assert_int_equal(cache_task_digest(model, "q", 1, &b), 0);
    assert_memory_not_equal(&a, &b, sizeof a);
    model[31] = 1;
    assert_int_equal(cache_task_digest(model, "p", 1, &b), 0);
    assert_memory_not_equal(&a, &b, sizeof a);
}

static void the_use_clock_keeps_its_sums(void **state)
{
    (void)state;
    struct uses uses;
    uses_init(&uses, 6400, 1);
    for (uint32_t i = 0; i < 400; i++) {
        uses_add(&uses, uses.current, 100);
        uses_spend(&uses, 100);
    }
    assert_int_equal(uses.total, 40000);
    assert_int_equal(uses.current, 401);
    assert_int_equal(uses_age_to_free(&uses, 1), USES_GENERATIONS - 1);
    uses_advance(&uses, 5000);
    assert_int_equal(uses.total, 40000);
    assert_int_equal(uses_age_to_free(&uses, 40000), USES_GENERATIONS - 1);
    uses_add(&uses, 5000, 50);
    assert_int_equal(uses_age_to_free(&uses, 40001), 0);
    uses_forget(&uses, 1);
    assert_int_equal(uses.total, 50);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_flipped_bit_of_a_record_or_its_key_is_seen),
        cmocka_unit_test(zeros_of_different_length_have_different_sums),
        cmocka_unit_test(tasks_differ_by_model_and_parameters),
        cmocka_unit_test(the_use_clock_keeps_its_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
