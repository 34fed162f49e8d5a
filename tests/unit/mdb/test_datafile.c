/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of an LMDB file: how a new one begins, who may open it, what happens to a damaged one;
 * and its pool of readers.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mdb/datafile.h"

enum { READERS = 3, LIMIT = 1 << 20 };

struct fixture {
    char root[64];
    char directory[96];
    struct datafile file;
    bool wait;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    (void)snprintf(fixture->root, sizeof fixture->root, "/tmp/situ-mdb-XXXXXX");
    assert_non_null(mkdtemp(fixture->root));
    (void)snprintf(fixture->directory, sizeof fixture->directory, "%s/file", fixture->root);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[128];
    datafile_done(&fixture->file);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", fixture->root);
    assert_int_equal(system(command), 0);
    free(fixture);
    return 0;
}

static void init(struct fixture *fixture, struct datafile *file, const char *directory)
{
    struct error error;
    const struct datafile_options options = {.directory = directory,
                                             .what = "the file",
                                             .readers = READERS,
                                             .readers_wait = fixture->wait};
    assert_int_equal(datafile_init(file, &options, &error), 0);
}

static int count(void *context, const void *key, size_t key_size, const uint8_t *value, size_t size)
{
    unsigned *entries = context;
    assert_int_equal(key_size, 5);
    assert_memory_equal(key, "first", 5);
    assert_int_equal(size, 3);
    assert_memory_equal(value, "one", 3);
    ++*entries;
    return 0;
}

/* Opens the file, a new one with one entry; returns the survey's result. */
static int open_file(struct fixture *fixture, unsigned *ret_entries)
{
    struct error error;
    char name[] = "first";
    char value[] = "one";
    const struct datafile_entry first = {{5, name}, {3, value}};
    *ret_entries = 0;
    init(fixture, &fixture->file, fixture->directory);
    assert_int_equal(datafile_lock(&fixture->file, &error), 0);
    int r = datafile_survey(&fixture->file, count, ret_entries, &error);
    if (r != -EBADMSG) {
        assert_int_equal(datafile_map(&fixture->file, LIMIT, &first, &error), 0);
    }
    return r;
}

static void a_new_file_begins_with_its_first_entry(void **state)
{
    struct fixture *fixture = *state;
    unsigned entries = 0;
    assert_int_equal(open_file(fixture, &entries), -ENOENT);
    assert_true(datafile_size(&fixture->file).file_bytes > 0);
    datafile_done(&fixture->file);
    assert_int_equal(open_file(fixture, &entries), 0);
    assert_int_equal(entries, 1);
}

static void a_file_that_is_open_is_nobody_elses(void **state)
{
    struct fixture *fixture = *state;
    struct datafile *other = calloc(1, sizeof *other);
    struct error error;
    unsigned entries = 0;
    assert_non_null(other);
    (void)open_file(fixture, &entries);
    init(fixture, other, fixture->directory);
    assert_int_equal(datafile_lock(other, &error), error_code_errno(ERROR_CONFLICT));
    assert_int_equal(datafile_destroy(fixture->directory, "the file", &error),
                     error_code_errno(ERROR_CONFLICT));
    datafile_close(&fixture->file);
    assert_int_equal(datafile_lock(other, &error), 0);
    datafile_done(other);
    free(other);
    assert_int_equal(datafile_destroy(fixture->directory, "the file", &error), 0);
    assert_int_equal(access(fixture->directory, F_OK), -1);
    assert_int_equal(datafile_destroy(fixture->directory, "the file", &error), 0);
}

static void a_damaged_file_can_be_set_aside(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    char path[128];
    unsigned entries = 0;
    (void)open_file(fixture, &entries);
    datafile_done(&fixture->file);
    (void)snprintf(path, sizeof path, "%s/data.mdb", fixture->directory);
    cleanup_fd int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "damage", 6, 16), 6);
    assert_int_equal(open_file(fixture, &entries), -EBADMSG);
    assert_int_equal(datafile_set_aside(&fixture->file, &error), 0);
    (void)snprintf(path, sizeof path, "%s.damaged-1/data.mdb", fixture->directory);
    assert_int_equal(access(path, F_OK), 0);
    datafile_done(&fixture->file);
    assert_int_equal(open_file(fixture, &entries), -ENOENT);
}

static void a_path_that_is_empty_or_too_long_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char path[DATAFILE_PATH_SIZE + 1];
    struct error error;
    struct datafile_options options = {.directory = path, .what = "the file", .readers = READERS};
    memset(path, 'a', sizeof path);
    path[sizeof path - 1] = '\0';
    assert_int_equal(datafile_init(&fixture->file, &options, &error),
                     error_code_errno(ERROR_MALFORMED));
    assert_int_equal(datafile_destroy(path, "the file", &error), error_code_errno(ERROR_MALFORMED));
    path[0] = '\0';
    assert_int_equal(datafile_init(&fixture->file, &options, &error),
                     error_code_errno(ERROR_MALFORMED));
}

static void readers_above_the_limit_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct readers *readers = &fixture->file.readers;
    MDB_txn *txns[READERS];
    MDB_txn *more = NULL;
    unsigned entries = 0;
    (void)open_file(fixture, &entries);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(readers_take(readers, &txns[i]), 0);
    }
    assert_int_equal(readers_take(readers, &more), MDB_READERS_FULL);
    readers_give(readers, txns[0]);
    assert_int_equal(readers_take(readers, &txns[0]), 0);
    for (int i = 0; i < READERS; i++) {
        readers_give(readers, txns[i]);
    }
    datafile_close(&fixture->file);
    assert_int_equal(readers_take(readers, &more), ESHUTDOWN);
}

static void *take_and_give(void *context)
{
    struct readers *readers = context;
    MDB_txn *txn = NULL;
    assert_int_equal(readers_take(readers, &txn), 0);
    readers_give(readers, txn);
    return NULL;
}

static void readers_above_the_limit_wait_where_asked_to(void **state)
{
    struct fixture *fixture = *state;
    struct readers *readers = &fixture->file.readers;
    MDB_txn *txns[READERS];
    pthread_t thread;
    unsigned entries = 0;
    fixture->wait = true;
    (void)open_file(fixture, &entries);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(readers_take(readers, &txns[i]), 0);
    }
    assert_int_equal(pthread_create(&thread, NULL, take_and_give, readers), 0);
    (void)usleep(10000);
    readers_give(readers, txns[0]);
    assert_int_equal(pthread_join(thread, NULL), 0);
    readers_give(readers, txns[1]);
    readers_give(readers, txns[2]);
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILE_TEST(a_new_file_begins_with_its_first_entry),
        FILE_TEST(a_file_that_is_open_is_nobody_elses),
        FILE_TEST(a_damaged_file_can_be_set_aside),
        FILE_TEST(a_path_that_is_empty_or_too_long_is_refused),
        FILE_TEST(readers_above_the_limit_are_refused),
        FILE_TEST(readers_above_the_limit_wait_where_asked_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
