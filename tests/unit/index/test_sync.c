/* SPDX-License-Identifier: Apache-2.0
 *
 * Faults that a power failure would cause and a kill would not: the rows of a batch are on disk
 * before the commit that names them, and if they cannot be written, nothing is committed.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"

enum { DIMENSION = 16, ROUNDS = 20, EVENTS = 16 };

enum event { ROWS_SYNCED, KEYS_SYNCED };

/* What was synced while a batch was committed. */
static struct {
    enum event events[EVENTS];
    size_t count;
    char *rows; /* owned; of the file of rows as it was when it was synced last */
    size_t rows_size;
    bool fails; /* the rows cannot be synced */
} seen;

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

static void keep_rows(const char *path)
{
    FILE *file = fopen(path, "rbe");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    seen.rows_size = (size_t)ftell(file);
    seen.rows = realloc(seen.rows, seen.rows_size + 1);
    assert_non_null(seen.rows);
    rewind(file);
    assert_int_equal(fread(seen.rows, 1, seen.rows_size, file), seen.rows_size);
    (void)fclose(file);
}

/* Replaces the C library's, for the index and, being exported, for LMDB. */
__attribute__((visibility("default"))) int fdatasync(int fd)
{
    char link[64];
    char path[256] = "";
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    assert_true(readlink(link, path, sizeof path - 1) > 0);
    bool rows = ends_with(path, "/index/rows");
    if (rows && seen.fails) {
        errno = EIO;
        return -1;
    }
    if (rows) {
        keep_rows(path);
    }
    if (rows || ends_with(path, "/data.mdb")) {
        assert_true(seen.count < EVENTS);
        seen.events[seen.count++] = rows ? ROWS_SYNCED : KEYS_SYNCED;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

static void make_row(unsigned number, float vector[DIMENSION])
{
    uint64_t seed = number * UINT64_C(1009) + 3;
    for (int i = 0; i < DIMENSION; i++) {
        vector[i] = fixture_uniform(&seed);
    }
}

static bool was_synced(const float vector[DIMENSION])
{
    return seen.rows && memmem(seen.rows, seen.rows_size, vector, DIMENSION * sizeof *vector);
}

static void put_rows(struct index_batch *batch, unsigned first, unsigned count)
{
    float vector[DIMENSION];
    char key[16];
    for (unsigned i = first; i < first + count; i++) {
        make_row(i, vector);
        (void)snprintf(key, sizeof key, "%05u", i % 40); /* also in place of older ones */
        assert_int_equal(index_batch_put(batch, key, vector, NULL), 0);
    }
}

static void rows_are_on_disk_before_the_commit_that_names_them(void **state)
{
    struct index *index = fixture_create(*state, DIMENSION, INDEX_DOT);
    struct index_batch *batch = NULL;
    float vector[DIMENSION];
    unsigned number = 0;
    assert_int_equal(index_batch_new(index, &batch), 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned first = number;
        unsigned count = 1 + round % 5 * 7;
        put_rows(batch, first, count);
        number += count;
        seen.count = 0;
        assert_int_equal(index_batch_commit(batch, NULL, 0, NULL), 0);
        assert_int_equal(seen.count, 2);
        assert_int_equal(seen.events[0], ROWS_SYNCED);
        assert_int_equal(seen.events[1], KEYS_SYNCED);
        for (unsigned i = first; i < number; i++) {
            make_row(i, vector);
            assert_true(was_synced(vector)); /* none was written later */
        }
    }
    index_batch_free(batch);
    index_close(index);
}

static void rows_that_cannot_be_synced_are_not_committed(void **state)
{
    struct index *index = fixture_create(*state, DIMENSION, INDEX_DOT);
    struct index_batch *batch = NULL;
    struct index_status status;
    struct error error = {.code = ERROR_NONE};
    assert_int_equal(index_batch_new(index, &batch), 0);
    put_rows(batch, 0, 10);
    assert_int_equal(index_batch_commit(batch, NULL, 0, NULL), 0);
    put_rows(batch, 20, 10);
    seen.count = 0;
    seen.fails = true;
    assert_int_equal(index_batch_commit(batch, NULL, 0, &error), -EIO);
    assert_int_equal(error.code, ERROR_IO);
    assert_int_equal(seen.count, 0);
    index_status(index, &status);
    assert_int_equal(status.rows, 10);
    seen.fails = false;
    assert_int_equal(index_batch_commit(batch, NULL, 0, NULL), 0); /* the batch is still whole */
    index_batch_free(batch);
    index_close(index);
    index = fixture_open(*state);
    index_status(index, &status);
    assert_int_equal(status.rows, 20);
    index_close(index);
    free(seen.rows);
    seen.rows = NULL;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(rows_are_on_disk_before_the_commit_that_names_them),
        TEST(rows_that_cannot_be_synced_are_not_committed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
