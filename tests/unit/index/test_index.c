/* SPDX-License-Identifier: Apache-2.0
 *
 * The index as a table: batches, keys of all lengths and their order, walks, notes, refused input,
 * and what survives closing.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <math.h>

#include "fixture.h"

static void what_was_put_is_there_after_closing(void **state)
{
    const float vector[] = {0.25f, -3.0f, 1e14f};
    float found[3] = {0};
    bool there = false;
    struct error error = {.code = ERROR_NONE};
    struct index *index = fixture_create(*state, 3, INDEX_DOT);
    fixture_put(index, "a/b", vector);
    index_close(index);
    index = fixture_open(*state);
    assert_int_equal(index_shape(index).dimension, 3);
    assert_int_equal(index_shape(index).metric, INDEX_DOT);
    assert_int_equal(index_get(index, "a/b", found, &there, &error), 0);
    assert_true(there);
    assert_memory_equal(found, vector, sizeof vector);
    assert_int_equal(index_get(index, "a/", found, &there, &error), 0);
    assert_false(there);
    fixture_remove(index, "a/b");
    assert_int_equal(index_get(index, "a/b", found, &there, &error), 0);
    assert_false(there);
    index_close(index);
    assert_int_equal(((struct fixture *)*state)->told, 0);
    assert_int_equal(((struct fixture *)*state)->rebuilt, 0);
}

static void cosine_rows_are_normalised_once(void **state)
{
    const float vector[] = {3.0f, 0.0f, -4.0f}, zeros[3] = {0};
    float first[3], again[3];
    bool there = false;
    struct error error = {.code = ERROR_NONE};
    struct index *index = fixture_create(*state, 3, INDEX_COSINE);
    fixture_put(index, "x", vector);
    assert_int_equal(index_get(index, "x", first, &there, &error), 0);
    assert_true(fabsf(first[0] - 0.6f) < 1e-7f && fabsf(first[2] + 0.8f) < 1e-7f);
    fixture_put(index, "y", first);
    assert_int_equal(index_get(index, "y", again, &there, &error), 0);
    assert_memory_equal(first, again, sizeof first);
    fixture_put(index, "z", zeros);
    assert_int_equal(index_get(index, "z", again, &there, &error), 0);
    assert_memory_equal(again, zeros, sizeof zeros);
    index_close(index);
}

static void the_last_of_a_batch_counts(void **state)
{
    float vector[] = {1.0f}, found[1];
    bool there = false;
    struct index_batch *batch = NULL;
    struct index_status status;
    struct error error = {.code = ERROR_NONE};
    struct index *index = fixture_create(*state, 1, INDEX_DOT);
    assert_int_equal(index_batch_new(index, &batch), 0);
    for (int i = 0; i < 5; i++) {
        vector[0] = (float)i;
        assert_int_equal(index_batch_put(batch, "twice", vector, &error), 0);
        assert_int_equal(index_batch_put(batch, "gone", vector, &error), 0);
        assert_int_equal(index_batch_remove(batch, "gone", &error), 0);
    }
    assert_int_equal(index_batch_size(batch), 15);
    index_status(index, &status);
    assert_int_equal(status.rows, 0); /* nothing is visible before the commit */
    assert_int_equal(index_batch_commit(batch, NULL, 0, &error), 0);
    assert_int_equal(index_batch_size(batch), 0);
    index_status(index, &status);
    assert_int_equal(status.rows, 1);
    assert_int_equal(index_get(index, "twice", found, &there, &error), 0);
    assert_true(there && found[0] == 4.0f);
    assert_int_equal(index_get(index, "gone", found, &there, &error), 0);
    assert_false(there);
    index_batch_free(batch);
    index_close(index);
}

static void a_note_goes_with_its_batch(void **state)
{
    char note[INDEX_NOTE_MAX + 1] = "";
    size_t size = 77;
    struct index_batch *batch = NULL;
    struct error error = {.code = ERROR_NONE};
    struct index *index = fixture_create(*state, 1, INDEX_DOT);
    assert_int_equal(index_note(index, note, sizeof note, &size, &error), 0);
    assert_int_equal(size, 0);
    assert_int_equal(index_batch_new(index, &batch), 0);
    assert_int_equal(index_batch_commit(batch, "at b", 4, &error), 0);
    assert_true(index_batch_commit(batch, note, sizeof note, &error) < 0);
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    index_batch_free(batch);
    fixture_put(index, "c", (const float[]){1.0f}); /* leaves it */
    index_close(index);
    index = fixture_open(*state);
    assert_int_equal(index_note(index, note, sizeof note, &size, &error), 0);
    assert_int_equal(size, 4);
    assert_memory_equal(note, "at b", 4);
    assert_int_equal(index_note(index, note, 3, &size, &error), -ENOSPC);
    index_close(index);
}

static void bad_vectors_and_keys_are_refused(void **state)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY, 2e15f, -2e15f};
    char key[INDEX_KEY_MAX + 2];
    struct index_batch *batch = NULL;
    struct error error = {.code = ERROR_NONE};
    struct index *index = fixture_create(*state, 2, INDEX_COSINE);
    assert_int_equal(index_batch_new(index, &batch), 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const float vector[] = {1.0f, bad[i]};
        assert_true(index_batch_put(batch, "key", vector, &error) < 0);
        assert_int_equal(error.code, ERROR_UNFIT);
    }
    const float vector[] = {1.0f, 2.0f};
    memset(key, 'k', sizeof key);
    key[INDEX_KEY_MAX + 1] = '\0';
    assert_true(index_batch_put(batch, key, vector, &error) < 0);
    assert_int_equal(error.code, ERROR_MALFORMED);
    assert_true(index_batch_put(batch, "", vector, &error) < 0);
    assert_true(index_batch_remove(batch, "", &error) < 0);
    assert_int_equal(index_batch_size(batch), 0);
    index_batch_free(batch);
    index_close(index);
}

static void shapes_that_are_none_are_refused(void **state)
{
    static const struct index_shape shapes[] = {{0, INDEX_DOT},
                                                {INDEX_DIMENSION_MAX + 1, INDEX_DOT},
                                                {4, (enum index_metric)0},
                                                {4, (enum index_metric)4}};
    struct fixture *fixture = *state;
    struct error error = {.code = ERROR_NONE};
    struct index *index = NULL;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        assert_true(index_create(fixture->directory, &shapes[i], &error) < 0);
        assert_int_equal(error.code, ERROR_MALFORMED);
    }
    assert_true(index_open(fixture->directory, NULL, &index, &error) < 0);
    assert_int_equal(error.code, ERROR_NOT_FOUND);
}

static void an_index_is_open_once_and_made_once(void **state)
{
    struct fixture *fixture = *state;
    struct index_shape shape = {.dimension = 2, .metric = INDEX_DOT};
    struct index *index = fixture_create(fixture, 2, INDEX_DOT);
    struct index *second = NULL;
    struct error error = {.code = ERROR_NONE};
    assert_true(index_open(fixture->directory, NULL, &second, &error) < 0);
    assert_int_equal(error.code, ERROR_CONFLICT);
    assert_true(index_destroy(fixture->directory, &error) < 0);
    assert_int_equal(error.code, ERROR_CONFLICT);
    index_close(index);
    assert_true(index_create(fixture->directory, &shape, &error) < 0);
    assert_int_equal(error.code, ERROR_CONFLICT);
    assert_int_equal(index_destroy(fixture->directory, &error), 0);
    assert_int_equal(access(fixture->directory, F_OK), -1);
    assert_int_equal(index_destroy(fixture->directory, &error), 0);
}

/* Keys around the lengths at which the table starts another piece, and some with a common prefix.
 */
static size_t make_keys(char (*keys)[FIXTURE_KEY_MAX], size_t room)
{
    static const size_t lengths[] = {1, 2, 500, 501, 502, 503, 504, 1003, 1004, 1005, 1023, 1024};
    static const char ends[] = {'!', '/', 'a', 'b', (char)0xc3, (char)0xff};
    size_t count = 0;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (size_t j = 0; j < sizeof ends; j++) {
            for (int where = 0; where < 2 && count < room; where++) {
                memset(keys[count], 'b', lengths[i]);
                keys[count][lengths[i]] = '\0';
                keys[count][where == 0 ? lengths[i] - 1 : lengths[i] / 2] = ends[j];
                size_t other = 0;
                while (strcmp(keys[other], keys[count]) != 0) {
                    other++;
                }
                count += other == count;
            }
        }
    }
    return count;
}

enum { KEYS_ROOM = 200 };

static int by_bytes(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Whether a walk returns exactly the visible ones of `keys`, which are in order. */
static void check_walk(struct index *index, char (*keys)[FIXTURE_KEY_MAX], const bool *there,
                       size_t count, const char *prefix, const char *after)
{
    struct index_walk *walk = NULL;
    struct error error = {.code = ERROR_NONE};
    const char *key = NULL;
    float value;
    assert_int_equal(index_walk_new(index, prefix, after, &walk, &error), 0);
    for (size_t i = 0; i < count; i++) {
        if (there[i] && strncmp(keys[i], prefix, strlen(prefix)) == 0 &&
            strcmp(keys[i], after) > 0) {
            assert_int_equal(index_walk_next(walk, &key, &value, &error), 1);
            assert_string_equal(key, keys[i]);
            assert_true(value == (float)strlen(keys[i]));
        }
    }
    assert_int_equal(index_walk_next(walk, &key, &value, &error), 0);
    index_walk_free(walk);
}

static void check_walks(struct index *index, char (*keys)[FIXTURE_KEY_MAX], const bool *there,
                        size_t count)
{
    char prefix[FIXTURE_KEY_MAX];
    check_walk(index, keys, there, count, "", "");
    for (size_t i = 0; i < count; i++) {
        check_walk(index, keys, there, count, "", keys[i]);
        check_walk(index, keys, there, count, keys[i], "");
        check_walk(index, keys, there, count, keys[i], keys[(i * 7 + 3) % count]);
        (void)snprintf(prefix, sizeof prefix, "%s", keys[i]);
        prefix[strlen(prefix) * 2 / 3] = '\0';
        check_walk(index, keys, there, count, prefix, keys[(i * 5 + 1) % count]);
    }
    memset(prefix, 'b', INDEX_KEY_MAX + 10);
    prefix[INDEX_KEY_MAX + 10] = '\0';
    check_walk(index, keys, there, count, "", prefix); /* longer than any key */
    check_walk(index, keys, there, count, prefix, "");
}

static void keys_of_all_lengths_are_in_order(void **state)
{
    char(*keys)[FIXTURE_KEY_MAX] = calloc(KEYS_ROOM, FIXTURE_KEY_MAX);
    bool there[KEYS_ROOM] = {false};
    uint64_t seed = 11;
    assert_non_null(keys);
    size_t count = make_keys(keys, KEYS_ROOM);
    assert_true(count > 100);
    qsort(keys, count, FIXTURE_KEY_MAX, by_bytes);
    struct index *index = fixture_create(*state, 1, INDEX_DOT);
    for (int round = 0; round < 6; round++) {
        for (size_t i = 0; i < count; i++) {
            bool wanted = round % 2 == 0 && fixture_random(&seed) >> 62 != 0;
            wanted = wanted || (round == 1 && there[i] && i % 4 == 0);
            if (wanted && !there[i]) {
                float value = (float)strlen(keys[i]);
                fixture_put(index, keys[i], &value);
            } else if (!wanted) {
                fixture_remove(index, keys[i]);
            }
            there[i] = wanted;
        }
        check_walks(index, keys, there, count);
        index_close(index);
        index = fixture_open(*state);
    }
    struct index_status status;
    index_status(index, &status);
    assert_int_equal(status.rows, 0);
    index_close(index);
    free(keys);
}

static void a_walk_sees_the_index_as_it_was(void **state)
{
    struct index *index = fixture_create(*state, 1, INDEX_DOT);
    struct index_walk *walk = NULL;
    struct error error = {.code = ERROR_NONE};
    const char *key = NULL;
    float value;
    char name[16];
    for (int i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof name, "%03d", i);
        fixture_put(index, name, (const float[]){(float)i});
    }
    assert_int_equal(index_walk_new(index, "", "", &walk, &error), 0);
    for (int i = 0; i < 100; i++) {
        int changed = (i * 37 + 5) % 100;
        (void)snprintf(name, sizeof name, "%03d", changed);
        if (changed % 2) {
            fixture_remove(index, name);
        } else {
            fixture_put(index, name, (const float[]){-1.0f});
        }
        assert_int_equal(index_walk_next(walk, &key, &value, &error), 1);
        assert_int_equal(atoi(key), i);
        assert_true(value == (float)i);
    }
    assert_int_equal(index_walk_next(walk, &key, &value, &error), 0);
    index_walk_free(walk);
    index_close(index);
}

static void free_slots_are_used_again(void **state)
{
    struct index *index = fixture_create(*state, 4, INDEX_EUCLIDEAN);
    struct index_status status;
    char name[16];
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 10; i++) {
            (void)snprintf(name, sizeof name, "%d", i);
            fixture_put(index, name, (const float[]){(float)round, (float)i, 0, 0});
        }
        if (round == 10) {
            index_close(index);
            index = fixture_open(*state);
        }
    }
    index_status(index, &status);
    assert_int_equal(status.rows, 10);
    assert_true(status.slots <= 12);
    index_close(index);
}

static void a_full_table_leaves_the_index_as_it_was(void **state)
{
    struct fixture *fixture = *state;
    struct index_options options = {.limit_bytes = 128 * 1024}; /* of LMDB's file */
    struct index *index = fixture_create(fixture, 2, INDEX_DOT);
    struct index_batch *batch = NULL;
    struct index_status before, after;
    struct truth truth;
    struct error error = {.code = ERROR_NONE};
    char name[64];
    index_close(index);
    assert_int_equal(index_open(fixture->directory, &options, &index, &error), 0);
    for (int i = 0; i < 50; i++) {
        (void)snprintf(name, sizeof name, "%d", i);
        fixture_put(index, name, (const float[]){(float)i, 1.0f});
    }
    index_status(index, &before);
    assert_int_equal(index_batch_new(index, &batch), 0);
    for (int i = 20; i < 5000; i++) {
        (void)snprintf(name, sizeof name, "%d", i);
        assert_int_equal(index_batch_put(batch, name, (const float[]){-9.0f, (float)i}, &error), 0);
    }
    assert_true(index_batch_commit(batch, "note", 4, &error) < 0);
    assert_int_equal(error.code, ERROR_NO_SPACE);
    index_batch_free(batch);
    index_status(index, &after);
    assert_int_equal(after.rows, before.rows);
    assert_int_equal(after.slots, before.slots);
    assert_int_equal(after.generation, before.generation);

    truth_read(index, &truth);
    assert_int_equal(truth.count, 50);
    const float query[] = {1.0f, -0.5f};
    struct expectation expected = {.queries = query, .query_count = 1, .k = 50, .exact = true};
    truth_check(&truth, index, &expected);
    fixture_put(index, "7", (const float[]){77.0f, 7.0f}); /* and goes on */
    truth_done(&truth);
    truth_read(index, &truth);
    truth_check(&truth, index, &expected);
    truth_done(&truth);
    index_close(index);
}

static void a_full_batch_says_so(void **state)
{
    struct index *index = fixture_create(*state, 1, INDEX_DOT);
    struct index_batch *batch = NULL;
    struct error error = {.code = ERROR_NONE};
    char name[16];
    assert_int_equal(index_batch_new(index, &batch), 0);
    for (unsigned i = 0; i < INDEX_BATCH_MAX; i++) {
        (void)snprintf(name, sizeof name, "%u", i);
        assert_int_equal(index_batch_remove(batch, name, &error), 0);
    }
    assert_true(index_batch_remove(batch, "more", &error) < 0);
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    assert_int_equal(index_batch_commit(batch, NULL, 0, &error), 0);
    assert_int_equal(index_batch_remove(batch, "more", &error), 0);
    index_batch_free(batch);
    index_close(index);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(what_was_put_is_there_after_closing),
        TEST(cosine_rows_are_normalised_once),
        TEST(the_last_of_a_batch_counts),
        TEST(a_note_goes_with_its_batch),
        TEST(bad_vectors_and_keys_are_refused),
        TEST(shapes_that_are_none_are_refused),
        TEST(an_index_is_open_once_and_made_once),
        TEST(keys_of_all_lengths_are_in_order),
        TEST(a_walk_sees_the_index_as_it_was),
        TEST(free_slots_are_used_again),
        TEST(a_full_table_leaves_the_index_as_it_was),
        TEST(a_full_batch_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
