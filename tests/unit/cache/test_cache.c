/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache's contract, on a disk without faults.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "cache/map.h"
#include "fixture.h"

static void entries_are_found_and_outlive_a_restart(void **state)
{
    struct cache *results = fixture_open(*state, 64 * MIB);
    for (uint64_t i = 0; i < 3000; i++) {
        assert_int_equal(fixture_look(results, i), 0);
        fixture_put(results, i);
    }
    cache_flush(results);
    for (int pass = 0; pass < 2; pass++) {
        for (uint64_t i = 0; i < 3000; i++) {
            assert_int_equal(fixture_look(results, i), 1);
        }
        struct cache_status status;
        cache_status(results, &status);
        assert_true(status.on);
        assert_int_equal(status.content_entries, 3000);
        assert_int_equal(status.answer_entries, 3000);
        assert_int_equal(status.answer_hits, 3000);
        assert_int_equal(status.content_misses, pass == 0 ? 3000 : 0);
        assert_int_equal(status.dropped + status.damaged + status.evictions, 0);
        assert_true(status.used_bytes > 0 && status.used_bytes <= status.file_bytes);
        assert_true(status.file_bytes <= status.limit_bytes);
        cache_close(results);
        results = pass == 0 ? fixture_open(*state, 64 * MIB) : NULL;
    }
}

static void what_is_in_a_cache_is_told_as_soon_as_it_is_open(void **state)
{
    struct cache *results = fixture_open(*state, 64 * MIB);
    for (uint64_t i = 0; i < 100; i++) {
        fixture_put(results, i);
    }
    cache_flush(results);
    for (int pass = 0; pass < 50; pass++) {
        struct cache_status status;
        cache_close(results);
        results = fixture_open(*state, 64 * MIB);
        cache_status(results, &status);
        assert_int_equal(status.answer_entries, 100);
        assert_true(status.file_bytes > 0);
    }
    cache_close(results);
}

static void an_identity_that_changed_is_not_known(void **state)
{
    struct cache *results = fixture_open(*state, 0);
    struct identity identity = fixture_identity(5);
    struct cache_digest content;
    fixture_put(results, 5);
    cache_flush(results);
    assert_true(cache_find_content(results, FIXTURE_STORE, &identity, &content));

    assert_false(cache_find_content(results, FIXTURE_STORE + 1, &identity, &content));
    struct identity changed[IDENTITY_WORDS];
    for (size_t i = 0; i < IDENTITY_WORDS; i++) {
        changed[i] = identity;
        changed[i].bytes[8 * i]++;
        assert_false(cache_find_content(results, FIXTURE_STORE, &changed[i], &content));
    }
    /* The object's newer state replaces the older one. */
    struct cache_digest other = fixture_content(6);
    cache_put_content(results, FIXTURE_STORE, &changed[3], &other, true);
    cache_flush(results);
    assert_true(cache_find_content(results, FIXTURE_STORE, &changed[3], &content));
    assert_memory_equal(&content, &other, sizeof other);
    assert_false(cache_find_content(results, FIXTURE_STORE, &identity, &content));
    cache_close(results);
}

static void an_identity_that_is_not_trusted_is_not_kept(void **state)
{
    struct cache *results = fixture_open(*state, 0);
    struct identity identity = fixture_identity(5);
    struct cache_digest content = fixture_content(5);
    cache_put_content(results, FIXTURE_STORE, &identity, &content, false);
    cache_flush(results);
    assert_false(cache_find_content(results, FIXTURE_STORE, &identity, &content));
    cache_close(results);
}

static void another_task_is_another_answer(void **state)
{
    struct cache *results = fixture_open(*state, 0);
    static const uint8_t model[32] = {9};
    struct cache_digest task;
    struct cache_digest content = fixture_content(1);
    struct answer answer;
    fixture_put(results, 1);
    cache_flush(results);
    assert_int_equal(cache_task_digest(model, "top", 3, &task), 0);
    assert_false(cache_find_answer(results, &content, &task, &answer));
    cache_close(results);
}

static void clearing_gives_the_disk_space_back(void **state)
{
    struct fixture *fixture = *state;
    struct cache *results = fixture_open(fixture, 64 * MIB);
    struct stat before;
    struct stat after;
    for (uint64_t i = 0; i < 2000; i++) {
        fixture_put(results, i);
    }
    cache_flush(results);
    assert_int_equal(stat(fixture->data, &before), 0);
    assert_int_equal(cache_clear(results, NULL), 0);
    assert_int_equal(stat(fixture->data, &after), 0);
    assert_true(after.st_size < before.st_size / 10);
    assert_int_equal(fixture_look(results, 3), 0);
    struct cache_status status;
    cache_status(results, &status);
    assert_int_equal(status.answer_entries, 0);
    fixture_put(results, 3);
    cache_flush(results);
    assert_int_equal(fixture_look(results, 3), 1);
    cache_close(results);
}

static void a_full_queue_drops_and_counts(void **state)
{
    struct cache_options options = fixture_options(*state, 64 * MIB);
    struct cache *results = NULL;
    struct cache_status status;
    options.queue_bytes = 4096;
    options.delay_ms = 200;
    assert_int_equal(cache_open(&options, &results, NULL), 0);
    for (uint64_t i = 0; i < 500; i++) {
        fixture_put(results, i);
    }
    cache_flush(results);
    cache_status(results, &status);
    assert_true(status.dropped > 0);
    assert_int_equal(status.dropped + status.puts, 1000);
    assert_int_equal(status.content_entries + status.answer_entries, status.puts);
    cache_close(results);
}

static void a_second_opener_is_refused(void **state)
{
    struct cache *results = fixture_open(*state, 0);
    struct cache_options options = fixture_options(*state, 0);
    struct cache *second = NULL;
    struct error error = {.code = ERROR_NONE};
    assert_true(cache_open(&options, &second, &error) < 0);
    assert_int_equal(error.code, ERROR_CONFLICT);
    fixture_put(results, 1);
    cache_flush(results);
    assert_int_equal(fixture_look(results, 1), 1);
    cache_close(results);
}

static void a_cache_that_is_off_takes_every_call(void **state)
{
    (void)state;
    struct cache_options options = {.directory = NULL};
    struct cache *results = NULL;
    struct cache_status status;
    assert_int_equal(cache_open(&options, &results, NULL), 0);
    fixture_put(results, 1);
    cache_flush(results);
    assert_int_equal(fixture_look(results, 1), 0);
    assert_int_equal(cache_clear(results, NULL), 0);
    cache_status(results, &status);
    assert_false(status.on);
    assert_int_equal(status.answer_misses, 1);
    cache_close(results);
}

static void a_directory_that_cannot_be_made_leaves_it_off(void **state)
{
    struct fixture *fixture = *state;
    struct cache *results = NULL;
    struct cache_status status;
    FILE *file = fopen(fixture->directory, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    struct cache_options options = fixture_options(fixture, 0);
    assert_int_equal(cache_open(&options, &results, NULL), 0);
    cache_status(results, &status);
    assert_false(status.on);
    assert_int_equal(fixture->events[CACHE_EVENT_OFF], 1);
    fixture_put(results, 1);
    cache_flush(results);
    assert_int_equal(fixture_look(results, 1), 0);

    /* Once the obstacle is gone, it recovers by itself. */
    assert_int_equal(remove(fixture->directory), 0);
    for (int i = 0; i < 100 && fixture_look(results, 1) == 0; i++) {
        (void)usleep(20000);
        fixture_put(results, 1);
        cache_flush(results);
    }
    assert_int_equal(fixture_look(results, 1), 1);
    assert_int_equal(fixture->events[CACHE_EVENT_RESUMED], 1);
    cache_close(results);
}

static void a_lowered_limit_begins_afresh(void **state)
{
    struct fixture *fixture = *state;
    struct cache *results = fixture_open(fixture, 64 * MIB);
    for (uint64_t i = 0; i < 10000; i++) {
        fixture_put(results, i);
        if (i % 1000 == 0) {
            cache_flush(results);
        }
    }
    cache_close(results);
    results = fixture_open(fixture, 0);
    assert_int_equal(fixture->events[CACHE_EVENT_CLEARED], 1);
    assert_int_equal(fixture_look(results, 1), 0);
    fixture_put(results, 1);
    cache_flush(results);
    assert_int_equal(fixture_look(results, 1), 1);
    struct cache_status status;
    cache_status(results, &status);
    assert_true(status.file_bytes <= CACHE_LIMIT_BYTES_MIN);
    cache_close(results);
}

#define CACHE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CACHE_TEST(entries_are_found_and_outlive_a_restart),
        CACHE_TEST(what_is_in_a_cache_is_told_as_soon_as_it_is_open),
        CACHE_TEST(an_identity_that_changed_is_not_known),
        CACHE_TEST(an_identity_that_is_not_trusted_is_not_kept),
        CACHE_TEST(another_task_is_another_answer),
        CACHE_TEST(clearing_gives_the_disk_space_back),
        CACHE_TEST(a_full_queue_drops_and_counts),
        CACHE_TEST(a_second_opener_is_refused),
        CACHE_TEST(a_cache_that_is_off_takes_every_call),
        CACHE_TEST(a_directory_that_cannot_be_made_leaves_it_off),
        CACHE_TEST(a_lowered_limit_begins_afresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
