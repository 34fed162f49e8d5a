/* SPDX-License-Identifier: Apache-2.0
 *
 * kill -9 at any moment while rows are put, changed and removed: afterwards every committed key is
 * found by its own vector, no removed one is, and all sums are right. A child writes, and reports
 * through shared memory which batch it commits; the vectors are functions of key and version.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <math.h>

#include "base/bytes.h"
#include "fixture.h"

enum { KILLS = 50, KEYS = 150, BATCH = 12, DIMENSION = 24 };

/* The state of a key after `step` batches: batch s changes BATCH keys, each third time by removal.
 * 0: absent, otherwise the version. */
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

static void commit_step(struct index_batch *batch, uint64_t step)
{
    float vector[DIMENSION];
    uint8_t note[8];
    char name[600];
    struct error error;
    uint64_t seed = step * 7919 + 1;
    for (int i = 0; i < BATCH; i++) {
        uint64_t random = fixture_random(&seed);
        unsigned key = (unsigned)(random % KEYS);
        int r;
        /* Some keys are of several pieces. */
        (void)snprintf(name, sizeof name, key % 10 == 0 ? "%0550u" : "%05u", key);
        if (random >> 62 == 0) {
            r = index_batch_remove(batch, name, &error);
        } else {
            make_vector(key, (uint32_t)step, vector);
            r = index_batch_put(batch, name, vector, &error);
        }
        if (r < 0) {
            _exit(3);
        }
    }
    bytes_put_u64(note, step);
    if (index_batch_commit(batch, note, sizeof note, &error) < 0) {
        _exit(4);
    }
}

static uint64_t step_of(struct index *index)
{
    uint8_t note[8];
    size_t size = 0;
    struct error error;
    assert_int_equal(index_note(index, note, sizeof note, &size, &error), 0);
    return size == 8 ? bytes_get_u64(note) : 0;
}

/* The child: never returns. */
static void write_for_ever(const struct fixture *fixture, uint64_t *committed)
{
    struct index *index = NULL;
    struct index_batch *batch = NULL;
    struct error error;
    uint8_t note[8];
    size_t size = 0;
    if (index_open(fixture->directory, NULL, &index, &error) < 0 ||
        index_batch_new(index, &batch) < 0 ||
        index_note(index, note, sizeof note, &size, &error) < 0) {
        _exit(2);
    }
    for (uint64_t step = size == 8 ? bytes_get_u64(note) + 1 : 1;; step++) {
        commit_step(batch, step);
        __atomic_store_n(committed, step, __ATOMIC_SEQ_CST);
        if (step % 16 == 0 && index_save(index, &error) < 0) {
            _exit(5);
        }
    }
}

static void check_key(struct index *index, unsigned key, uint32_t version)
{
    float vector[DIMENSION];
    float stored[DIMENSION];
    char name[600];
    bool there = false;
    struct index_answer answer;
    struct error error = {.code = ERROR_NONE};
    (void)snprintf(name, sizeof name, key % 10 == 0 ? "%0550u" : "%05u", key);
    assert_int_equal(index_get(index, name, stored, &there, &error), 0);
    assert_int_equal(there, version != 0);
    if (version == 0) {
        return;
    }
    make_vector(key, version, vector);
    struct index_query query = {.vectors = vector, .query_count = 1, .k = 1};
    assert_int_equal(index_search(index, &query, &answer, &error), 0);
    assert_int_equal(answer.damaged, 0);
    assert_string_equal(answer.queries[0].hits[0].key, name);
    assert_true(fabs(answer.queries[0].hits[0].score - 1.0) < 1e-6);
    index_answer_done(&answer);
}

/* No search finds an absent key: all rows are requested, by the current or last vectors of the
 * keys. */
static void check_searches(struct index *index, uint64_t step, const uint32_t versions[KEYS],
                           uint64_t live)
{
    for (uint64_t s = step > 8 ? step - 8 : 1; s <= step; s++) {
        float vector[DIMENSION];
        bool seen[KEYS] = {false};
        struct index_answer answer;
        make_vector((unsigned)(s % KEYS), (uint32_t)s, vector);
        struct index_query query = {.vectors = vector, .query_count = 1, .k = 2 * KEYS};
        assert_int_equal(index_search(index, &query, &answer, NULL), 0);
        assert_int_equal(answer.queries[0].count, live);
        for (size_t i = 0; i < answer.queries[0].count; i++) {
            unsigned long key = strtoul(answer.queries[0].hits[i].key, NULL, 10);
            assert_true(key < KEYS && versions[key] != 0 && !seen[key]);
            seen[key] = true;
        }
        index_answer_done(&answer);
    }
}

/* Returns the step that was found. */
static uint64_t check_all(struct fixture *fixture, uint64_t committed)
{
    uint32_t versions[KEYS];
    uint64_t position = 0;
    uint64_t live = 0;
    struct index_findings findings;
    struct index_status status;
    struct error error = {.code = ERROR_NONE};
    struct index *index = fixture_open(fixture);
    uint64_t step = step_of(index);
    /* The batch that was being committed is there completely or not at all. */
    assert_true(step == committed || step == committed + 1);
    play(step, versions);
    for (unsigned key = 0; key < KEYS; key++) {
        check_key(index, key, versions[key]);
        live += versions[key] != 0;
    }
    check_searches(index, step, versions, live);
    index_status(index, &status);
    assert_int_equal(status.rows, live);
    assert_int_equal(index_verify(index, &position, UINT64_MAX, &findings, &error), 0);
    assert_int_equal(findings.rows, live);
    assert_int_equal(findings.rows_damaged, 0);
    assert_int_equal(findings.blocks_rebuilt, 0);
    assert_int_equal(position, 0);
    assert_int_equal(fixture->told, 0);
    index_close(index);
    return step;
}

/* One more than there were. */
static void await_commit(const uint64_t *committed)
{
    uint64_t before = __atomic_load_n(committed, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 20000 && __atomic_load_n(committed, __ATOMIC_SEQ_CST) == before; i++) {
        (void)usleep(1000);
    }
    assert_true(__atomic_load_n(committed, __ATOMIC_SEQ_CST) > before);
}

static void committed_rows_outlive_any_kill(void **state)
{
    struct fixture *fixture = *state;
    uint64_t seed = 12;
    uint64_t *committed =
        mmap(NULL, sizeof *committed, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(committed != MAP_FAILED);
    *committed = 0;
    index_close(fixture_create(fixture, DIMENSION, INDEX_COSINE));
    for (int i = 0; i < KILLS; i++) {
        pid_t child = fork();
        int status = 0;
        assert_true(child >= 0);
        if (child == 0) {
            write_for_ever(fixture, committed);
        }
        if (i % 2 == 0) { /* on a slow machine no other may reach its first commit */
            await_commit(committed);
        }
        (void)usleep((useconds_t)(500 + fixture_random(&seed) % 60000));
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        uint64_t step = check_all(fixture, __atomic_load_n(committed, __ATOMIC_SEQ_CST));
        __atomic_store_n(committed, step, __ATOMIC_SEQ_CST);
    }
    print_message("%llu batches were committed\n", (unsigned long long)*committed);
    assert_true(*committed >= KILLS / 2);
    assert_int_equal(munmap(committed, sizeof *committed), 0);
}

static void a_kill_while_the_index_is_made_does_no_harm(void **state)
{
    struct fixture *fixture = *state;
    struct index_shape shape = {.dimension = DIMENSION, .metric = INDEX_COSINE};
    struct error error = {.code = ERROR_NONE};
    for (unsigned i = 0; i < KILLS; i++) {
        struct index *index = NULL;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            _exit(index_create(fixture->directory, &shape, &error) < 0);
        }
        (void)usleep(i * 100);
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        if (index_open(fixture->directory, NULL, &index, &error) < 0) {
            assert_int_equal(error.code, ERROR_NOT_FOUND);
            assert_int_equal(index_create(fixture->directory, &shape, &error), 0);
            index = fixture_open(fixture);
        }
        fixture_put(index, "a", (const float[DIMENSION]){1.0f});
        index_close(index);
        assert_int_equal(index_destroy(fixture->directory, &error), 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(committed_rows_outlive_any_kill),
        TEST(a_kill_while_the_index_is_made_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
