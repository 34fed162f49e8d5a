/* SPDX-License-Identifier: Apache-2.0
 *
 * Damage on disk: bits that flip in the rows, the int8 copy or the keys, files that are cut off or
 * gone. It is detected, reported and, in the copy, repaired; no answer is wrong.
 */
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
#include "index/index_state.h"

enum { ROWS = 300, DIMENSION = 20, ROW_BYTES = 16 + DIMENSION * 4 };

static void make_vector(unsigned key, float *vector)
{
    uint64_t seed = key * 77 + 1;
    for (int i = 0; i < 8; i++) {
        (void)fixture_random(&seed);
    }
    for (int i = 0; i < DIMENSION; i++) {
        vector[i] = fixture_uniform(&seed);
    }
}

/* Rows 0 to ROWS - 1 in slots of the same numbers. */
static struct index *fill(struct fixture *fixture)
{
    struct index *index = fixture_create(fixture, DIMENSION, INDEX_DOT);
    struct index_batch *batch = NULL;
    struct error error = {.code = ERROR_NONE};
    float vector[DIMENSION];
    char name[16];
    assert_int_equal(index_batch_new(index, &batch), 0);
    for (unsigned i = 0; i < ROWS; i++) {
        (void)snprintf(name, sizeof name, "%05u", i);
        make_vector(i, vector);
        assert_int_equal(index_batch_put(batch, name, vector, &error), 0);
    }
    assert_int_equal(index_batch_commit(batch, NULL, 0, &error), 0);
    index_batch_free(batch);
    return index;
}

static void flip(const char *path, off_t offset, unsigned bit)
{
    uint8_t byte;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, offset), 1);
    byte ^= (uint8_t)(1u << bit);
    assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
    (void)close(fd);
}

/* The key of the nearest row, or "" if there is none; rows left out. */
static uint64_t nearest(struct index *index, const float *query, size_t k, char keys[][16])
{
    struct index_query ask = {.vectors = query, .query_count = 1, .k = k};
    struct index_answer answer;
    struct error error = {.code = ERROR_NONE};
    assert_int_equal(index_search(index, &ask, &answer, &error), 0);
    for (size_t i = 0; i < k; i++) {
        (void)snprintf(keys[i], 16, "%s",
                       i < answer.queries[0].count ? answer.queries[0].hits[i].key : "");
    }
    uint64_t damaged = answer.damaged;
    index_answer_done(&answer);
    return damaged;
}

static void a_flipped_bit_in_a_row_is_left_out_told_and_mended(void **state)
{
    struct fixture *fixture = *state;
    struct index *index = fill(fixture);
    struct index_status status;
    struct error error = {.code = ERROR_NONE};
    float query[DIMENSION];
    char good[3][16], keys[3][16];
    bool there;
    make_vector(123, query);
    for (int i = 0; i < DIMENSION; i++) {
        query[i] *= 3.0f;
    }
    assert_int_equal(nearest(index, query, 3, good), 0);
    unsigned best = (unsigned)atoi(good[0]);
    static const off_t places[] = {0, 3, 4, 8, 15, 16, 40, ROW_BYTES - 1};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        fixture->told = 0;
        flip(fixture->rows, (off_t)best * ROW_BYTES + places[i], (unsigned)i);
        /* It is far ahead of the others and does not hide them. */
        assert_int_equal(nearest(index, query, 1, keys), 1);
        assert_string_equal(keys[0], good[1]);
        assert_int_equal(nearest(index, query, 3, keys), 1);
        assert_string_equal(keys[0], good[1]);
        assert_string_equal(keys[1], good[2]);
        assert_int_equal(fixture->told, 1);
        assert_string_equal(fixture->keys[0], good[0]);
        assert_int_equal(nearest(index, query, 3, keys), 1);
        assert_int_equal(fixture->told, 1); /* once */
        assert_true(index_get(index, good[0], query, &there, &error) < 0);
        assert_int_equal(error.code, ERROR_IO);
        index_status(index, &status);
        assert_int_equal(status.damaged, 1);

        /* The owner writes it again. */
        float vector[DIMENSION];
        make_vector(best, vector);
        fixture_put(index, good[0], vector);
        make_vector(123, query);
        for (int j = 0; j < DIMENSION; j++) {
            query[j] *= 3.0f;
        }
        assert_int_equal(nearest(index, query, 3, keys), 0);
        assert_string_equal(keys[0], good[0]);
        index_status(index, &status);
        assert_int_equal(status.damaged, 0);
        index_close(index);
        index = fill(fixture);
    }
    index_close(index);
}

static void the_scrub_finds_what_no_search_has_met(void **state)
{
    struct fixture *fixture = *state;
    struct index *index = fill(fixture);
    struct index_findings findings;
    struct error error = {.code = ERROR_NONE};
    uint64_t position = 0;
    uint64_t damaged = 0;
    int calls = 0;
    flip(fixture->rows, (off_t)7 * ROW_BYTES + 33, 2);
    flip(fixture->rows, (off_t)299 * ROW_BYTES + 16, 7);
    do {
        assert_int_equal(index_verify(index, &position, 100, &findings, &error), 0);
        assert_int_equal(findings.rows, 100);
        damaged += findings.rows_damaged;
        calls++;
    } while (position != 0);
    assert_int_equal(calls, 3);
    assert_int_equal(damaged, 2);
    assert_int_equal(fixture->told, 2);
    assert_string_equal(fixture->keys[0], "00007");
    assert_string_equal(fixture->keys[1], "00299");
    index_close(index);
}

static void a_row_of_another_slot_is_not_taken_for_it(void **state)
{
    struct fixture *fixture = *state;
    struct index *index = fill(fixture);
    uint8_t row[ROW_BYTES];
    float vector[DIMENSION];
    bool there;
    struct error error = {.code = ERROR_NONE};
    int fd = open(fixture->rows, O_RDWR | O_CLOEXEC);
    assert_int_equal(pread(fd, row, sizeof row, (off_t)5 * ROW_BYTES), sizeof row);
    assert_int_equal(pwrite(fd, row, sizeof row, (off_t)6 * ROW_BYTES), sizeof row);
    assert_true(index_get(index, "00006", vector, &there, &error) < 0);
    assert_int_equal(index_get(index, "00005", vector, &there, &error), 0);

    /* Nor an older one of the same slot. */
    make_vector(1000, vector);
    assert_int_equal(pread(fd, row, sizeof row, (off_t)9 * ROW_BYTES), sizeof row);
    fixture_put(index, "00009", vector); /* to slot 300 */
    fixture_put(index, "new", vector);   /* to slot 9 */
    assert_int_equal(index_get(index, "new", vector, &there, &error), 0);
    assert_int_equal(pwrite(fd, row, sizeof row, (off_t)9 * ROW_BYTES), sizeof row);
    assert_true(index_get(index, "new", vector, &there, &error) < 0);
    (void)close(fd);
    index_close(index);
}

static void rows_cut_off_are_damaged_rows(void **state)
{
    struct fixture *fixture = *state;
    struct index *index = fill(fixture);
    float query[DIMENSION];
    char keys[ROWS][16];
    uint64_t position = 0;
    struct index_findings findings;
    struct error error = {.code = ERROR_NONE};
    assert_int_equal(truncate(fixture->rows, (off_t)250 * ROW_BYTES + 5), 0);
    make_vector(3, query);
    uint64_t damaged = nearest(index, query, ROWS, keys);
    assert_int_equal(damaged, 50);
    assert_int_equal(fixture->told, 50);
    assert_string_equal(keys[250], "");
    assert_int_not_equal(keys[249][0], 0);

    /* Without the int8 copy they are not known at all, but they are not forgotten. */
    index_close(index);
    assert_int_equal(unlink(fixture->codes), 0);
    fixture->told = 0;
    index = fixture_open(fixture);
    assert_int_equal(fixture->told, 50);
    assert_int_equal(fixture->rebuilt, 1);
    assert_int_equal(nearest(index, query, 1, keys), 50);
    assert_int_equal(index_verify(index, &position, UINT64_MAX, &findings, &error), 0);
    assert_int_equal(findings.rows_damaged, 50);
    index_close(index);
}

/* Searches, and finds nothing wrong. */
static void check_answers(struct index *index)
{
    struct truth truth;
    float query[DIMENSION];
    truth_read(index, &truth);
    make_vector(999, query);
    struct expectation expected = {.queries = query, .query_count = 1, .k = 40, .exact = true};
    truth_check(&truth, index, &expected);
    truth_done(&truth);
}

static void a_flipped_bit_in_the_copy_is_mended_at_opening(void **state)
{
    struct fixture *fixture = *state;
    struct index *index = fill(fixture);
    struct index_status status;
    struct stat file;
    index_close(index);
    assert_int_equal(stat(fixture->codes, &file), 0);
    assert_true(file.st_size > 0);
    for (unsigned i = 0; i < 40; i++) {
        fixture->rebuilt = 0;
        flip(fixture->codes, (off_t)(i * 7919 % (unsigned)file.st_size), i % 8);
        index = fixture_open(fixture);
        index_status(index, &status);
        assert_int_equal(status.blocks_rebuilt, 1);
        assert_int_equal(fixture->rebuilt, 1);
        check_answers(index);
        index_close(index);
    }
    index = fixture_open(fixture);
    index_status(index, &status);
    assert_int_equal(status.blocks_rebuilt, 0);
    index_close(index);
    assert_int_equal(fixture->told, 0);
}

static void a_copy_of_another_time_is_not_believed(void **state)
{
    struct fixture *fixture = *state;
    struct index *index = fill(fixture);
    char command[300];
    float vector[DIMENSION];
    char name[16];
    index_close(index);
    (void)snprintf(command, sizeof command, "cp '%s' '%s.old'", fixture->codes, fixture->codes);
    assert_int_equal(system(command), 0);
    index = fixture_open(fixture);
    for (unsigned i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof name, "%05u", i * 3);
        make_vector(i + 5000, vector);
        fixture_put(index, name, vector);
    }
    index_close(index);
    (void)snprintf(command, sizeof command, "mv '%s.old' '%s'", fixture->codes, fixture->codes);
    assert_int_equal(system(command), 0);
    index = fixture_open(fixture);
    check_answers(index);
    index_close(index);
    assert_int_equal(fixture->told, 0);
}

static void the_scrub_mends_the_copy_in_memory_and_on_disk(void **state)
{
    struct fixture *fixture = *state;
    struct index *index = fill(fixture);
    struct index_findings findings;
    struct error error = {.code = ERROR_NONE};
    uint64_t position = 0;
    assert_int_equal(index_save(index, &error), 0);
    codes_block(&index->codes, 2)[100] ^= 0x40;
    assert_int_equal(index_verify(index, &position, UINT64_MAX, &findings, &error), 0);
    assert_int_equal(findings.blocks_rebuilt, 1);
    assert_int_equal(findings.rows_damaged, 0);
    check_answers(index);
    flip(fixture->codes, 200, 3);
    assert_int_equal(index_verify(index, &position, UINT64_MAX, &findings, &error), 0);
    assert_int_equal(findings.blocks_rebuilt, 1);
    assert_int_equal(index_verify(index, &position, UINT64_MAX, &findings, &error), 0);
    assert_int_equal(findings.blocks_rebuilt, 0);
    index_close(index);
    fixture->rebuilt = 0;
    index_close(fixture_open(fixture));
    assert_int_equal(fixture->rebuilt, 0);
}

static void damaged_keys_are_refused(void **state)
{
    struct fixture *fixture = *state;
    char path[200];
    struct stat file;
    unsigned refused = 0;
    (void)snprintf(path, sizeof path, "%s/meta/data.mdb", fixture->directory);
    index_close(fill(fixture));
    assert_int_equal(stat(path, &file), 0);
    for (unsigned i = 0; i < 200; i++) {
        struct index *index = NULL;
        struct error error = {.code = ERROR_NONE};
        off_t at = (off_t)(i * 104729ul % (unsigned long)file.st_size);
        flip(path, at, i % 8);
        int r = index_open(fixture->directory, NULL, &index, &error);
        if (r == 0) { /* a page that is in no tree */
            check_answers(index);
            index_close(index);
        } else {
            assert_int_equal(error.code, ERROR_MALFORMED);
            refused++;
        }
        flip(path, at, i % 8);
    }
    assert_true(refused > 50);
    struct index *index = fixture_open(fixture);
    check_answers(index);
    index_close(index);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_flipped_bit_in_a_row_is_left_out_told_and_mended),
        TEST(the_scrub_finds_what_no_search_has_met),
        TEST(a_row_of_another_slot_is_not_taken_for_it),
        TEST(rows_cut_off_are_damaged_rows),
        TEST(a_flipped_bit_in_the_copy_is_mended_at_opening),
        TEST(a_copy_of_another_time_is_not_believed),
        TEST(the_scrub_mends_the_copy_in_memory_and_on_disk),
        TEST(damaged_keys_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
