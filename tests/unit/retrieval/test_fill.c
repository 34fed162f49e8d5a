/* SPDX-License-Identifier: Apache-2.0
 *
 * Indexes that follow a store: they get what it has and lose what it loses, over restarts, and
 * whatever happens to their jobs.
 */
#include <errno.h>
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

#include "base/clock.h"
#include "fixture.h"

enum { COUNT = 1500, BAD = COUNT / 11 + 1 /* or one less */ };

static void an_index_is_filled_and_told_of(void **state)
{
    struct fixture *fixture = *state;
    struct retrieval_use *use = NULL;
    struct error error = {.code = ERROR_NONE};
    fixture_create(fixture, "empty");
    assert_int_equal(
        retrieval_use(fixture->retrieval, &ACCESS_ALL, RIGHT_SEARCH, "empty", &use, &error),
        -EAGAIN);
    assert_int_equal(error.code, ERROR_UNAVAILABLE);
    fixture_await(fixture, "empty", RETRIEVAL_READY); /* nothing is everything there is */
    fixture_fill(fixture, "a/", COUNT);
    fixture_fill(fixture, "b/", 10);
    fixture_create(fixture, "x");
    fixture_await_ready(fixture, "x");
    struct retrieval_info info = fixture_info(fixture, "x");
    assert_string_equal(info.spec.name, "x");
    assert_string_equal(info.spec.version, "1");
    assert_string_equal(info.spec.select.store, "s");
    assert_int_equal(info.spec.digest[0], 'a');
    assert_int_equal(info.dimension, FIXTURE_DIMENSION);
    assert_true(info.selected_known);
    assert_int_equal(info.selected, COUNT);
    assert_int_equal(info.index.rows + info.failed, COUNT);
    assert_true(info.failed == BAD || info.failed == BAD - 1);
    assert_int_equal(strlen(info.job), JOB_ID_SIZE - 1);
    assert_false(info.has_next);
    retrieval_info_done(&info);
    fixture_await_exact(fixture, "empty", "m"); /* it has come to them, too */
}

/* While its last commit ran, an index was ready without rows: all of them failed. */
static void a_ready_index_has_its_rows(void **state)
{
    struct fixture *fixture = *state;
    fixture_fill(fixture, "a/", 100);
    for (unsigned round = 0; round < 12; round++) {
        char name[16];
        (void)snprintf(name, sizeof name, "x%u", round);
        fixture_create(fixture, name);
        int64_t deadline_ns = clock_now_ns() + AWAIT_MS * NS_PER_MS;
        struct retrieval_info info = fixture_info(fixture, name);
        while (info.state != RETRIEVAL_READY && clock_now_ns() < deadline_ns) {
            retrieval_info_done(&info);
            info = fixture_info(fixture, name);
        }
        assert_int_equal(info.state, RETRIEVAL_READY);
        assert_in_range(info.index.rows, 90, 99);
        assert_int_equal(info.index.rows + info.failed, 100);
        retrieval_info_done(&info);
    }
}

static void names_and_keys_belong_together(void **state)
{
    struct fixture *fixture = *state;
    struct retrieval_use *use = NULL;
    struct buffer name = BUFFER_INIT;
    fixture_fill(fixture, "a/", 3);
    fixture_create(fixture, "x");
    fixture_await_ready(fixture, "x");
    assert_int_equal(retrieval_use(fixture->retrieval, &ACCESS_ALL, RIGHT_SEARCH, "x", &use, NULL),
                     0);
    assert_string_equal(retrieval_use_key(use, "s/a/1"), "a/1");
    assert_null(retrieval_use_key(use, "s/"));
    assert_null(retrieval_use_key(use, "st/a"));
    assert_null(retrieval_use_key(use, "a/1"));
    assert_string_equal(retrieval_use_prefix(use, ""), "");
    assert_string_equal(retrieval_use_prefix(use, "s"), "");
    assert_string_equal(retrieval_use_prefix(use, "s/"), "");
    assert_string_equal(retrieval_use_prefix(use, "s/a/0"), "a/0");
    assert_null(retrieval_use_prefix(use, "t"));
    assert_null(retrieval_use_prefix(use, "sa"));
    retrieval_use_name(use, "a/1", &name);
    assert_string_equal(buffer_text(&name), "s/a/1");
    buffer_done(&name);
    retrieval_use_free(use);
}

static void what_comes_changes_and_goes_is_followed(void **state)
{
    struct fixture *fixture = *state;
    fixture_fill(fixture, "a/", COUNT);
    fixture_create(fixture, "x");
    fixture_await_ready(fixture, "x");
    fixture_put(fixture, "a/new.jpg", 17);
    fixture_put(fixture, "a/00007.jpg", 4711);
    fixture_put(fixture, "a/00005bad.jpg", 4711);
    fixture_hide(fixture, "a/00008.jpg");
    fixture_hide(fixture, "a/00016bad.jpg");
    fixture_await_exact(fixture, "x", "m");
    fixture_restart(fixture);
    struct retrieval_info info = fixture_info(fixture, "x");
    assert_int_equal(info.state, RETRIEVAL_READY); /* at once */
    retrieval_info_done(&info);
    assert_true(fixture_is_exact(fixture, "x", "m"));
    fixture_put(fixture, "a/00008.jpg", 9);
    fixture_hide(fixture, "a/new.jpg");
    fixture_await_exact(fixture, "x", "m");
    assert_true(atomic_load(&fixture->inferred) <= COUNT + 5);
}

static void what_was_taken_in_the_job_forgets(void **state)
{
    struct fixture *fixture = *state;
    struct jobs_reader *reader = NULL;
    struct error error = {.code = ERROR_NONE};
    fixture_fill(fixture, "a/", 6000);
    fixture_create(fixture, "x");
    fixture_await_ready(fixture, "x");
    struct retrieval_info info = fixture_info(fixture, "x");
    assert_int_equal(jobs_reader_new(fixture->jobs, info.job, 0, NULL, NULL, &reader, &error),
                     -ENOENT);
    assert_int_equal(error.code, ERROR_NOT_FOUND);
    fixture_restart(fixture);
    fixture_put(fixture, "a/00007.jpg", 4711);
    fixture_await_exact(fixture, "x", "m");
    struct retrieval_info again = fixture_info(fixture, "x");
    assert_string_equal(again.job, info.job);
    retrieval_info_done(&again);
    retrieval_info_done(&info);
}

static void a_model_without_embeddings_is_told(void **state)
{
    struct fixture *fixture = *state;
    fixture_fill(fixture, "a/", 100);
    atomic_store(&fixture->classes, true);
    fixture_create(fixture, "x");
    for (int again = 0; again < 2; again++) {
        fixture_await(fixture, "x", RETRIEVAL_FAILED);
        struct retrieval_info info = fixture_info(fixture, "x");
        assert_int_equal(info.reason.code, ERROR_UNFIT);
        assert_non_null(strstr(info.reason.message, "no embeddings"));
        retrieval_info_done(&info);
        fixture_restart(fixture);
    }
    assert_int_equal(retrieval_remove(fixture->retrieval, &ACCESS_ALL, "x", NULL), 0);
}

static void a_vector_of_another_dimension_is_told(void **state)
{
    struct fixture *fixture = *state;
    fixture_fill(fixture, "a/", 20);
    fixture_put(fixture, "a/00017wide.jpg", 5);
    fixture_create(fixture, "x");
    fixture_await(fixture, "x", RETRIEVAL_FAILED);
    struct retrieval_info info = fixture_info(fixture, "x");
    assert_int_equal(info.reason.code, ERROR_UNFIT);
    assert_non_null(strstr(info.reason.message, "00017wide"));
    enum job_state job_state = JOB_RUNNING;
    int64_t deadline_ns = fixture_deadline();
    while (job_state != JOB_PAUSED && !fixture_is_late(deadline_ns)) {
        struct job_info job;
        assert_int_equal(jobs_get(fixture->jobs, info.job, &job, NULL), 0);
        job_state = job.state;
        job_info_done(&job);
    }
    assert_int_equal(job_state, JOB_PAUSED); /* its result is of no use */
    retrieval_info_done(&info);
}

static void what_cannot_be_is_refused(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"", ".a", "a/b", "a b"};
    struct retrieval_info info;
    struct error error = {.code = ERROR_NONE};
    struct retrieval_spec spec = fixture_spec("x");
    static char other[] = "other";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct retrieval_spec bad = fixture_spec(names[i]);
        assert_int_equal(retrieval_create(fixture->retrieval, &bad, &info, &error), -EINVAL);
    }
    struct retrieval_spec none = fixture_spec("x");
    (void)stpcpy(none.model, "none");
    assert_int_equal(retrieval_create(fixture->retrieval, &none, &info, &error), -ENOENT);
    none = fixture_spec("x");
    none.select.store = other;
    assert_int_equal(retrieval_create(fixture->retrieval, &none, &info, &error), -ENOENT);
    assert_int_equal(retrieval_get(fixture->retrieval, &ACCESS_ALL, "x", &info, &error), -ENOENT);
    assert_int_equal(retrieval_create(fixture->retrieval, &spec, &info, &error), 0);
    retrieval_info_done(&info);
    assert_int_equal(retrieval_create(fixture->retrieval, &spec, &info, &error), -EEXIST);
    assert_int_equal(error.code, ERROR_CONFLICT);
    for (unsigned i = 1; i < LIMIT_INDEXES; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "n%u", i);
        fixture_create(fixture, name);
    }
    spec = fixture_spec("one-too-many");
    assert_int_equal(retrieval_create(fixture->retrieval, &spec, &info, &error), -EBUSY);
}

static void long_names_have_jobs_of_their_own(void **state)
{
    struct fixture *fixture = *state;
    char names[2][LIMIT_MODEL_NAME + 1];
    struct retrieval_info infos[2];
    fixture_fill(fixture, "a/", 30);
    for (int i = 0; i < 2; i++) {
        memset(names[i], 'n', LIMIT_MODEL_NAME);
        names[i][LIMIT_MODEL_NAME] = '\0';
        names[i][LIMIT_MODEL_NAME - 1] = (char)('0' + i);
        fixture_create(fixture, names[i]);
        infos[i] = fixture_info(fixture, names[i]);
        fixture_await_ready(fixture, names[i]);
    }
    assert_string_not_equal(infos[0].job, infos[1].job);
    fixture_restart(fixture);
    for (int i = 0; i < 2; i++) {
        struct retrieval_info now = fixture_info(fixture, names[i]);
        assert_string_equal(now.job, infos[i].job);
        retrieval_info_done(&now);
        retrieval_info_done(&infos[i]);
    }
}

static void indexes_are_listed_by_name(void **state)
{
    struct fixture *fixture = *state;
    struct retrieval_info *infos = NULL;
    size_t count = 7;
    assert_int_equal(retrieval_list(fixture->retrieval, &ACCESS_ALL, &infos, &count), 0);
    assert_int_equal(count, 0);
    free(infos);
    fixture_create(fixture, "b");
    fixture_create(fixture, "c");
    fixture_create(fixture, "a");
    assert_int_equal(retrieval_list(fixture->retrieval, &ACCESS_ALL, &infos, &count), 0);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(infos[i].spec.name[0], 'a' + (int)i);
        retrieval_info_done(&infos[i]);
    }
    free(infos);
}

static void a_job_that_is_paused_is_seen(void **state)
{
    struct fixture *fixture = *state;
    fixture_fill(fixture, "a/", 30);
    fixture_create(fixture, "x");
    fixture_await_ready(fixture, "x");
    struct retrieval_info info = fixture_info(fixture, "x");
    assert_int_equal(jobs_pause(fixture->jobs, info.job, NULL), 0);
    fixture_await(fixture, "x", RETRIEVAL_PAUSED);
    assert_true(fixture_is_exact(fixture, "x", "m"));
    assert_int_equal(jobs_resume(fixture->jobs, info.job, NULL), 0);
    fixture_await(fixture, "x", RETRIEVAL_READY);
    assert_int_equal(jobs_cancel(fixture->jobs, info.job, NULL), 0);
    fixture_await(fixture, "x", RETRIEVAL_FAILED);
    retrieval_info_done(&info);
    info = fixture_info(fixture, "x");
    assert_non_null(strstr(info.reason.message, "cancelled"));
    retrieval_info_done(&info);
}

static void a_job_that_somebody_removed_is_made_again(void **state)
{
    struct fixture *fixture = *state;
    fixture_fill(fixture, "a/", COUNT);
    fixture_create(fixture, "x");
    fixture_await_ready(fixture, "x");
    struct retrieval_info before = fixture_info(fixture, "x");
    assert_int_equal(jobs_remove(fixture->jobs, before.job, NULL), 0);
    fixture_hide(fixture, "a/00001.jpg"); /* nobody reports it */
    fixture_await_ready(fixture, "x");
    fixture_await(fixture, "x", RETRIEVAL_READY);
    struct retrieval_info after = fixture_info(fixture, "x");
    assert_string_not_equal(after.job, before.job);
    fixture_close(fixture);
    fixture_open(fixture);
    assert_int_equal(jobs_remove(fixture->jobs, after.job, NULL), 0);
    fixture_close(fixture); /* perhaps before anyone has seen it */
    fixture_hide(fixture, "a/00002.jpg");
    fixture_open(fixture);
    fixture_await_ready(fixture, "x");
    retrieval_info_done(&before);
    retrieval_info_done(&after);
}

static void a_job_whose_table_is_lost_is_made_again(void **state)
{
    struct fixture *fixture = *state;
    char path[160];
    fixture_fill(fixture, "a/", COUNT);
    fixture_create(fixture, "x");
    fixture_await_ready(fixture, "x");
    struct retrieval_info info = fixture_info(fixture, "x");
    fixture_close(fixture);
    (void)snprintf(path, sizeof path, "%s/jobs/%s/known/data.mdb", fixture->root, info.job);
    assert_int_equal(truncate(path, 100), 0);
    fixture_hide(fixture, "a/00001.jpg");
    fixture_open(fixture);
    fixture_await_ready(fixture, "x");
    struct retrieval_info after = fixture_info(fixture, "x");
    assert_string_not_equal(after.job, info.job);
    retrieval_info_done(&after);
    retrieval_info_done(&info);
}

static void jobs_of_no_index_go_at_the_next_start(void **state)
{
    struct fixture *fixture = *state;
    char from[160];
    char to[160];
    struct job_info *infos = NULL;
    size_t count = 0;
    fixture_fill(fixture, "a/", 30);
    fixture_create(fixture, "x");
    fixture_create(fixture, "y");
    fixture_await_ready(fixture, "x");
    fixture_close(fixture);
    (void)snprintf(from, sizeof from, "%s/indexes/x", fixture->root);
    (void)snprintf(to, sizeof to, "%s/indexes/.old-x-1", fixture->root);
    assert_int_equal(rename(from, to), 0); /* a removal that was interrupted by a crash */
    (void)snprintf(from, sizeof from, "%s/indexes/y/7", fixture->root);
    assert_int_equal(mkdir(from, 0700), 0); /* likewise a rebuild */
    fixture_open(fixture);
    assert_int_equal(access(to, F_OK), -1);
    assert_int_equal(access(from, F_OK), -1);
    assert_int_equal(jobs_list(fixture->jobs, &ACCESS_ALL, &infos, &count), 0);
    assert_int_equal(count, 1);
    assert_string_equal(infos[0].spec.token, "index.y.1");
    job_info_done(&infos[0]);
    free(infos);
    fixture_create(fixture, "x");
    fixture_await_ready(fixture, "x");
}

static void an_index_that_cannot_be_read_is_listed_with_the_reason(void **state)
{
    struct fixture *fixture = *state;
    char path[160];
    fixture_fill(fixture, "a/", 30);
    fixture_create(fixture, "x");
    fixture_await_ready(fixture, "x");
    fixture_close(fixture);
    (void)snprintf(path, sizeof path, "%s/indexes/x/index.json", fixture->root);
    assert_int_equal(truncate(path, 40), 0);
    fixture_open(fixture);
    struct retrieval_info info = fixture_info(fixture, "x");
    struct retrieval_use *use = NULL;
    struct error error = {.code = ERROR_NONE};
    assert_int_equal(info.state, RETRIEVAL_FAILED);
    assert_int_equal(info.reason.code, ERROR_MALFORMED);
    retrieval_info_done(&info);
    assert_int_equal(
        retrieval_use(fixture->retrieval, &ACCESS_ALL, RIGHT_SEARCH, "x", &use, &error), -EAGAIN);
    assert_int_equal(fixture_rebuild(fixture, "x", "m2", "", &error), -EEXIST);
    assert_int_equal(retrieval_remove(fixture->retrieval, &ACCESS_ALL, "x", NULL), 0);
    fixture_create(fixture, "x");
    fixture_await_ready(fixture, "x");
}

static void without_a_directory_there_are_no_indexes(void **state)
{
    struct fixture *fixture = *state;
    struct retrieval *none = NULL;
    struct retrieval_info info;
    struct retrieval_info *infos = NULL;
    size_t count = 7;
    struct retrieval_options options = {.jobs = fixture->jobs};
    struct retrieval_spec spec = fixture_spec("x");
    assert_int_equal(retrieval_open(&options, &none, NULL), 0);
    assert_int_equal(retrieval_create(none, &spec, &info, NULL), -EAGAIN);
    assert_int_equal(retrieval_list(none, &ACCESS_ALL, &infos, &count), 0);
    assert_int_equal(count, 0);
    free(infos);
    retrieval_stop(none);
    retrieval_close(none);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_index_is_filled_and_told_of),
        TEST(a_ready_index_has_its_rows),
        TEST(names_and_keys_belong_together),
        TEST(what_comes_changes_and_goes_is_followed),
        TEST(what_was_taken_in_the_job_forgets),
        TEST(a_model_without_embeddings_is_told),
        TEST(a_vector_of_another_dimension_is_told),
        TEST(what_cannot_be_is_refused),
        TEST(long_names_have_jobs_of_their_own),
        TEST(indexes_are_listed_by_name),
        TEST(a_job_that_is_paused_is_seen),
        TEST(a_job_that_somebody_removed_is_made_again),
        TEST(a_job_whose_table_is_lost_is_made_again),
        TEST(jobs_of_no_index_go_at_the_next_start),
        TEST(an_index_that_cannot_be_read_is_listed_with_the_reason),
        TEST(without_a_directory_there_are_no_indexes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
