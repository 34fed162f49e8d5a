/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers are those of brute force in double precision: for every form of the inner loops, metric
 * and dimension, for data of every kind, after updates and removals.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "fixture.h"
#include "index/filter.h"

static const char *const forms[] = {"c", "avx2", "avx512", "neon"};
enum { FORMS = sizeof forms / sizeof forms[0], QUERIES = 5 };

enum kind { UNIFORM, CLUSTERED, NEARLY_EQUAL, EQUAL, SIZES, KINDS };

static void make_vector(float *vector, uint32_t dimension, enum kind kind, uint64_t number,
                        uint64_t *seed)
{
    uint64_t centre = 77 + number % 7;
    for (uint32_t i = 0; i < dimension; i++) {
        float own = fixture_uniform(seed);
        float shared = fixture_uniform(&centre);
        switch (kind) {
        case CLUSTERED:
            vector[i] = shared + (float)(int)(own * 8.0f) / 4096.0f;
            break;
        case NEARLY_EQUAL: /* within the copy's error; differences of one grid step */
            vector[i] = fixture_uniform(&centre);
            vector[i] = (float)(i % 3) / 4.0f + (own > 0.9f ? 1.0f / 4096.0f : 0.0f);
            break;
        case EQUAL:
            vector[i] = (float)(i % 5) / 8.0f - 0.25f;
            break;
        case SIZES: /* lengths of all sizes, as only dot and euclidean see them */
            vector[i] = ldexpf(own, (int)(number % 12) - 6);
            break;
        case UNIFORM:
        default:
            vector[i] = own;
            break;
        }
    }
}

static void fill(struct index *index, enum kind kind, size_t count, uint64_t *seed)
{
    uint32_t dimension = index_shape(index).dimension;
    float *vector = calloc(dimension, sizeof *vector);
    struct index_batch *batch = NULL;
    struct error error = {.code = ERROR_NONE};
    char key[64];
    assert_non_null(vector);
    assert_int_equal(index_batch_new(index, &batch), 0);
    for (size_t i = 0; i < count; i++) {
        make_vector(vector, dimension, kind, i, seed);
        if (i % 97 == 13) {
            memset(vector, 0, dimension * sizeof *vector);
        }
        /* Not in order of their slots, to make ties visible. */
        (void)snprintf(key, sizeof key, "%s/%05zu", i % 3 ? "photos" : "scans", i * 7919 % 10007);
        assert_int_equal(index_batch_put(batch, key, vector, &error), 0);
    }
    if (index_batch_commit(batch, NULL, 0, &error) < 0) {
        fail_msg("%s", error.message);
    }
    index_batch_free(batch);
    free(vector);
}

/* Some rows are removed, some come back changed, so that slots are reused. */
static void change(struct index *index, enum kind kind, size_t count, uint64_t *seed)
{
    uint32_t dimension = index_shape(index).dimension;
    float *vector = calloc(dimension, sizeof *vector);
    struct error error = {.code = ERROR_NONE};
    char key[64];
    assert_non_null(vector);
    for (int round = 0; round < 3; round++) {
        struct index_batch *batch = NULL;
        assert_int_equal(index_batch_new(index, &batch), 0);
        for (size_t i = (size_t)round; i < count; i += 5) {
            (void)snprintf(key, sizeof key, "%s/%05zu", i % 3 ? "photos" : "scans",
                           i * 7919 % 10007);
            make_vector(vector, dimension, kind, i + 1, seed);
            assert_int_equal(round == 1 ? index_batch_remove(batch, key, &error)
                                        : index_batch_put(batch, key, vector, &error),
                             0);
        }
        assert_int_equal(index_batch_commit(batch, NULL, 0, &error), 0);
        index_batch_free(batch);
    }
    free(vector);
}

static const char *const photos = "photos/";
static const char *const scans = "scans/00";
static const char *const nothing = "nothing begins so";
static const char *const all_keys = "";
static const char *const several[] = {"nothing begins so", "photos/1", "scans/00"};

static void check_all(struct index *index, enum kind kind, uint64_t *seed)
{
    struct truth truth;
    uint32_t dimension = index_shape(index).dimension;
    float *queries = calloc((size_t)QUERIES * dimension, sizeof *queries);
    assert_non_null(queries);
    truth_read(index, &truth);
    for (size_t q = 0; q < QUERIES - 1; q++) {
        make_vector(queries + q * dimension, dimension, kind, q, seed);
    }
    /* The last query is all zeros. Cosine rows are not grid numbers: sums are not exact. */
    bool exact = truth.metric != INDEX_COSINE;
    struct expectation expected = {
        .queries = queries, .query_count = QUERIES, .k = 10, .exact = exact};
    truth_check(&truth, index, &expected);
    expected.k = 1;
    truth_check(&truth, index, &expected);
    expected.k = truth.count + 5; /* more than there are */
    truth_check(&truth, index, &expected);
    expected.k = 25;
    expected.prefixes = (struct index_prefixes){.list = &scans, .count = 1};
    truth_check(&truth, index, &expected);
    expected.prefixes = (struct index_prefixes){.list = &photos, .count = 1};
    expected.has_min_score = true;
    expected.min_score = truth.metric == INDEX_EUCLIDEAN ? -sqrt(dimension) * 0.7 : 0.01;
    truth_check(&truth, index, &expected);
    expected.prefixes = (struct index_prefixes){.list = &nothing, .count = 1};
    truth_check(&truth, index, &expected);
    expected.prefixes = (struct index_prefixes){.list = several, .count = 3};
    truth_check(&truth, index, &expected);
    expected.has_min_score = false;
    truth_check(&truth, index, &expected);
    expected.prefixes.list = &all_keys;
    expected.prefixes.count = 1;
    truth_check(&truth, index, &expected);
    truth_done(&truth);
    free(queries);
}

static void answers_are_those_of_brute_force(void **state)
{
    static const uint32_t dimensions[] = {1, 2, 3, 17, 64, 129};
    uint64_t seed = 5;
    for (int metric = INDEX_COSINE; metric <= INDEX_EUCLIDEAN; metric++) {
        for (size_t d = 0; d < sizeof dimensions / sizeof dimensions[0]; d++) {
            for (int kind = 0; kind < KINDS; kind++) {
                struct index *index =
                    fixture_create(*state, dimensions[d], (enum index_metric)metric);
                fill(index, (enum kind)kind, 300, &seed);
                change(index, (enum kind)kind, 300, &seed);
                for (size_t form = 0; form < FORMS; form++) {
                    if (index_select_isa(forms[form]) == 0) {
                        check_all(index, (enum kind)kind, &seed);
                    }
                }
                index_close(index);
            }
        }
    }
}

static void large_dimensions_are_right(void **state)
{
    static const uint32_t dimensions[] = {1000, 2047, INDEX_DIMENSION_MAX};
    uint64_t seed = 6;
    for (size_t d = 0; d < sizeof dimensions / sizeof dimensions[0]; d++) {
        for (int metric = INDEX_COSINE; metric <= INDEX_EUCLIDEAN; metric++) {
            struct index *index = fixture_create(*state, dimensions[d], (enum index_metric)metric);
            fill(index, d == 1 ? CLUSTERED : UNIFORM, 150, &seed);
            for (size_t form = 0; form < FORMS; form++) {
                if (index_select_isa(forms[form]) == 0) {
                    check_all(index, UNIFORM, &seed);
                }
            }
            index_close(index);
        }
    }
}

static void thousands_of_nearly_equal_rows_are_told_apart(void **state)
{
    uint64_t seed = 7;
    struct truth truth;
    struct index *index = fixture_create(*state, 48, INDEX_DOT);
    fill(index, NEARLY_EQUAL, 6000, &seed);
    truth_read(index, &truth);
    float query[48];
    for (unsigned threads = 1; threads <= 4; threads += 3) {
        make_vector(query, 48, NEARLY_EQUAL, 0, &seed);
        struct expectation expected = {
            .queries = query, .query_count = 1, .k = 10, .exact = true, .threads = threads};
        truth_check(&truth, index, &expected);
        expected.k = 3000;
        truth_check(&truth, index, &expected);
    }
    struct index_status status;
    index_status(index, &status);
    assert_true(status.rescored > 4 * 5000); /* the copy could not */
    truth_done(&truth);
    index_close(index);
}

static void lent_threads_find_the_same(void **state)
{
    uint64_t seed = 8;
    struct truth truth;
    struct index *index = fixture_create(*state, 24, INDEX_COSINE);
    fill(index, UNIFORM, 9973, &seed);
    truth_read(index, &truth);
    float *queries = calloc((size_t)INDEX_QUERIES_MAX * 24, sizeof *queries);
    assert_non_null(queries);
    for (size_t q = 0; q < INDEX_QUERIES_MAX; q++) {
        make_vector(queries + q * 24, 24, UNIFORM, q, &seed);
    }
    for (unsigned threads = 1; threads <= 8; threads *= 2) {
        struct expectation expected = {.queries = queries,
                                       .query_count = threads == 8 ? 7 : INDEX_QUERIES_MAX / 8,
                                       .k = 20,
                                       .threads = threads};
        truth_check(&truth, index, &expected);
    }
    free(queries);
    truth_done(&truth);
    index_close(index);
}

/* Asks for more sets of prefixes than filters are kept, twice. */
static void check_prefixes(struct index *index, const float *query)
{
    enum { SETS = FILTERS_KEPT + 3 };
    struct truth truth;
    truth_read(index, &truth);
    for (unsigned i = 0; i < 2 * SETS; i++) {
        char first[16];
        char second[16];
        struct error error = {.code = ERROR_NONE};
        uint64_t rows = 0;
        uint64_t all = 0;
        (void)snprintf(first, sizeof first, "photos/%02u", i % SETS);
        (void)snprintf(second, sizeof second, "scans/%02u", i % SETS);
        const char *const list[] = {first, second};
        struct expectation expected = {
            .queries = query, .query_count = 1, .k = 7, .exact = true, .prefixes = {list, 2}};
        truth_check(&truth, index, &expected);
        for (size_t t = 0; t < truth.count; t++) {
            rows += strncmp(truth.keys[t], first, strlen(first)) == 0 ||
                    strncmp(truth.keys[t], second, strlen(second)) == 0;
        }
        assert_int_equal(index_count(index, &expected.prefixes, &all, &error), 0);
        assert_int_equal(all, rows);
    }
    truth_done(&truth);
}

static void filters_are_those_of_the_last_commit(void **state)
{
    uint64_t seed = 11;
    float query[16];
    struct index *index = fixture_create(*state, 16, INDEX_DOT);
    fill(index, UNIFORM, 2000, &seed);
    make_vector(query, 16, UNIFORM, 0, &seed);
    check_prefixes(index, query);
    change(index, UNIFORM, 2000, &seed);
    check_prefixes(index, query);
    index_close(index);
}

/* Takes the loan and calls one piece only. */
static void lend_little(void *lender, unsigned count, void (*work)(void *context, unsigned i),
                        void *context)
{
    (void)lender;
    assert_int_equal(count, 5);
    work(context, 3);
}

static void a_lender_may_have_no_threads(void **state)
{
    uint64_t seed = 9;
    struct index *index = fixture_create(*state, 8, INDEX_DOT);
    fill(index, UNIFORM, 1000, &seed);
    float query[8] = {1, -1, 0.5f};
    struct index_query ask = {
        .vectors = query, .query_count = 1, .k = 5, .threads = 5, .lend = lend_little};
    struct index_answer lent;
    struct index_answer own;
    struct error error = {.code = ERROR_NONE};
    assert_int_equal(index_search(index, &ask, &lent, &error), 0);
    ask.lend = NULL;
    assert_int_equal(index_search(index, &ask, &own, &error), 0);
    assert_int_equal(lent.queries[0].count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(lent.queries[0].hits[i].key, own.queries[0].hits[i].key);
    }
    index_answer_done(&lent);
    index_answer_done(&own);
    index_close(index);
}

static void scores_and_distances_are_those_of_the_metric(void **state)
{
    static const struct {
        enum index_metric metric;
        double score, distance;
    } cases[] = {{INDEX_COSINE, 0.96, 0.04},
                 {INDEX_DOT, 24.0, -24.0},
                 {INDEX_EUCLIDEAN, -1.4142135623730951, 1.4142135623730951}};
    const float row[] = {3, 4}, query[] = {4, 3};
    for (size_t i = 0; i < 3; i++) {
        struct index *index = fixture_create(*state, 2, cases[i].metric);
        struct index_query ask = {.vectors = query, .query_count = 1, .k = 1};
        struct index_answer answer;
        struct error error = {.code = ERROR_NONE};
        fixture_put(index, "row", row);
        assert_int_equal(index_search(index, &ask, &answer, &error), 0);
        assert_int_equal(answer.queries[0].count, 1);
        assert_true(fabs(answer.queries[0].hits[0].score - cases[i].score) < 1e-7);
        assert_true(fabs(answer.queries[0].hits[0].distance - cases[i].distance) < 1e-7);
        index_answer_done(&answer);
        index_close(index);
    }
}

/* Of 200 rows some have a score above 1 with themselves, because float32 rounds. */
static void no_distance_is_negative(void **state)
{
    uint64_t seed = 11;
    for (size_t i = 0; i < 200; i++) {
        struct index *index = fixture_create(*state, 8, i % 2 ? INDEX_COSINE : INDEX_EUCLIDEAN);
        float row[8];
        for (size_t k = 0; k < 8; k++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            row[k] = (float)(seed >> 40) * 0x1p-24f - 0.5f;
        }
        struct index_query ask = {.vectors = row, .query_count = 1, .k = 1};
        struct index_answer answer;
        struct error error = {.code = ERROR_NONE};
        fixture_put(index, "row", row);
        assert_int_equal(index_search(index, &ask, &answer, &error), 0);
        assert_int_equal(answer.queries[0].count, 1);
        double distance = answer.queries[0].hits[0].distance;
        assert_true(distance >= 0 && distance < 1e-6 && !signbit(distance));
        index_answer_done(&answer);
        index_close(index);
    }
}

static void an_empty_index_has_no_hits(void **state)
{
    const float query[] = {1, 2, 3};
    struct index *index = fixture_create(*state, 3, INDEX_COSINE);
    struct index_query ask = {.vectors = query, .query_count = 1, .k = 10};
    struct index_answer answer;
    struct error error = {.code = ERROR_NONE};
    assert_int_equal(index_search(index, &ask, &answer, &error), 0);
    assert_int_equal(answer.queries[0].count, 0);
    index_answer_done(&answer);
    fixture_put(index, "a", query);
    fixture_remove(index, "a");
    assert_int_equal(index_search(index, &ask, &answer, &error), 0);
    assert_int_equal(answer.queries[0].count, 0);
    index_answer_done(&answer);
    index_close(index);
}

static void bad_queries_are_refused(void **state)
{
    float query[] = {1, 2, 3};
    struct index *index = fixture_create(*state, 3, INDEX_COSINE);
    struct index_answer answer;
    struct error error = {.code = ERROR_NONE};
    struct index_query ask = {.vectors = query, .query_count = 1, .k = 0};
    assert_true(index_search(index, &ask, &answer, &error) < 0);
    assert_int_equal(error.code, ERROR_MALFORMED);
    ask.k = INDEX_K_MAX + 1;
    assert_true(index_search(index, &ask, &answer, &error) < 0);
    ask.k = 1;
    ask.query_count = INDEX_QUERIES_MAX + 1;
    assert_true(index_search(index, &ask, &answer, &error) < 0);
    ask.query_count = 1;
    query[1] = NAN;
    assert_true(index_search(index, &ask, &answer, &error) < 0);
    assert_int_equal(error.code, ERROR_UNFIT);
    query[1] = INFINITY;
    assert_true(index_search(index, &ask, &answer, &error) < 0);
    assert_int_equal(error.code, ERROR_UNFIT);
    index_close(index);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(answers_are_those_of_brute_force),
        TEST(large_dimensions_are_right),
        TEST(thousands_of_nearly_equal_rows_are_told_apart),
        TEST(lent_threads_find_the_same),
        TEST(filters_are_those_of_the_last_commit),
        TEST(a_lender_may_have_no_threads),
        TEST(scores_and_distances_are_those_of_the_metric),
        TEST(no_distance_is_negative),
        TEST(an_empty_index_has_no_hits),
        TEST(bad_queries_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
