/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that were changed outside the table: bits flipped anywhere, the end cut off, a newer
 * format. Opening reports this, or the content is right; each check runs in a child, which must end
 * by itself. After known_remove the table starts empty.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <lmdb.h>

#include "base/limits.h"
#include "fixture.h"
#include "known/entry_value.h"

enum { ENTRIES = 400, FLIPS = 300, PAGE = 4096, GOOD = 0, TOLD = 3, WRONG = 9 };

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

static void key_of(uint64_t number, char key[700])
{
    (void)snprintf(key, 700, "%0*llu", number % 11 == 0 ? 650 : 6, (unsigned long long)number);
}

static struct file make_table(struct fixture *fixture)
{
    char key[700];
    struct known *known = fixture_open(fixture);
    struct known_batch *batch = fixture_batch(known);
    for (uint64_t i = 0; i < ENTRIES; i++) {
        key_of(i, key);
        fixture_put(batch, key, i);
        if (i % 50 == 0) {
            fixture_commit(batch, "noted");
        }
    }
    fixture_commit(batch, "noted");
    known_batch_free(batch);
    known_close(known);
    return file_read(fixture->data);
}

/* The exit code of a child that opens the table, reads all of it and writes to it. */
static int look(struct fixture *fixture)
{
    struct known *known = NULL;
    struct known_walk *walk = NULL;
    struct known_batch *batch = NULL;
    struct known_object object;
    struct error error = {.code = ERROR_NONE};
    const char *given = NULL;
    char key[700];
    if (known_open(fixture->directory, 0, &known, &error) < 0) {
        return error.code == ERROR_MALFORMED ? TOLD : WRONG;
    }
    if (known_walk_new(known, "", "", &walk, &error) < 0) {
        return WRONG;
    }
    uint64_t seen = 0;
    while (known_walk_next(walk, &given, &object, &error) == 1) {
        uint64_t number = strtoull(given, NULL, 10);
        struct known_object wanted = fixture_object(number);
        key_of(number, key);
        if (strcmp(key, given) != 0 || !fixture_same(&object, &wanted)) {
            return WRONG;
        }
        seen++;
    }
    known_walk_free(walk);
    if (seen > ENTRIES || seen != known_count(known) || known_batch_new(known, &batch) < 0) {
        return WRONG;
    }
    for (uint64_t i = 0; i < ENTRIES; i++) {
        key_of(i, key);
        if (known_batch_remove(batch, key) < 0) {
            return WRONG;
        }
    }
    if (known_batch_commit(batch, "x", 1, &error) < 0 || known_count(known) != 0) {
        return WRONG;
    }
    known_batch_free(batch);
    known_close(known);
    return GOOD;
}

static int look_in_child(struct fixture *fixture)
{
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(look(fixture));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void flipped_bits_are_told_or_do_no_harm(void **state)
{
    struct fixture *fixture = *state;
    struct file file = make_table(fixture);
    uint64_t random = 77;
    unsigned told = 0;
    for (unsigned i = 0; i < FLIPS; i++) {
        size_t at = fixture_random(&random) % file.size;
        /* A third of them in the heads of pages, where they do most harm. */
        at = i % 3 == 0 ? at / PAGE * PAGE + fixture_random(&random) % 160 : at;
        uint8_t kept = file.bytes[at];
        file.bytes[at] ^= (uint8_t)(1u << fixture_random(&random) % 8);
        file_write(fixture->data, &file, file.size);
        int code = look_in_child(fixture);
        if (code != GOOD && code != TOLD) {
            print_error("byte %zu: %d\n", at, code);
        }
        assert_true(code == GOOD || code == TOLD);
        told += code == TOLD;
        file.bytes[at] = kept;
    }
    assert_true(told > FLIPS / 4);
    free(file.bytes);
}

static void a_file_cut_off_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct file file = make_table(fixture);
    for (size_t size = PAGE / 2; size < file.size; size += file.size / 13) {
        file_write(fixture->data, &file, size);
        int code = look_in_child(fixture);
        assert_true(code == TOLD || (size > file.size / 2 && code == GOOD));
    }
    file_write(fixture->data, &file, 0); /* created, nothing committed: a new one */
    assert_int_equal(look_in_child(fixture), GOOD);
    free(file.bytes);
}

static void a_damaged_table_is_begun_anew_by_its_owner(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {.code = ERROR_NONE};
    struct known *known = NULL;
    struct file file = make_table(fixture);
    memset(file.bytes, 0x5a, file.size);
    file_write(fixture->data, &file, file.size);
    assert_int_equal(known_open(fixture->directory, 0, &known, &error), -EINVAL);
    assert_int_equal(error.code, ERROR_MALFORMED);
    assert_non_null(strstr(error.message, fixture->directory));
    assert_int_equal(known_remove(fixture->directory, &error), 0);
    known = fixture_open(fixture);
    assert_int_equal(known_count(known), 0);
    known_close(known);
    free(file.bytes);
}

/* Writes an entry with LMDB, without the table. */
static void put_raw(struct fixture *fixture, const struct entry_name *name,
                    const struct value *value)
{
    struct entry_name name_copy = *name;
    struct value value_copy = *value;
    MDB_val key = {.mv_size = name_copy.size, .mv_data = name_copy.bytes};
    MDB_val data = {.mv_size = value_copy.size, .mv_data = value_copy.bytes};
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    MDB_dbi dbi = 0;
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxreaders(env, 255), 0);
    assert_int_equal(mdb_env_open(env, fixture->directory, 0, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
    assert_int_equal(mdb_put(txn, dbi, &key, &data, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static void a_newer_format_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {.code = ERROR_NONE};
    struct known *known = NULL;
    struct entry_name name;
    struct value value;
    known_close(fixture_open(fixture));
    entry_name_make_own("version", &name);
    value_make_raw(&name, (const uint8_t[]){2, 0, 0, 0}, 4, &value);
    put_raw(fixture, &name, &value);
    assert_true(known_open(fixture->directory, 0, &known, &error) < 0);
    assert_int_equal(error.code, ERROR_MALFORMED);
    assert_non_null(strstr(error.message, "newer"));
}

static void links_that_lead_in_a_circle_come_to_an_end(void **state)
{
    struct fixture *fixture = *state;
    char key[LIMIT_KEY_BYTES + 1];
    const char *given = NULL;
    bool found = false;
    struct known_object object;
    struct known_walk *walk = NULL;
    struct error error = {.code = ERROR_NONE};
    struct entry_name name;
    struct value value;
    memset(key, 'm', LIMIT_KEY_BYTES);
    key[LIMIT_KEY_BYTES] = '\0';
    known_close(fixture_open(fixture));
    for (uint64_t group = 0; group < 2; group++) {
        assert_true(entry_name_make(group, key, &name));
        value_make_link(&name, 1, &value);
        put_raw(fixture, &name, &value);
    }
    struct known *known = fixture_open(fixture);
    assert_int_equal(known_get(known, key, &found, &object, &error), 0);
    assert_false(found);
    assert_int_equal(known_walk_new(known, "", "", &walk, &error), 0);
    assert_true(known_walk_next(walk, &given, &object, &error) < 0);
    assert_int_equal(error.code, ERROR_MALFORMED);
    known_walk_free(walk);
    char bound[3 * LIMIT_KEY_BYTES];
    memset(bound, 'm', sizeof bound - 1);
    bound[sizeof bound - 1] = '\0';
    walk = NULL;
    assert_true(known_walk_new(known, "", bound, &walk, &error) < 0);
    known_close(known);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(flipped_bits_are_told_or_do_no_harm),        TEST(a_file_cut_off_is_told),
        TEST(a_damaged_table_is_begun_anew_by_its_owner), TEST(a_newer_format_is_refused),
        TEST(links_that_lead_in_a_circle_come_to_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
