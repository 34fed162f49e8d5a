/* SPDX-License-Identifier: Apache-2.0
 *
 * The fixture of the index's tests.
 */
#include "fixture.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

int fixture_setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    (void)snprintf(fixture->root, sizeof fixture->root, "/tmp/situ-index-XXXXXX");
    assert_non_null(mkdtemp(fixture->root));
    (void)snprintf(fixture->directory, sizeof fixture->directory, "%s/index", fixture->root);
    (void)snprintf(fixture->rows, sizeof fixture->rows, "%s/rows", fixture->directory);
    (void)snprintf(fixture->codes, sizeof fixture->codes, "%s/codes", fixture->directory);
    *state = fixture;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", fixture->root);
    assert_int_equal(system(command), 0);
    free(fixture);
    return 0;
}

static void report(void *context, enum index_event event, const char *key, const char *message)
{
    struct fixture *fixture = context;
    assert_non_null(message);
    if (event == INDEX_COPY_REBUILT) {
        fixture->rebuilt++;
    } else if (fixture->told < FIXTURE_TOLD_MAX) {
        (void)snprintf(fixture->keys[fixture->told++], sizeof fixture->keys[0], "%s", key);
    }
}

struct index *fixture_open(struct fixture *fixture)
{
    struct index_options options = {
        .limit_bytes = 256 * MIB, .report = report, .report_context = fixture};
    struct index *index = NULL;
    struct error error = {.code = ERROR_NONE};
    if (index_open(fixture->directory, &options, &index, &error) < 0) {
        fail_msg("%s", error.message);
    }
    return index;
}

struct index *fixture_create(struct fixture *fixture, uint32_t dimension, enum index_metric metric)
{
    struct index_shape shape = {.dimension = dimension, .metric = metric};
    struct error error = {.code = ERROR_NONE};
    if (index_destroy(fixture->directory, &error) < 0 ||
        index_create(fixture->directory, &shape, &error) < 0) {
        fail_msg("%s", error.message);
    }
    return fixture_open(fixture);
}

void fixture_put(struct index *index, const char *key, const float *vector)
{
    struct index_batch *batch = NULL;
    struct error error = {.code = ERROR_NONE};
    assert_int_equal(index_batch_new(index, &batch), 0);
    if (index_batch_put(batch, key, vector, &error) < 0 ||
        index_batch_commit(batch, NULL, 0, &error) < 0) {
        fail_msg("%s", error.message);
    }
    index_batch_free(batch);
}

void fixture_remove(struct index *index, const char *key)
{
    struct index_batch *batch = NULL;
    struct error error = {.code = ERROR_NONE};
    assert_int_equal(index_batch_new(index, &batch), 0);
    if (index_batch_remove(batch, key, &error) < 0 ||
        index_batch_commit(batch, NULL, 0, &error) < 0) {
        fail_msg("%s", error.message);
    }
    index_batch_free(batch);
}

void truth_read(struct index *index, struct truth *ret_truth)
{
    struct index_walk *walk = NULL;
    struct error error = {.code = ERROR_NONE};
    const char *key = NULL;
    assert_int_equal(index_walk_new(index, "", "", &walk, &error), 0);
    size_t count = index_walk_count(walk);
    struct truth truth = {.dimension = index_shape(index).dimension,
                          .metric = index_shape(index).metric,
                          .keys = calloc(count + 1, sizeof(char *))};
    truth.rows = calloc(count + 1, truth.dimension * sizeof(float));
    assert_true(truth.keys && truth.rows);
    while (index_walk_next(walk, &key, truth.rows + truth.count * truth.dimension, &error) == 1) {
        assert_true(truth.count < count);
        assert_true(truth.count == 0 || strcmp(truth.keys[truth.count - 1], key) < 0);
        truth.keys[truth.count++] = strdup(key);
    }
    assert_int_equal(truth.count, count);
    index_walk_free(walk);
    *ret_truth = truth;
}

void truth_done(struct truth *truth)
{
    for (size_t i = 0; i < truth->count; i++) {
        free(truth->keys[i]);
    }
    free(truth->keys);
    free(truth->rows);
}

static double rank_of(const struct truth *truth, size_t i, const float *query)
{
    const float *row = truth->rows + i * truth->dimension;
    double sum = 0.0;
    double square = 0.0;
    for (size_t j = 0; j < truth->dimension; j++) {
        double apart = (double)row[j] - (double)query[j];
        sum +=
            truth->metric == INDEX_EUCLIDEAN ? -apart * apart : (double)row[j] * (double)query[j];
        square += (double)query[j] * (double)query[j];
    }
    if (truth->metric == INDEX_COSINE) {
        return square > 0.0 ? sum / sqrt(square) : 0.0;
    }
    return sum;
}

static double score_of(const struct truth *truth, double rank)
{
    return truth->metric == INDEX_EUCLIDEAN ? -sqrt(-rank) : rank;
}

struct ranked {
    double rank;
    size_t number; /* keys are in order, so this is the order of ties */
};

static int by_rank(const void *a, const void *b)
{
    const struct ranked *left = a;
    const struct ranked *right = b;
    if (left->rank != right->rank) {
        return left->rank < right->rank ? 1 : -1;
    }
    return (left->number > right->number) - (left->number < right->number);
}

static bool is_wanted(const struct expectation *expected, const char *key)
{
    const struct index_prefixes *prefixes = &expected->prefixes;
    for (size_t i = 0; i < prefixes->count; i++) {
        if (strncmp(key, prefixes->list[i], strlen(prefixes->list[i])) == 0) {
            return true;
        }
    }
    return prefixes->count == 0;
}

/* All rows that the search may return, the best first. */
static size_t brute_force(const struct truth *truth, const float *query,
                          const struct expectation *expected, struct ranked *ret_ranked)
{
    size_t count = 0;
    for (size_t i = 0; i < truth->count; i++) {
        double rank = rank_of(truth, i, query);
        if (is_wanted(expected, truth->keys[i]) &&
            (!expected->has_min_score || score_of(truth, rank) >= expected->min_score)) {
            ret_ranked[count++] = (struct ranked){.rank = rank, .number = i};
        }
    }
    qsort(ret_ranked, count, sizeof *ret_ranked, by_rank);
    return count;
}

static size_t number_of(const struct truth *truth, const char *key)
{
    size_t low = 0;
    size_t high = truth->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(truth->keys[middle], key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    assert_true(low < truth->count && strcmp(truth->keys[low], key) == 0);
    return low;
}

static void check_hits(const struct truth *truth, const float *query,
                       const struct expectation *expected, const struct index_hits *hits)
{
    struct ranked *ranked = calloc(truth->count + 1, sizeof *ranked);
    assert_non_null(ranked);
    size_t count = brute_force(truth, query, expected, ranked);
    assert_int_equal(hits->count, count < expected->k ? count : expected->k);
    for (size_t i = 0; i < hits->count; i++) {
        size_t number = number_of(truth, hits->hits[i].key);
        double rank = rank_of(truth, number, query);
        double slack = expected->exact ? 0.0 : 1e-13 * (1.0 + fabs(ranked[i].rank));
        if (number != ranked[i].number && fabs(rank - ranked[i].rank) > slack) {
            fail_msg("%s: hit %zu is '%s' with %.17g, and should be '%s' with %.17g", index_isa(),
                     i, hits->hits[i].key, rank, truth->keys[ranked[i].number], ranked[i].rank);
        }
        assert_true(!expected->exact || number == ranked[i].number);
        assert_true(fabs(hits->hits[i].score - score_of(truth, rank)) <= 1e-7 * (1.0 + fabs(rank)));
    }
    free(ranked);
}

void truth_check(const struct truth *truth, struct index *index, const struct expectation *expected)
{
    struct index_query query = {
        .vectors = expected->queries,
        .query_count = expected->query_count,
        .k = expected->k,
        .prefixes = expected->prefixes,
        .has_min_score = expected->has_min_score,
        .min_score = expected->min_score,
        .threads = expected->threads,
        .lend = expected->threads > 1 ? fixture_lend : NULL,
    };
    struct index_answer answer;
    struct error error = {.code = ERROR_NONE};
    if (index_search(index, &query, &answer, &error) < 0) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(answer.query_count, expected->query_count);
    assert_int_equal(answer.damaged, 0);
    for (size_t q = 0; q < answer.query_count; q++) {
        check_hits(truth, expected->queries + q * truth->dimension, expected, &answer.queries[q]);
    }
    index_answer_done(&answer);
}

struct loan {
    void (*work)(void *context, unsigned i);
    void *context;
    unsigned i;
};

static void *run_loan(void *arg)
{
    struct loan *loan = arg;
    loan->work(loan->context, loan->i);
    return NULL;
}

void fixture_lend(void *lender, unsigned count, void (*work)(void *context, unsigned i),
                  void *context)
{
    pthread_t threads[16];
    struct loan loans[16];
    (void)lender;
    assert_true(count <= 16);
    for (unsigned i = 0; i < count; i++) {
        loans[i] = (struct loan){.work = work, .context = context, .i = i};
        assert_int_equal(pthread_create(&threads[i], NULL, run_loan, &loans[i]), 0);
    }
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
}
