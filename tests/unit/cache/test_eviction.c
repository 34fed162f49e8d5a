/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache stays within its limit, and recently used entries stay longest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "fixture.h"

enum { LIMIT_MIB = 8 };

static void put_many(struct cache *results, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++) {
        fixture_put(results, i);
        if (i % 100 == 0) {
            cache_flush(results);
        }
    }
    cache_flush(results);
}

static double found_part(struct cache *results, uint64_t from, uint64_t to)
{
    uint64_t found = 0;
    for (uint64_t i = from; i < to; i++) {
        int look = fixture_look(results, i);
        assert_true(look >= 0);
        found += (uint64_t)look;
    }
    return (double)found / (double)(to - from);
}

static void the_file_stays_within_the_limit(void **state)
{
    struct fixture *fixture = *state;
    struct cache *results = fixture_open(fixture, LIMIT_MIB * MIB);
    struct cache_status status;
    struct stat file;
    for (uint64_t i = 0; i < 40; i++) {
        put_many(results, i * 1000, i * 1000 + 1000);
        cache_status(results, &status);
        assert_true(status.on && !status.paused);
        assert_true(status.file_bytes <= LIMIT_MIB * MIB);
        assert_int_equal(stat(fixture->data, &file), 0);
        assert_true((uint64_t)file.st_size <= LIMIT_MIB * MIB);
    }
    assert_true(status.evictions > 0);
    assert_int_equal(status.dropped, 0);
    assert_int_equal(fixture->events[CACHE_EVENT_CLEARED], 0);
    print_message("# %llu answers, %llu of %llu bytes used\n",
                  (unsigned long long)status.answer_entries, (unsigned long long)status.used_bytes,
                  (unsigned long long)status.limit_bytes);
    /* Large values need adjoining pages, so such a mix leaves many unused. */
    assert_true(status.used_bytes > LIMIT_MIB * MIB / 3);
    cache_close(results);
    results = fixture_open(fixture, LIMIT_MIB * MIB);
    struct cache_status again;
    cache_status(results, &again);
    assert_int_equal(again.set_aside, 0);
    cache_close(results);
}

static void oldest_use_leaves_first(void **state)
{
    struct fixture *fixture = *state;
    struct cache *results = fixture_open(fixture, LIMIT_MIB * MIB);
    struct cache_status status;
    /* The first 500 are used again and again while others come. */
    put_many(results, 0, 1000);
    uint64_t next = 1000;
    do {
        put_many(results, next, next + 500);
        next += 500;
        (void)found_part(results, 0, 500);
        cache_flush(results);
        cache_status(results, &status);
    } while (status.evictions < 6000);
    double used = found_part(results, 0, 500);
    double unused = found_part(results, 500, 1000);
    double newest = found_part(results, next - 500, next);
    print_message("# of the used %.2f, the unused %.2f, the newest %.2f\n", used, unused, newest);
    assert_true(used > 0.95);
    assert_true(unused < 0.05);
    assert_true(newest > 0.95);
    cache_close(results);
    /* The order of use survives a restart. */
    results = fixture_open(fixture, LIMIT_MIB * MIB);
    put_many(results, next, next + 300);
    assert_true(found_part(results, 0, 500) > 0.95);
    cache_close(results);
}

static void large_values_fit_as_well(void **state)
{
    struct cache *results = fixture_open(*state, 0);
    struct cache_status status;
    struct fixture_value made;
    struct cache_digest task = fixture_task();
    for (uint64_t i = 0; i < 600; i++) {
        struct cache_digest content = fixture_content(i * 100 + 99);
        fixture_value_make(i * 100 + 99, &made);
        assert_int_equal(cache_put_answer(results, &content, &task, &made.value), 0);
        cache_flush(results);
        for (uint64_t k = 0; k < 5; k++) {
            fixture_put(results, i * 5 + k);
        }
    }
    cache_flush(results);
    cache_status(results, &status);
    assert_true(status.evictions > 0);
    assert_true(status.answer_entries > 30);
    assert_true(status.file_bytes <= status.limit_bytes);
    print_message("# %llu answers, %llu evicted, %llu dropped\n",
                  (unsigned long long)status.answer_entries, (unsigned long long)status.evictions,
                  (unsigned long long)status.dropped);
    cache_close(results);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_file_stays_within_the_limit, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(oldest_use_leaves_first, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(large_values_fit_as_well, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
