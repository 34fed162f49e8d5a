/* SPDX-License-Identifier: Apache-2.0
 *
 * Damage on disk: a damaged row is written again from a new inference; damaged keys are set aside
 * and the index is filled again.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"

enum { COUNT = 1200 };

static void path_of(struct fixture *fixture, const char *file, char path[160])
{
    (void)snprintf(path, 160, "%s/indexes/x/%s", fixture->root, file);
}

static size_t size_of(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return (size_t)status.st_size;
}

static void flip_bit(const char *path, size_t at)
{
    unsigned char byte;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
    byte ^= 16;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    (void)close(fd);
}

static uint64_t damaged_rows(struct fixture *fixture)
{
    struct retrieval_info info = fixture_info(fixture, "x");
    uint64_t damaged = info.index.damaged;
    retrieval_info_done(&info);
    return damaged;
}

static void await_repair(struct fixture *fixture, unsigned embedded)
{
    for (int64_t deadline_ns = fixture_deadline();
         atomic_load(&fixture->embedded) < embedded || damaged_rows(fixture) > 0;) {
        assert_false(fixture_is_late(deadline_ns));
    }
    fixture_await_exact(fixture, "x", "m");
}

static void a_flipped_bit_in_a_row_is_found_and_repaired(void **state)
{
    struct fixture *fixture = *state;
    char path[160];
    fixture_fill(fixture, "a/", COUNT);
    fixture_create(fixture, "x");
    fixture_await_ready(fixture, "x");
    path_of(fixture, "1/rows", path);
    size_t size = size_of(path);
    flip_bit(path, size / 2); /* nobody searches: the scrubber finds it */
    await_repair(fixture, 1);
    assert_int_equal(atomic_load(&fixture->embedded), 1);
    fixture_close(fixture);
    flip_bit(path, size / 3);
    fixture_open(fixture);
    await_repair(fixture, 2);
}

static void a_repair_that_fails_is_tried_again(void **state)
{
    struct fixture *fixture = *state;
    char path[160];
    fixture_fill(fixture, "a/", COUNT);
    fixture_create(fixture, "x");
    fixture_await_ready(fixture, "x");
    path_of(fixture, "1/rows", path);
    atomic_store(&fixture->embed_fail, 1);
    flip_bit(path, size_of(path) / 2);
    await_repair(fixture, 2);
}

static void await_embedding(struct fixture *fixture)
{
    for (int64_t deadline_ns = fixture_deadline(); atomic_load(&fixture->embedded) < 1;) {
        assert_false(fixture_is_late(deadline_ns));
    }
}

static void a_repair_that_waits_for_long_holds_up_neither_stop_nor_removal(void **state)
{
    struct fixture *fixture = *state;
    char path[160];
    fixture_fill(fixture, "a/", COUNT);
    fixture_create(fixture, "x");
    fixture_await_ready(fixture, "x");
    path_of(fixture, "1/rows", path);
    atomic_store(&fixture->embed_waits, true);
    flip_bit(path, size_of(path) / 2);
    await_embedding(fixture);
    fixture_restart(fixture);
    atomic_store(&fixture->embedded, 0);
    await_embedding(fixture);
    assert_int_equal(retrieval_remove(fixture->retrieval, &ACCESS_ALL, "x", NULL), 0);
    atomic_store(&fixture->embed_waits, false);
    fixture_create(fixture, "x");
    fixture_await_ready(fixture, "x");
}

static void a_row_that_is_gone_meanwhile_is_not_put_again(void **state)
{
    struct fixture *fixture = *state;
    char path[160];
    fixture_fill(fixture, "a/", 10);
    fixture_create(fixture, "x");
    fixture_await_ready(fixture, "x");
    path_of(fixture, "1/rows", path);
    for (unsigned i = 0; i < 10; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "a/%05u%s.jpg", i, i == 5 ? "bad" : "");
        fixture_hide(fixture, key);
    }
    for (size_t at = 0; at < size_of(path); at += 64) {
        flip_bit(path, at);
    }
    fixture_put(fixture, "a/other.jpg", 5);
    fixture_await_exact(fixture, "x", "m");
    fixture_sleep_ms(200);
    assert_true(fixture_is_exact(fixture, "x", "m"));
}

static void damaged_keys_are_set_aside_and_the_index_is_filled_anew(void **state)
{
    struct fixture *fixture = *state;
    char path[160];
    fixture_fill(fixture, "a/", COUNT);
    fixture_create(fixture, "x");
    for (unsigned round = 1; round <= 2; round++) {
        char name[32];
        fixture_await_ready(fixture, "x");
        struct retrieval_info before = fixture_info(fixture, "x");
        fixture_close(fixture);
        (void)snprintf(name, sizeof name, "%u/meta/data.mdb", round);
        path_of(fixture, name, path);
        for (size_t at = 0; at < size_of(path); at += 512) {
            flip_bit(path, at);
        }
        fixture_hide(fixture, round == 1 ? "a/00001.jpg" : "a/00002.jpg");
        fixture_open(fixture);
        fixture_await_ready(fixture, "x");
        struct retrieval_info after = fixture_info(fixture, "x");
        assert_string_not_equal(before.job, after.job);
        retrieval_info_done(&before);
        retrieval_info_done(&after);
        (void)snprintf(name, sizeof name, "%u.damaged", round);
        path_of(fixture, name, path);
        assert_int_equal(access(path, F_OK), 0);
    }
    path_of(fixture, "1.damaged", path);
    assert_int_equal(access(path, F_OK), -1); /* one is kept */
    fixture_restart(fixture);
    path_of(fixture, "2.damaged", path);
    assert_int_equal(access(path, F_OK), 0);
}

static void an_imported_index_with_damaged_keys_is_told_of_and_kept(void **state)
{
    struct fixture *fixture = *state;
    struct retrieval_spec spec = {.name = "x", .metric = INDEX_COSINE};
    struct retrieval_import *import = NULL;
    struct retrieval_info info;
    char path[160];
    const float vector[2] = {1, 2};
    assert_int_equal(retrieval_import_new(fixture->retrieval, &spec, &import, NULL), 0);
    assert_int_equal(retrieval_import_put(import, "k", vector, 2, NULL), 0);
    assert_int_equal(retrieval_import_finish(import, &info, NULL), 0);
    retrieval_import_free(import);
    retrieval_info_done(&info);
    fixture_close(fixture);
    path_of(fixture, "1/meta/data.mdb", path);
    for (size_t at = 0; at < size_of(path); at += 512) {
        flip_bit(path, at);
    }
    fixture_open(fixture);
    info = fixture_info(fixture, "x");
    assert_int_equal(info.state, RETRIEVAL_FAILED);
    assert_int_equal(info.reason.code, ERROR_MALFORMED);
    retrieval_info_done(&info);
    assert_int_equal(access(path, F_OK), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_flipped_bit_in_a_row_is_found_and_repaired),
        TEST(a_repair_that_fails_is_tried_again),
        TEST(a_repair_that_waits_for_long_holds_up_neither_stop_nor_removal),
        TEST(a_row_that_is_gone_meanwhile_is_not_put_again),
        TEST(damaged_keys_are_set_aside_and_the_index_is_filled_anew),
        TEST(an_imported_index_with_damaged_keys_is_told_of_and_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
