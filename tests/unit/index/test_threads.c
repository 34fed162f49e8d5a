/* SPDX-License-Identifier: Apache-2.0
 *
 * Searches while rows are put, changed and removed. The generation determines the state of the
 * index, so that each answer is compared with brute force over exactly its state. Also for
 * ThreadSanitizer.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"

enum { KEYS = 90, BATCH = 5, DIMENSION = 12, COMMITS = 250, READERS = 3, K = 6 };

struct scene {
    struct index *index;
    uint64_t first; /* generation before the first batch */
    atomic_bool stop;
    atomic_uint searches;
    atomic_uint wrong;
};

/* The version of each key after that many batches; 0: absent. */
static void play(uint64_t step, uint32_t versions[KEYS])
{
    memset(versions, 0, KEYS * sizeof *versions);
    for (uint64_t s = 1; s <= step; s++) {
        uint64_t seed = s * 7919 + 1;
        for (int i = 0; i < BATCH; i++) {
            uint64_t random = fixture_random(&seed);
            versions[random % KEYS] = random >> 62 == 0 ? 0 : (uint32_t)s;
        }
    }
}

static void make_vector(unsigned key, uint32_t version, float *vector)
{
    uint64_t seed = ((uint64_t)key << 32 | version) * 31 + 7;
    for (int i = 0; i < 4; i++) {
        (void)fixture_random(&seed);
    }
    for (int i = 0; i < DIMENSION; i++) {
        vector[i] = fixture_uniform(&seed);
    }
}

/* Additional rounds: on a slow machine the writer waits for the readers. */
static void await_searches(struct scene *scene, unsigned count)
{
    unsigned until = atomic_load(&scene->searches) + count;
    for (int i = 0; i < 20000 && atomic_load(&scene->searches) < until; i++) {
        (void)usleep(1000);
    }
}

static void *write_rows(void *arg)
{
    struct scene *scene = arg;
    struct index_batch *batch = NULL;
    struct error error = {.code = ERROR_NONE};
    float vector[DIMENSION];
    char name[16];
    int r = index_batch_new(scene->index, &batch);
    for (uint64_t step = 1; step <= COMMITS && r == 0; step++) {
        uint64_t seed = step * 7919 + 1;
        for (int i = 0; i < BATCH && r == 0; i++) {
            uint64_t random = fixture_random(&seed);
            unsigned key = (unsigned)(random % KEYS);
            (void)snprintf(name, sizeof name, "%05u", key);
            make_vector(key, (uint32_t)step, vector);
            r = random >> 62 == 0 ? index_batch_remove(batch, name, &error)
                                  : index_batch_put(batch, name, vector, &error);
        }
        if (r == 0) {
            r = index_batch_commit(batch, NULL, 0, &error);
        }
        if (step % 16 == 0) {
            await_searches(scene, READERS);
        }
        if (r == 0 && step % 50 == 0) {
            uint64_t position = 0;
            struct index_findings findings = {.rows = 0};
            r = index_verify(scene->index, &position, UINT64_MAX, &findings, &error);
            atomic_fetch_add(&scene->wrong, findings.rows_damaged + findings.blocks_rebuilt > 0);
        }
    }
    atomic_fetch_add(&scene->wrong, r < 0);
    index_batch_free(batch);
    atomic_store(&scene->stop, true);
    return NULL;
}

static double score(const float *a, const float *b)
{
    double sum = 0.0;
    for (int i = 0; i < DIMENSION; i++) {
        sum += (double)a[i] * (double)b[i];
    }
    return sum;
}

/* Whether the hits are the best of that state. */
static bool is_right(const struct index_answer *answer, uint64_t first, const float *query)
{
    uint32_t versions[KEYS];
    double scores[KEYS];
    size_t live = 0;
    play(answer->generation - first, versions);
    for (unsigned key = 0; key < KEYS; key++) {
        float vector[DIMENSION];
        make_vector(key, versions[key], vector);
        scores[key] = score(vector, query);
        live += versions[key] != 0;
    }
    const struct index_hits *hits = &answer->queries[0];
    if (answer->damaged != 0 || hits->count != (live < K ? live : K)) {
        return false;
    }
    for (size_t i = 0; i < hits->count; i++) {
        unsigned best = KEYS;
        for (unsigned key = 0; key < KEYS; key++) {
            if (versions[key] != 0 && (best == KEYS || scores[key] > scores[best])) {
                best = key;
            }
        }
        if ((unsigned)atoi(hits->hits[i].key) != best || hits->hits[i].score != scores[best]) {
            return false;
        }
        versions[best] = 0;
    }
    return true;
}

static void *search_rows(void *arg)
{
    struct scene *scene = arg;
    uint64_t seed = (uint64_t)(uintptr_t)pthread_self() | 1;
    float query[DIMENSION];
    while (!atomic_load(&scene->stop)) {
        struct index_query ask = {.vectors = query, .query_count = 1, .k = K};
        struct index_answer answer;
        struct error error;
        if (fixture_random(&seed) >> 62 == 0) {
            ask.threads = 2;
            ask.lend = fixture_lend;
        }
        for (int i = 0; i < DIMENSION; i++) {
            query[i] = fixture_uniform(&seed);
        }
        if (index_search(scene->index, &ask, &answer, &error) < 0) {
            atomic_fetch_add(&scene->wrong, 1);
            continue;
        }
        atomic_fetch_add(&scene->wrong, !is_right(&answer, scene->first, query));
        atomic_fetch_add(&scene->searches, 1);
        index_answer_done(&answer);
    }
    return NULL;
}

static void answers_are_right_while_rows_change(void **state)
{
    pthread_t threads[READERS + 1];
    struct index_status status;
    struct scene scene = {.index = fixture_create(*state, DIMENSION, INDEX_DOT)};
    index_status(scene.index, &status);
    scene.first = status.generation;
    assert_int_equal(pthread_create(&threads[0], NULL, write_rows, &scene), 0);
    for (int i = 1; i <= READERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, search_rows, &scene), 0);
    }
    for (int i = 0; i <= READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    index_status(scene.index, &status);
    assert_int_equal(atomic_load(&scene.wrong), 0);
    assert_true(atomic_load(&scene.searches) >= COMMITS / 16 * READERS);
    assert_int_equal(status.generation, scene.first + COMMITS);
    assert_true(status.slots < (uint64_t)COMMITS * BATCH / 2); /* slots were used again */
    print_message("%u searches, %llu slots\n", atomic_load(&scene.searches),
                  (unsigned long long)status.slots);
    index_close(scene.index);
    assert_int_equal(((struct fixture *)*state)->told, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_are_right_while_rows_change, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
