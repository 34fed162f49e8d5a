/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that were changed outside the cache: bits flipped anywhere, pages exchanged, the end cut
 * off. Each check runs in a child process, which must end by itself: no wrong answer, no signal.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "cache/lmdb_state.h"
#include "cache/record.h"
#include "fixture.h"

enum { ENTRIES = 600, FLIPS = 400, PAGE = 4096, LEFT = 0, WRONG = 9 };

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

struct file {
    uint8_t *bytes; /* owned */
    size_t size;
};

static struct file file_read(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    struct file file = {.bytes = malloc((size_t)status.st_size), .size = (size_t)status.st_size};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && file.bytes);
    assert_int_equal(read(fd, file.bytes, file.size), file.size);
    (void)close(fd);
    return file;
}

static void file_write(const char *path, const struct file *file, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, file->bytes, size), size);
    (void)close(fd);
}

/* A cache with all kinds of entries and with free pages. */
static struct file make_cache(struct fixture *fixture)
{
    struct cache *results = fixture_open(fixture, 16 * MIB);
    for (uint64_t pass = 0; pass < 2; pass++) {
        for (uint64_t i = 0; i < ENTRIES; i++) {
            fixture_put(results, i);
            if (i % 50 == 0) {
                cache_flush(results);
            }
        }
    }
    cache_close(results);
    return file_read(fixture->data);
}

/* Reads and writes everything in a child. Returns the number of entries found. */
static void use_in_child(struct fixture *fixture, int *ret_found, int *ret_set_aside)
{
    int pipes[2];
    int told[2] = {0, 0};
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct cache *results = fixture_open(fixture, 16 * MIB);
        for (uint64_t i = 0; i < ENTRIES; i++) {
            int found = fixture_look(results, i);
            if (found < 0) {
                _exit(WRONG);
            }
            told[0] += found;
        }
        for (uint64_t i = ENTRIES / 2; i < ENTRIES + 100; i++) {
            fixture_put(results, i);
        }
        cache_flush(results);
        for (uint64_t i = 0; i < ENTRIES + 100; i++) {
            if (fixture_look(results, i) < 0) {
                _exit(WRONG);
            }
        }
        struct cache_status status;
        cache_status(results, &status);
        told[1] = (int)status.set_aside;
        cache_close(results);
        _exit(write(pipes[1], told, sizeof told) == sizeof told ? LEFT : 1);
    }
    int status = 0;
    (void)close(pipes[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), LEFT);
    assert_int_equal(read(pipes[0], told, sizeof told), sizeof told);
    (void)close(pipes[0]);
    *ret_found = told[0];
    *ret_set_aside = told[1];
}

static void flipped_bits_never_give_a_wrong_answer(void **state)
{
    struct fixture *fixture = *state;
    struct file good = make_cache(fixture);
    uint64_t random = 1;
    int kept = 0;
    for (int flip = 0; flip < FLIPS; flip++) {
        /* A third of them in the heads of meta pages and other pages, where they do most harm. */
        size_t page = (size_t)next_random(&random) % (good.size / PAGE);
        page = flip % 12 == 0 ? (size_t)next_random(&random) % 2 : page;
        size_t at = page * PAGE + (size_t)next_random(&random) % (flip % 3 == 0 ? 160 : PAGE);
        uint8_t before = good.bytes[at];
        good.bytes[at] ^= (uint8_t)(1u << (next_random(&random) % 8));
        file_write(fixture->data, &good, good.size);
        good.bytes[at] = before;
        int found = 0;
        int set_aside = 0;
        use_in_child(fixture, &found, &set_aside);
        assert_true(set_aside == 1 || found >= ENTRIES - 100);
        kept += set_aside == 0;
    }
    assert_true(kept > 0 && kept < FLIPS);
    free(good.bytes);
}

static void exchanged_and_emptied_pages_never_give_a_wrong_answer(void **state)
{
    struct fixture *fixture = *state;
    struct file good = make_cache(fixture);
    struct file bad = {.bytes = malloc(good.size), .size = good.size};
    uint64_t random = 2;
    int found = 0;
    int set_aside = 0;
    assert_non_null(bad.bytes);
    for (int i = 0; i < 60; i++) {
        size_t from = (size_t)next_random(&random) % (good.size / PAGE) * PAGE;
        size_t to = (size_t)next_random(&random) % (good.size / PAGE) * PAGE;
        memcpy(bad.bytes, good.bytes, good.size);
        if (i % 3 == 0) {
            memset(bad.bytes + to, i % 2 ? 0xff : 0, PAGE);
        } else {
            memcpy(bad.bytes + to, good.bytes + from, PAGE);
            bad.bytes[to] = good.bytes[to]; /* with the number that belongs there */
            bad.bytes[to + 1] = good.bytes[to + 1];
        }
        file_write(fixture->data, &bad, bad.size);
        use_in_child(fixture, &found, &set_aside);
    }
    free(good.bytes);
    free(bad.bytes);
}

static void a_short_file_is_seen_before_it_is_mapped(void **state)
{
    struct fixture *fixture = *state;
    struct file good = make_cache(fixture);
    int found = 0;
    int set_aside = 0;
    for (size_t part = 0; part < 40; part++) {
        file_write(fixture->data, &good, good.size / 40 * part + part % 3);
        use_in_child(fixture, &found, &set_aside);
        assert_true(found == 0);
        assert_int_equal(set_aside, part == 0 ? 0 : 1);
    }
    file_write(fixture->data, &good, good.size);
    use_in_child(fixture, &found, &set_aside);
    assert_int_equal(found, ENTRIES);
    free(good.bytes);
}

static void a_lock_file_of_garbage_does_no_harm(void **state)
{
    struct fixture *fixture = *state;
    char path[160];
    int found = 0;
    int set_aside = 0;
    struct file good = make_cache(fixture);
    (void)snprintf(path, sizeof path, "%s/lock.mdb", fixture->directory);
    memset(good.bytes, 0xa5, 8192);
    file_write(path, &good, 8192);
    use_in_child(fixture, &found, &set_aside);
    assert_int_equal(found, ENTRIES);
    free(good.bytes);
}

static void at_most_two_are_kept_aside(void **state)
{
    struct fixture *fixture = *state;
    struct file garbage = {.bytes = malloc(PAGE * 4), .size = PAGE * 4};
    char path[160];
    struct stat status;
    assert_non_null(garbage.bytes);
    memset(garbage.bytes, 0x5a, garbage.size);
    cache_close(fixture_open(fixture, 0));
    for (size_t i = 1; i <= 4; i++) {
        file_write(fixture->data, &garbage, PAGE * i);
        struct cache *results = fixture_open(fixture, 0);
        assert_int_equal(fixture->events[CACHE_EVENT_SET_ASIDE], i);
        assert_non_null(strstr(fixture->message, "damaged"));
        fixture_put(results, 1);
        cache_flush(results);
        assert_int_equal(fixture_look(results, 1), 1);
        cache_close(results);
    }
    for (int i = 1; i <= 3; i++) {
        (void)snprintf(path, sizeof path, "%s.damaged-%d/data.mdb", fixture->directory, i);
        assert_int_equal(stat(path, &status), i <= 2 ? 0 : -1);
        assert_true(i > 2 || status.st_size == PAGE * (5 - i));
    }
    free(garbage.bytes);
}

/* Stores a record under a key without the cache. */
static void put_raw(struct fixture *fixture, const char *name, const uint8_t *record, size_t size)
{
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    MDB_dbi dbi = 0;
    char key_bytes[MAP_KEY_MAX];
    (void)snprintf(key_bytes, sizeof key_bytes, "%s", name);
    MDB_val key = {.mv_size = strlen(name), .mv_data = key_bytes};
    MDB_val value = {.mv_size = size};
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_open(env, fixture->directory, 0, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
    assert_int_equal(mdb_put(txn, dbi, &key, &value, MDB_RESERVE), 0);
    memcpy(value.mv_data, record, size);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static void a_newer_format_is_set_aside(void **state)
{
    struct fixture *fixture = *state;
    uint8_t record[RECORD_HEAD + 4];
    struct cache *results = fixture_open(fixture, 0);
    fixture_put(results, 1);
    cache_close(results);
    bytes_put_u32(record + RECORD_HEAD, FORMAT + 1);
    record_seal(VERSION_KEY, sizeof VERSION_KEY - 1, 0, record, 4);
    put_raw(fixture, VERSION_KEY, record, sizeof record);
    results = fixture_open(fixture, 0);
    assert_int_equal(fixture->events[CACHE_EVENT_SET_ASIDE], 1);
    assert_non_null(strstr(fixture->message, "newer"));
    assert_int_equal(fixture_look(results, 1), 0);
    cache_close(results);
}

#define DAMAGE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        DAMAGE_TEST(flipped_bits_never_give_a_wrong_answer),
        DAMAGE_TEST(exchanged_and_emptied_pages_never_give_a_wrong_answer),
        DAMAGE_TEST(a_short_file_is_seen_before_it_is_mapped),
        DAMAGE_TEST(a_lock_file_of_garbage_does_no_harm),
        DAMAGE_TEST(at_most_two_are_kept_aside),
        DAMAGE_TEST(a_newer_format_is_set_aside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
