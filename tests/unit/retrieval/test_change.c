/* SPDX-License-Identifier: Apache-2.0
 *
 * Indexes that change as a whole while they are searched: rebuilt and swapped, removed, imported.
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

#include "fixture.h"

enum { COUNT = 800, SEARCHERS = 3 };

/* ---- searches beside it ---- */

struct searching {
    struct fixture *fixture;
    atomic_bool end;
    atomic_uint answers;
    atomic_uint wrong;
    pthread_t threads[SEARCHERS];
};

/* Each object is the nearest to itself, whatever the index's current model. */
static void search_once(struct searching *searching, unsigned count)
{
    unsigned number = count % (COUNT / 11) * 11; /* none of those that fail */
    struct retrieval_use *use = NULL;
    struct index_answer answer;
    char key[32];
    float vector[2 * FIXTURE_DIMENSION + 1];
    if (retrieval_use(searching->fixture->retrieval, &ACCESS_ALL, RIGHT_SEARCH, "x", &use, NULL) <
        0) {
        atomic_fetch_add(&searching->wrong, 1);
        return;
    }
    (void)snprintf(key, sizeof key, "a/%05u.jpg", number);
    (void)fixture_vector(retrieval_use_spec(use)->model, key, 1 + number % 97, vector);
    struct index_query query = {.vectors = vector, .query_count = 1, .k = 1};
    bool right = index_search(retrieval_use_index(use), &query, &answer, NULL) == 0;
    if (right) {
        right = answer.queries[0].count == 1 && strcmp(answer.queries[0].hits[0].key, key) == 0 &&
                answer.queries[0].hits[0].score > 0.99999;
        index_answer_done(&answer);
    }
    retrieval_use_free(use);
    atomic_fetch_add(right ? &searching->answers : &searching->wrong, 1);
}

static void *search(void *context)
{
    struct searching *searching = context;
    for (unsigned number = 1; !atomic_load(&searching->end); number++) {
        search_once(searching, number);
        fixture_sleep_ms(1);
    }
    return NULL;
}

static void begin_searching(struct searching *searching, struct fixture *fixture)
{
    searching->fixture = fixture;
    atomic_init(&searching->end, false);
    atomic_init(&searching->answers, 0);
    atomic_init(&searching->wrong, 0);
    for (int i = 0; i < SEARCHERS; i++) {
        assert_int_equal(pthread_create(&searching->threads[i], NULL, search, searching), 0);
    }
}

static void end_searching(struct searching *searching)
{
    atomic_store(&searching->end, true);
    for (int i = 0; i < SEARCHERS; i++) {
        (void)pthread_join(searching->threads[i], NULL);
    }
    assert_true(atomic_load(&searching->answers) > 50);
    assert_int_equal(atomic_load(&searching->wrong), 0);
}

/* ---- rebuilds ---- */

static size_t count_jobs(struct fixture *fixture)
{
    struct job_info *infos = NULL;
    size_t count = 0;
    assert_int_equal(jobs_list(fixture->jobs, &ACCESS_ALL, &infos, &count), 0);
    for (size_t i = 0; i < count; i++) {
        job_info_done(&infos[i]);
    }
    free(infos);
    return count;
}

static bool is_on_disk(struct fixture *fixture, const char *path)
{
    char full[128];
    (void)snprintf(full, sizeof full, "%s/indexes/%s", fixture->root, path);
    return access(full, F_OK) == 0;
}

static void another_model_is_built_beside_and_swapped_in(void **state)
{
    struct fixture *fixture = *state;
    struct searching searching;
    struct error error = {.code = ERROR_NONE};
    fixture_fill(fixture, "a/", COUNT);
    fixture_create(fixture, "x");
    fixture_await_ready(fixture, "x");
    begin_searching(&searching, fixture);
    atomic_store(&fixture->delay_us, 50000); /* it builds as long as the test observes it */
    assert_int_equal(fixture_rebuild(fixture, "x", "m2", "7", NULL), 0);
    assert_int_equal(fixture_rebuild(fixture, "x", "m2", "8", &error), -EEXIST);
    assert_int_equal(error.code, ERROR_CONFLICT);
    struct retrieval_info info = fixture_info(fixture, "x");
    assert_true(info.has_next);
    assert_string_equal(info.next_model, "m2");
    assert_string_equal(info.next_version, "7");
    assert_int_equal(info.state, RETRIEVAL_READY);
    retrieval_info_done(&info);
    fixture_put(fixture, "a/new.jpg", 3); /* while it builds */
    atomic_store(&fixture->delay_us, 500);
    fixture_await_exact(fixture, "x", "m2");
    fixture_await(fixture, "x", RETRIEVAL_READY);
    end_searching(&searching);
    info = fixture_info(fixture, "x");
    assert_false(info.has_next);
    assert_string_equal(info.spec.model, "m2");
    assert_string_equal(info.spec.version, "7");
    assert_int_equal(info.dimension, 2 * FIXTURE_DIMENSION);
    retrieval_info_done(&info);
    atomic_store(&fixture->delay_us, 0);
    fixture_restart(fixture);
    assert_true(fixture_is_exact(fixture, "x", "m2"));
    assert_int_equal(count_jobs(fixture), 1);
    assert_false(is_on_disk(fixture, "x/1"));
    assert_true(is_on_disk(fixture, "x/2"));
    fixture_hide(fixture, "a/new.jpg");
    fixture_await_exact(fixture, "x", "m2");
}

static void a_rebuild_goes_on_after_a_restart(void **state)
{
    struct fixture *fixture = *state;
    fixture_fill(fixture, "a/", COUNT);
    fixture_create(fixture, "x");
    fixture_await_ready(fixture, "x");
    atomic_store(&fixture->delay_us, 10000);
    assert_int_equal(fixture_rebuild(fixture, "x", "m2", "", NULL), 0);
    struct retrieval_info info = fixture_info(fixture, "x");
    for (int i = 0; i < 2000 && info.has_next && info.next_rows == 0; i++) {
        retrieval_info_done(&info);
        fixture_sleep_ms(10);
        info = fixture_info(fixture, "x");
    }
    assert_true(info.has_next && info.next_rows > 0);
    retrieval_info_done(&info);
    fixture_restart(fixture);
    info = fixture_info(fixture, "x");
    assert_true(info.has_next);
    retrieval_info_done(&info);
    assert_true(fixture_is_exact(fixture, "x", "m"));
    atomic_store(&fixture->delay_us, 0);
    fixture_await_exact(fixture, "x", "m2");
}

static void a_rebuild_that_comes_to_nothing_leaves_the_index(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {.code = ERROR_NONE};
    fixture_fill(fixture, "a/", COUNT);
    fixture_create(fixture, "x");
    fixture_await_ready(fixture, "x");
    assert_int_equal(fixture_rebuild(fixture, "x", "none", "", &error), -ENOENT);
    assert_int_equal(fixture_rebuild(fixture, "y", "m2", "", &error), -ENOENT);
    atomic_store(&fixture->classes, true);
    assert_int_equal(fixture_rebuild(fixture, "x", "m2", "", NULL), 0);
    struct retrieval_info info = fixture_info(fixture, "x");
    for (int64_t deadline_ns = fixture_deadline(); info.has_next;) {
        assert_false(fixture_is_late(deadline_ns));
        retrieval_info_done(&info);
        info = fixture_info(fixture, "x");
    }
    assert_int_equal(info.state, RETRIEVAL_READY);
    assert_non_null(strstr(info.reason.message, "m2"));
    assert_non_null(strstr(info.reason.message, "no embeddings"));
    retrieval_info_done(&info);
    assert_true(fixture_is_exact(fixture, "x", "m"));
    for (int64_t deadline_ns = fixture_deadline(); count_jobs(fixture) > 1;) {
        assert_false(fixture_is_late(deadline_ns));
    }
    atomic_store(&fixture->classes, false);
    assert_int_equal(fixture_rebuild(fixture, "x", "m2", "", NULL), 0);
    fixture_await_exact(fixture, "x", "m2");
}

/* ---- removal ---- */

static void an_index_in_use_stays_until_it_is_given_back(void **state)
{
    struct fixture *fixture = *state;
    struct retrieval_use *use = NULL;
    struct retrieval_use *again = NULL;
    struct index_walk *walk = NULL;
    const char *key = NULL;
    float row[FIXTURE_DIMENSION];
    unsigned rows = 0;
    fixture_fill(fixture, "a/", COUNT);
    fixture_create(fixture, "x");
    fixture_await_ready(fixture, "x");
    assert_int_equal(retrieval_use(fixture->retrieval, &ACCESS_ALL, RIGHT_SEARCH, "x", &use, NULL),
                     0);
    assert_int_equal(retrieval_remove(fixture->retrieval, &ACCESS_ALL, "x", NULL), 0);
    assert_int_equal(retrieval_remove(fixture->retrieval, &ACCESS_ALL, "x", NULL), -ENOENT);
    assert_int_equal(
        retrieval_use(fixture->retrieval, &ACCESS_ALL, RIGHT_SEARCH, "x", &again, NULL), -ENOENT);
    assert_int_equal(count_jobs(fixture), 0);
    assert_false(is_on_disk(fixture, "x"));
    fixture_create(fixture, "x"); /* the name is free */
    fixture_await_ready(fixture, "x");
    assert_int_equal(index_walk_new(retrieval_use_index(use), "", "", &walk, NULL), 0);
    while (index_walk_next(walk, &key, row, NULL) == 1) {
        rows++;
    }
    assert_true(rows > COUNT / 2);
    index_walk_free(walk);
    assert_true(is_on_disk(fixture, ".old-x-2"));
    retrieval_use_free(use);
    assert_false(is_on_disk(fixture, ".old-x-2"));
    assert_true(fixture_is_exact(fixture, "x", "m"));
}

static void indexes_come_and_go_beside_searches(void **state)
{
    struct fixture *fixture = *state;
    struct searching searching;
    fixture_fill(fixture, "a/", COUNT);
    fixture_create(fixture, "x");
    fixture_await_ready(fixture, "x");
    begin_searching(&searching, fixture);
    for (int i = 0; i < 10; i++) {
        fixture_create(fixture, "y");
        if (i % 2 == 0) {
            fixture_await_ready(fixture, "y");
            assert_int_equal(fixture_rebuild(fixture, "y", "m2", "", NULL), 0);
        }
        fixture_sleep_ms((unsigned)i * 7);
        assert_int_equal(retrieval_remove(fixture->retrieval, &ACCESS_ALL, "y", NULL), 0);
    }
    end_searching(&searching);
    assert_int_equal(count_jobs(fixture), 1);
}

/* ---- imports ---- */

static struct retrieval_import *begin_import(struct fixture *fixture, const char *name)
{
    struct retrieval_spec spec = {.metric = INDEX_DOT};
    struct retrieval_import *import = NULL;
    (void)snprintf(spec.name, sizeof spec.name, "%s", name);
    assert_int_equal(retrieval_import_new(fixture->retrieval, &spec, &import, NULL), 0);
    return import;
}

static void what_is_imported_is_searched_when_it_is_finished(void **state)
{
    struct fixture *fixture = *state;
    struct retrieval_import *import = begin_import(fixture, "made-elsewhere");
    struct retrieval_use *use = NULL;
    struct retrieval_info info;
    struct error error = {.code = ERROR_NONE};
    char name[32];
    float row[3];
    bool found = false;
    for (unsigned i = 0; i < 10000; i++) {
        unsigned number = i * 7919 % 10000;
        float vector[3] = {(float)number, 1, -1};
        (void)snprintf(name, sizeof name, "any/%05u", number);
        assert_int_equal(retrieval_import_put(import, name, vector, 3, NULL), 0);
    }
    float last[3] = {5, 6, 7}; /* a name that occurred before */
    assert_int_equal(retrieval_import_put(import, "any/00042", last, 3, NULL), 0);
    assert_int_equal(retrieval_import_put(import, "any/00042", last, 2, &error), -EINVAL);
    assert_int_equal(retrieval_import_put(import, "", last, 3, &error), -EINVAL);
    assert_int_equal(
        retrieval_use(fixture->retrieval, &ACCESS_ALL, RIGHT_SEARCH, "made-elsewhere", &use, NULL),
        -ENOENT);
    assert_int_equal(retrieval_import_finish(import, &info, NULL), 0);
    retrieval_import_free(import);
    assert_int_equal(info.state, RETRIEVAL_READY);
    assert_null(info.spec.select.store);
    assert_string_equal(info.job, "");
    assert_int_equal(info.dimension, 3);
    assert_int_equal(info.index.rows, 10000);
    retrieval_info_done(&info);
    fixture_restart(fixture);
    assert_int_equal(
        retrieval_use(fixture->retrieval, &ACCESS_ALL, RIGHT_SEARCH, "made-elsewhere", &use, NULL),
        0);
    assert_string_equal(retrieval_use_key(use, "any/00042"), "any/00042");
    assert_string_equal(retrieval_use_prefix(use, "any/"), "any/");
    assert_int_equal(index_get(retrieval_use_index(use), "any/00042", row, &found, NULL), 0);
    assert_true(found);
    assert_memory_equal(row, last, sizeof row);
    assert_int_equal(index_get(retrieval_use_index(use), "any/00043", row, &found, NULL), 0);
    assert_true(found && row[0] == 43);
    retrieval_use_free(use);
    assert_int_equal(fixture_rebuild(fixture, "made-elsewhere", "m", "", &error), -EEXIST);
    assert_int_equal(retrieval_remove(fixture->retrieval, &ACCESS_ALL, "made-elsewhere", NULL), 0);
}

static void an_import_that_is_not_finished_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct retrieval_import *import = begin_import(fixture, "x");
    struct retrieval_info info;
    struct error error = {.code = ERROR_NONE};
    const float vector[2] = {1, 2};
    assert_int_equal(retrieval_import_finish(import, &info, &error), -EINVAL); /* nothing in it */
    assert_int_equal(retrieval_import_put(import, "a", vector, 2, NULL), 0);
    assert_true(is_on_disk(fixture, ".new-x-1"));
    retrieval_import_free(import);
    assert_false(is_on_disk(fixture, ".new-x-1"));
    import = begin_import(fixture, "x");
    assert_int_equal(retrieval_import_put(import, "a", vector, 2, NULL), 0);
    fixture_create(fixture, "x"); /* another was faster */
    assert_int_equal(retrieval_import_finish(import, &info, &error), -EEXIST);
    assert_int_equal(error.code, ERROR_CONFLICT);
    retrieval_import_free(import);
    assert_false(is_on_disk(fixture, ".new-x-2"));
    fixture_fill(fixture, "a/", 20);
    fixture_await_exact(fixture, "x", "m");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(another_model_is_built_beside_and_swapped_in),
        TEST(a_rebuild_goes_on_after_a_restart),
        TEST(a_rebuild_that_comes_to_nothing_leaves_the_index),
        TEST(an_index_in_use_stays_until_it_is_given_back),
        TEST(indexes_come_and_go_beside_searches),
        TEST(what_is_imported_is_searched_when_it_is_finished),
        TEST(an_import_that_is_not_finished_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
