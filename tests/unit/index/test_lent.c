/* SPDX-License-Identifier: Apache-2.0
 *
 * Searches of so many rows that several threads share them: the answer is that of one thread, and
 * of brute force, however the rows are divided. Also for ThreadSanitizer.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "index/scan.h"

/* A thread takes 8,192 rows at a time. */
enum { ROWS = 12 * 8192 + 77, DIMENSION = 8, THREADS = 3, QUERIES = 5, K = 300, TRIES = 200 };

static void fill(struct index *index, uint64_t *seed)
{
    struct index_batch *batch = NULL;
    struct error error = {.code = ERROR_NONE};
    float vector[DIMENSION];
    char key[16];
    assert_int_equal(index_batch_new(index, &batch), 0);
    for (unsigned i = 0; i < ROWS; i++) {
        for (int j = 0; j < DIMENSION; j++) {
            vector[j] = fixture_uniform(seed);
        }
        (void)snprintf(key, sizeof key, "%07u", i);
        assert_int_equal(index_batch_put(batch, key, vector, &error), 0);
        if (i % 32768 == 0 || i + 1 == ROWS) {
            assert_int_equal(index_batch_commit(batch, NULL, 0, &error), 0);
        }
    }
    index_batch_free(batch);
}

struct piece {
    void (*work)(void *context, unsigned i);
    void *context;
    unsigned i;
    pthread_barrier_t *begin; /* borrowed */
};

static void *run_piece(void *arg)
{
    const struct piece *piece = arg;
    (void)pthread_barrier_wait(piece->begin);
    piece->work(piece->context, piece->i);
    return NULL;
}

/* Begins on all threads at once, and counts those that found something: of 300 hits of random rows
 * some are in each part. */
static void lend_and_look(void *lender, unsigned count, void (*work)(void *context, unsigned i),
                          void *context)
{
    unsigned *found = lender;
    const struct scan *scan = context;
    pthread_t threads[THREADS];
    struct piece pieces[THREADS];
    pthread_barrier_t begin;
    assert_int_equal(count, THREADS);
    assert_int_equal(pthread_barrier_init(&begin, NULL, THREADS), 0);
    for (unsigned i = 0; i < count; i++) {
        pieces[i] = (struct piece){.work = work, .context = context, .i = i, .begin = &begin};
        assert_int_equal(pthread_create(&threads[i], NULL, run_piece, &pieces[i]), 0);
    }
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    (void)pthread_barrier_destroy(&begin);
    *found = 0;
    for (unsigned i = 0; i < count; i++) {
        *found += scan->parts[i].candidates && scan->parts[i].candidates[0].count > 0;
    }
}

static void check_same(const struct index_answer *one, const struct index_answer *other)
{
    assert_int_equal(other->damaged, 0);
    assert_int_equal(one->query_count, other->query_count);
    for (size_t q = 0; q < one->query_count; q++) {
        const struct index_hits *hits = &one->queries[q];
        assert_int_equal(hits->count, K);
        assert_int_equal(other->queries[q].count, K);
        for (size_t i = 0; i < K; i++) {
            assert_string_equal(hits->hits[i].key, other->queries[q].hits[i].key);
            assert_true(hits->hits[i].score == other->queries[q].hits[i].score);
        }
    }
}

static void threads_that_share_the_rows_give_the_answer_of_one(void **state)
{
    uint64_t seed = 5;
    unsigned most = 0;
    float queries[QUERIES * DIMENSION];
    struct truth truth;
    struct index_answer alone;
    struct index *index = fixture_create(*state, DIMENSION, INDEX_DOT);
    fill(index, &seed);
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        queries[i] = fixture_uniform(&seed);
    }
    struct expectation expected = {
        .queries = queries, .query_count = QUERIES, .k = K, .exact = true, .threads = THREADS};
    truth_read(index, &truth);
    truth_check(&truth, index, &expected);
    truth_done(&truth);
    struct index_query ask = {.vectors = queries, .query_count = QUERIES, .k = K};
    assert_int_equal(index_search(index, &ask, &alone, NULL), 0);
    /* On a busy machine one thread may be done before the next begins. */
    for (unsigned i = 0; i < TRIES && (i < 5 || most < 2); i++) {
        struct index_answer shared;
        unsigned found = 0;
        ask.threads = THREADS;
        ask.lend = lend_and_look;
        ask.lender = &found;
        assert_int_equal(index_search(index, &ask, &shared, NULL), 0);
        check_same(&alone, &shared);
        index_answer_done(&shared);
        most = found > most ? found : most;
    }
    print_message("%u threads shared a search\n", most);
    assert_true(most >= 2);
    index_answer_done(&alone);
    index_close(index);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(threads_that_share_the_rows_give_the_answer_of_one,
                                        fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
