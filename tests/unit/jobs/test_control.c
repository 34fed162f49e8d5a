/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs from outside: pause, resume, cancel, retry, remove, tokens, restarts, priorities, and what
 * is not kept.
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
#include "disk_fixture.h"
#include "host_fixture.h"
#include "store/dir/dir.h"

static char all[] = "";

static int call(int (*what)(struct jobs *jobs, const char *id, struct error *error),
                struct fixture *fixture, const char *id)
{
    struct error error = {.code = ERROR_NONE};
    int r = what(fixture->jobs, id, &error);
    assert_int_equal(r, error_code_errno(error.code));
    return (int)error.code;
}

static void a_paused_job_stands_still_until_it_is_resumed(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    fixture_fill(fixture, "a/", 1000, 0);
    fixture_hold_behind(fixture, 1);
    fixture_create(fixture, &spec, id);
    for (unsigned round = 1; round <= 5; round++) {
        /* So that it gets that far and not to its end: what is in flight may be inferred in vain.
         */
        fixture_hold_behind(fixture, atomic_load(&fixture->inferred) + 106 + LIMIT_JOB_WINDOW);
        fixture_await_results(fixture, id, 100 * round);
        assert_int_equal(call(jobs_pause, fixture, id), ERROR_NONE);
        assert_int_equal(call(jobs_pause, fixture, id), ERROR_NONE);
        uint64_t results = fixture_results(fixture, id);
        unsigned inferred = atomic_load(&fixture->inferred);
        if (round % 2 == 0) {
            fixture_restart(fixture);
        }
        fixture_sleep_ms(30);
        assert_int_equal(fixture_state(fixture, id), JOB_PAUSED);
        assert_int_equal(fixture_results(fixture, id), results);
        assert_int_equal(atomic_load(&fixture->inferred), inferred);
        assert_int_equal(call(jobs_resume, fixture, id), ERROR_NONE);
        assert_int_equal(call(jobs_resume, fixture, id), ERROR_NONE);
    }
    fixture_hold_behind(fixture, 0);
    fixture_await(fixture, id, JOB_DONE);
    fixture_check_exact(fixture, id, "a/", 1000);
    assert_int_equal(call(jobs_pause, fixture, id), ERROR_CONFLICT);
    assert_int_equal(call(jobs_resume, fixture, id), ERROR_CONFLICT);
    assert_int_equal(call(jobs_cancel, fixture, id), ERROR_CONFLICT);
    assert_int_equal(call(jobs_pause, fixture, "aaaaaaaa"), ERROR_NOT_FOUND);
}

static void a_pause_by_the_user_keeps_a_job_that_paused_by_itself(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    fixture_fill(fixture, "a/", 20, 0);
    atomic_store(&fixture->model_gone, true);
    fixture_create(fixture, &spec, id);
    fixture_await_reason(fixture, id, ERROR_NOT_FOUND);
    assert_int_equal(call(jobs_pause, fixture, id), ERROR_NONE);
    atomic_store(&fixture->model_gone, false);
    fixture_sleep_ms(250);
    struct job_info info = fixture_info(fixture, id);
    assert_int_equal(info.state, JOB_PAUSED);
    assert_int_equal(info.reason.code, ERROR_NONE);
    job_info_done(&info);
    assert_int_equal(call(jobs_resume, fixture, id), ERROR_NONE);
    fixture_await(fixture, id, JOB_DONE);
}

static void a_job_that_paused_by_itself_goes_on_after_a_restart(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    fixture_fill(fixture, "a/", 20, 0);
    atomic_store(&fixture->unavailable, true);
    fixture_create(fixture, &spec, id);
    fixture_await_reason(fixture, id, ERROR_UNAVAILABLE);
    fixture_stop(fixture);
    atomic_store(&fixture->unavailable, false);
    fixture_open(fixture);
    fixture_await(fixture, id, JOB_DONE);
    fixture_check_exact(fixture, id, "a/", 20);
}

static void a_cancelled_job_keeps_what_it_has(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    fixture_fill(fixture, "a/", 1000, 0);
    fixture_hold_behind(fixture, 100 + LIMIT_JOB_WINDOW);
    fixture_create(fixture, &spec, id);
    fixture_await_results(fixture, id, 100);
    assert_int_equal(call(jobs_cancel, fixture, id), ERROR_NONE);
    assert_int_equal(call(jobs_cancel, fixture, id), ERROR_NONE);
    uint64_t results = fixture_results(fixture, id);
    assert_true(results >= 100 && results < 1000);
    assert_int_equal(call(jobs_resume, fixture, id), ERROR_CONFLICT);
    assert_int_equal(call(jobs_pause, fixture, id), ERROR_CONFLICT);
    fixture_restart(fixture);
    assert_int_equal(fixture_state(fixture, id), JOB_CANCELLED);
    fixture_check_exact(fixture, id, "a/", (unsigned)results);
}

/* What hangs in a lane comes back when the run is cancelled. */
static void a_stop_ends_what_is_held_in_the_host(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    fixture_fill(fixture, "a/", 300, 0);
    fixture_hold(fixture, true);
    fixture_create(fixture, &spec, id);
    fixture_await_in_flight(fixture, LIMIT_JOB_WINDOW);
    int64_t begun_ns = clock_now_ns();
    fixture_stop(fixture);
    assert_true(clock_now_ns() - begun_ns < 10 * NS_PER_S); /* and not for ever */
    fixture_hold(fixture, false);
    fixture_open(fixture);
    fixture_await(fixture, id, JOB_DONE);
    fixture_check_exact(fixture, id, "a/", 300);
}

static void a_list_of_names_goes_on_behind_its_last_result(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    struct buffer names = BUFFER_INIT;
    char id[JOB_ID_SIZE];
    fixture_fill(fixture, "a/", 900, 0);
    for (unsigned i = 0; i < 900; i++) {
        buffer_printf(&names, "a/%05u.jpg\n", i);
    }
    spec.has_keys = true; /* names are keys of the store */
    atomic_store(&fixture->delay_us, 100);
    fixture_create_list(fixture, &spec, buffer_text(&names), id);
    buffer_done(&names);
    for (unsigned i = 1; i <= 3; i++) {
        fixture_await_results(fixture, id, 200 * i);
        fixture_restart(fixture);
    }
    fixture_await(fixture, id, JOB_DONE);
    fixture_check_exact(fixture, id, "a/", 900);
    struct job_info info = fixture_info(fixture, id);
    assert_int_equal(info.selected, 900);
    job_info_done(&info);
}

static void retry_takes_exactly_what_failed(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    struct job_info info;
    struct error error;
    fixture_fill(fixture, "a/", 40, 10);
    fixture_put(fixture, "b\r", 3); /* a list of names drops one CR before the line feed */
    fixture_put(fixture, "bad\r", 3);
    fixture_put(fixture, "bad\nof two\n\nlines\n", 3);
    fixture_create(fixture, &spec, id);
    fixture_await(fixture, id, JOB_DONE);
    assert_int_equal(jobs_retry(fixture->jobs, id, &ACCESS_ALL, &info, &error), 0);
    char retried[JOB_ID_SIZE];
    (void)snprintf(retried, sizeof retried, "%s", info.spec.id);
    assert_true(info.spec.has_keys);
    assert_int_equal(info.spec.top, 5);
    job_info_done(&info);
    fixture_await(fixture, retried, JOB_DONE);
    char *lines = fixture_lines(fixture, retried);
    const char *at = lines;
    static const char *const wanted[] = {"s/a/00009bad.jpg",
                                         "s/a/00019bad.jpg",
                                         "s/a/00029bad.jpg",
                                         "s/a/00039bad.jpg",
                                         "s/bad\\nof two\\n\\nlines\\n\"",
                                         "s/bad\\u000d\""};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        assert_memory_equal(at, "{\"object\":\"", 11);
        assert_memory_equal(at + 11, wanted[i], strlen(wanted[i]));
        at = strchr(at, '\n') + 1;
    }
    assert_string_equal(at, "");
    free(lines);
    /* A job that has not ended, and one in which nothing failed. */
    char good[] = "a/0000";
    spec = fixture_spec(good);
    fixture_hold(fixture, true);
    fixture_create(fixture, &spec, id);
    assert_int_equal(jobs_retry(fixture->jobs, id, &ACCESS_ALL, &info, &error), -EEXIST);
    fixture_hold(fixture, false);
    fixture_await(fixture, id, JOB_DONE);
    char none[] = "b";
    spec = fixture_spec(none);
    spec.max_failures = 0;
    fixture_hide(fixture, "bad\r");
    fixture_hide(fixture, "bad\nof two\n\nlines\n");
    fixture_create(fixture, &spec, id);
    fixture_await(fixture, id, JOB_DONE);
    assert_int_equal(jobs_retry(fixture->jobs, id, &ACCESS_ALL, &info, &error), -EEXIST);
    assert_int_equal(error.code, ERROR_CONFLICT);
}

/* A file below directories, whose key is longer than a key may be. */
static void put_long_name(const char *root)
{
    char path[2048];
    int size = snprintf(path, sizeof path, "%s", root);
    for (char letter = 'a'; letter < 'e'; letter++) {
        path[size++] = '/';
        memset(path + size, letter, 250);
        size += 250;
        path[size] = '\0';
        assert_int_equal(mkdir(path, 0700), 0);
    }
    (void)snprintf(path + size, sizeof path - (size_t)size, "/long-enough-to-be-above-it.jpg");
    disk_write(path, "1", 1);
}

/* Of names that can be no keys, retry said that nothing had failed. */
static void retry_takes_names_too_long_for_keys_or_tells_of_them(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char store[] = "d";
    char id[JOB_ID_SIZE];
    char path[128];
    struct job_info info;
    struct error error = {.code = ERROR_NONE};
    (void)snprintf(path, sizeof path, "%s/data", fixture->root);
    assert_int_equal(mkdir(path, 0700), 0);
    put_long_name(path);
    if (store_dir_open(path, &fixture->directory, &error) < 0) {
        print_message("no directory store here: %s\n", error.message);
        skip();
    }
    spec.select.store = store;
    fixture_create(fixture, &spec, id);
    fixture_await(fixture, id, JOB_DONE);
    char *first = fixture_lines(fixture, id);
    assert_int_equal(jobs_retry(fixture->jobs, id, &ACCESS_ALL, &info, &error), 0);
    assert_int_equal(info.not_retried, 0);
    fixture_await(fixture, info.spec.id, JOB_DONE);
    char *second = fixture_lines(fixture, info.spec.id);
    assert_non_null(strstr(first, "\"error\""));
    assert_string_equal(first, second);
    job_info_done(&info);
    free(first);
    free(second);
    spec.standing = true;
    spec.interval_s = 3600;
    fixture_create(fixture, &spec, id);
    fixture_await_rest(fixture, id, 1);
    assert_int_equal(call(jobs_cancel, fixture, id), ERROR_NONE);
    assert_int_equal(jobs_retry(fixture->jobs, id, &ACCESS_ALL, &info, &error), -EEXIST);
    assert_non_null(strstr(error.message, "too long to be keys (1)"));
    (void)snprintf(path, sizeof path, "%s/data/bad.jpg", fixture->root);
    disk_write(path, "1", 1);
    fixture_create(fixture, &spec, id);
    fixture_await_rest(fixture, id, 1);
    assert_int_equal(call(jobs_cancel, fixture, id), ERROR_NONE);
    assert_int_equal(jobs_retry(fixture->jobs, id, &ACCESS_ALL, &info, &error), 0);
    assert_int_equal(info.not_retried, 1);
    fixture_await(fixture, info.spec.id, JOB_DONE);
    assert_int_equal(fixture_results(fixture, info.spec.id), 1);
    job_info_done(&info);
}

static void a_removed_job_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    char path[128];
    fixture_fill(fixture, "a/", 1000, 0);
    atomic_store(&fixture->delay_us, 100);
    fixture_create(fixture, &spec, id);
    fixture_await_results(fixture, id, 50);
    assert_int_equal(call(jobs_remove, fixture, id), ERROR_NONE);
    assert_int_equal(call(jobs_remove, fixture, id), ERROR_NOT_FOUND);
    struct job_info *infos = NULL;
    size_t count = 1;
    assert_int_equal(jobs_list(fixture->jobs, &ACCESS_ALL, &infos, &count), 0);
    assert_int_equal(count, 0);
    free(infos);
    (void)snprintf(path, sizeof path, "%s/jobs/%s", fixture->root, id);
    assert_int_equal(access(path, F_OK), -1);
    (void)snprintf(path, sizeof path, "%s/jobs/.old-%s", fixture->root, id);
    assert_int_equal(access(path, F_OK), -1);
}

static void a_token_makes_one_job(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    struct job_info info;
    struct error error;
    bool existing = false;
    fixture_fill(fixture, "a/", 10, 0);
    (void)snprintf(spec.token, sizeof spec.token, "t-1");
    fixture_create(fixture, &spec, id);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(jobs_create(fixture->jobs, &spec, NULL, &info, &existing, &error), 0);
        assert_true(existing);
        assert_string_equal(info.spec.id, id);
        job_info_done(&info);
        fixture_restart(fixture);
    }
    (void)snprintf(spec.token, sizeof spec.token, "t-2");
    char second[JOB_ID_SIZE];
    fixture_create(fixture, &spec, second);
    assert_string_not_equal(id, second);
}

static void what_the_host_refuses_is_no_job(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    struct job_info info;
    struct error error;
    bool existing = false;
    (void)snprintf(spec.model, sizeof spec.model, "none");
    assert_int_equal(jobs_create(fixture->jobs, &spec, NULL, &info, &existing, &error), -ENOENT);
    char store[] = "x";
    spec = fixture_spec(all);
    spec.select.store = store;
    assert_int_equal(jobs_create(fixture->jobs, &spec, NULL, &info, &existing, &error), -ENOENT);
    struct job_info *infos = NULL;
    size_t count = 1;
    assert_int_equal(jobs_list(fixture->jobs, &ACCESS_ALL, &infos, &count), 0);
    assert_int_equal(count, 0);
    free(infos);
}

static void a_damaged_job_is_listed_as_failed(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    char path[128];
    fixture_fill(fixture, "a/", 10, 0);
    fixture_create(fixture, &spec, id);
    fixture_await(fixture, id, JOB_DONE);
    fixture_stop(fixture);
    (void)snprintf(path, sizeof path, "%s/jobs/%s/job.json", fixture->root, id);
    disk_write(path, "{", 1);
    (void)snprintf(path, sizeof path, "%s/jobs/.new-zzzzzzzz", fixture->root);
    assert_int_equal(mkdir(path, 0700), 0);
    fixture_open(fixture);
    assert_int_equal(access(path, F_OK), -1);
    struct job_info info = fixture_info(fixture, id);
    assert_int_equal(info.state, JOB_FAILED);
    assert_int_equal(info.reason.code, ERROR_MALFORMED);
    job_info_done(&info);
    assert_int_equal(call(jobs_resume, fixture, id), ERROR_CONFLICT);
    assert_int_equal(call(jobs_remove, fixture, id), ERROR_NONE);
}

/* 16 run, of which none gets on; the others wait, and go by priority and then by age. */
static void places_go_by_priority_and_age(void **state)
{
    struct fixture *fixture = *state;
    char ids[LIMIT_JOBS_RUNNING + 4][JOB_ID_SIZE];
    static const uint32_t priorities[] = {2, 9, 2, 7};
    static const unsigned wanted[] = {1, 3, 0, 2};
    fixture_fill(fixture, "a/", 3, 0);
    fixture_hold(fixture, true);
    for (unsigned i = 0; i < LIMIT_JOBS_RUNNING + 4; i++) {
        struct job_spec spec = fixture_spec(all);
        spec.priority = i < LIMIT_JOBS_RUNNING ? 9 : priorities[i - LIMIT_JOBS_RUNNING];
        fixture_create(fixture, &spec, ids[i]);
        if (i < LIMIT_JOBS_RUNNING) {
            fixture_await(fixture, ids[i], JOB_RUNNING);
        }
    }
    fixture_sleep_ms(20);
    for (unsigned i = LIMIT_JOBS_RUNNING; i < LIMIT_JOBS_RUNNING + 4; i++) {
        assert_int_equal(fixture_state(fixture, ids[i]), JOB_WAITING);
    }
    for (unsigned i = 0; i < 4; i++) { /* one place after the other becomes free */
        assert_int_equal(call(jobs_pause, fixture, ids[i]), ERROR_NONE);
        fixture_await(fixture, ids[LIMIT_JOBS_RUNNING + wanted[i]], JOB_RUNNING);
    }
    assert_int_equal(call(jobs_cancel, fixture, ids[LIMIT_JOBS_RUNNING]), ERROR_NONE);
    fixture_hold(fixture, false);
    for (unsigned i = 4; i < LIMIT_JOBS_RUNNING; i++) {
        fixture_await(fixture, ids[i], JOB_DONE);
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(call(jobs_resume, fixture, ids[i]), ERROR_NONE);
        fixture_await(fixture, ids[i], JOB_DONE);
        fixture_check_exact(fixture, ids[i], "a/", 3);
    }
}

static void a_job_that_paused_by_itself_takes_no_place(void **state)
{
    struct fixture *fixture = *state;
    char id[JOB_ID_SIZE];
    fixture_fill(fixture, "a/", 3, 0);
    atomic_store(&fixture->model_gone, true);
    for (unsigned i = 0; i < LIMIT_JOBS_RUNNING + 2; i++) {
        struct job_spec spec = fixture_spec(all);
        fixture_create(fixture, &spec, id);
        fixture_await_reason(fixture, id, ERROR_NOT_FOUND);
    }
}

/* Whether the job goes by itself. */
static bool goes(struct fixture *fixture, const char *id)
{
    int64_t until_ns = clock_now_ns() + WAIT_MS * NS_PER_MS;
    while (clock_now_ns() < until_ns) {
        struct job_info info;
        struct error error;
        if (jobs_get(fixture->jobs, id, &info, &error) == -ENOENT) {
            return true;
        }
        job_info_done(&info);
        fixture_sleep_ms(5);
    }
    return false;
}

static void what_is_not_kept_goes_after_delivery(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char kept[JOB_ID_SIZE];
    char id[JOB_ID_SIZE];
    struct jobs_reader *readers[2];
    struct error error;
    fixture_stop(fixture);
    fixture->delivered_ms = 1000;
    fixture_open(fixture);
    fixture_fill(fixture, "a/", 3, 0);
    fixture_create(fixture, &spec, kept);
    spec.keep = false;
    fixture_create(fixture, &spec, id);
    fixture_await(fixture, id, JOB_DONE);
    fixture_await(fixture, kept, JOB_DONE);
    fixture_sleep_ms(1300); /* nobody has had it: it stays */
    assert_int_equal(fixture_state(fixture, id), JOB_DONE);
    assert_int_equal(jobs_reader_new(fixture->jobs, id, 0, NULL, NULL, &readers[0], &error), 0);
    assert_int_equal(jobs_reader_new(fixture->jobs, kept, 0, NULL, NULL, &readers[1], &error), 0);
    int64_t begun_ns = clock_now_ns();
    jobs_reader_delivered(readers[0]);
    jobs_reader_delivered(readers[1]);
    assert_true(goes(fixture, id));
    assert_true(clock_now_ns() - begun_ns >= NS_PER_S); /* not at once */
    assert_int_equal(fixture_state(fixture, kept), JOB_DONE);
    jobs_reader_free(readers[0]);
    jobs_reader_free(readers[1]);
}

static void what_was_delivered_goes_also_after_a_restart(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char untaken[JOB_ID_SIZE];
    char id[JOB_ID_SIZE];
    struct jobs_reader *reader;
    struct error error;
    fixture_fill(fixture, "a/", 3, 0);
    spec.keep = false;
    fixture_create(fixture, &spec, untaken);
    fixture_create(fixture, &spec, id);
    fixture_await(fixture, untaken, JOB_DONE);
    fixture_await(fixture, id, JOB_DONE);
    assert_int_equal(jobs_reader_new(fixture->jobs, id, 0, NULL, NULL, &reader, &error), 0);
    jobs_reader_delivered(reader);
    jobs_reader_free(reader);
    fixture_stop(fixture);
    fixture->delivered_ms = 1000;
    int64_t begun_ns = clock_now_ns();
    fixture_open(fixture);
    assert_int_equal(fixture_state(fixture, id), JOB_DONE);
    assert_true(goes(fixture, id));
    assert_true(clock_now_ns() - begun_ns >= NS_PER_S); /* not at once */
    fixture_sleep_ms(300);
    assert_int_equal(fixture_state(fixture, untaken), JOB_DONE); /* nobody has had it */
}

static void ended_jobs_go_after_their_time(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    char paused[JOB_ID_SIZE];
    fixture_stop(fixture);
    fixture->keep_s = 1;
    fixture_open(fixture);
    fixture_fill(fixture, "a/", 3, 0);
    fixture_hold(fixture, true);
    fixture_create(fixture, &spec, paused);
    assert_int_equal(call(jobs_pause, fixture, paused), ERROR_NONE);
    fixture_hold(fixture, false);
    fixture_create(fixture, &spec, id);
    assert_true(goes(fixture, id));
    assert_int_equal(fixture_state(fixture, paused), JOB_PAUSED);
}

static void nothing_is_answered_after_the_stop(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    struct job_info info;
    struct error error;
    bool existing = false;
    char id[JOB_ID_SIZE];
    fixture_fill(fixture, "a/", 3, 0);
    fixture_create(fixture, &spec, id);
    jobs_stop(fixture->jobs);
    assert_int_equal(call(jobs_pause, fixture, id), ERROR_UNAVAILABLE);
    assert_int_equal(jobs_get(fixture->jobs, id, &info, &error), -EAGAIN);
    assert_int_equal(jobs_create(fixture->jobs, &spec, NULL, &info, &existing, &error), -EAGAIN);
}

/* Sixteen long jobs held one of their own priority up until one of them had ended, and the next
 * pass of a standing one. */
static void jobs_of_one_priority_take_turns(void **state)
{
    enum { LONG = 1500 };
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char few[] = "few/";
    char ids[LIMIT_JOBS_RUNNING][JOB_ID_SIZE];
    char standing[JOB_ID_SIZE];
    char other[JOB_ID_SIZE];
    fixture_stop(fixture);
    fixture->turn_ms = 100;
    fixture_open(fixture);
    struct job_spec standing_spec = fixture_spec(few);
    standing_spec.standing = true;
    standing_spec.interval_s = 1;
    fixture_fill(fixture, few, 5, 0);
    fixture_create(fixture, &standing_spec, standing);
    fixture_await_rest(fixture, standing, 1);
    fixture_fill(fixture, "a/", LONG, 0);
    atomic_store(&fixture->delay_us, 2000);
    for (unsigned i = 0; i < LIMIT_JOBS_RUNNING; i++) {
        fixture_create(fixture, &spec, ids[i]);
    }
    struct job_spec few_spec = fixture_spec(few);
    fixture_create(fixture, &few_spec, other);
    fixture_put(fixture, "few/new.jpg", 3);
    fixture_await(fixture, other, JOB_DONE);
    fixture_await_results(fixture, standing, 6);
    for (unsigned i = 0; i < LIMIT_JOBS_RUNNING; i++) {
        assert_true(fixture_results(fixture, ids[i]) < LONG);
    }
    atomic_store(&fixture->delay_us, 0);
    for (unsigned i = 0; i < LIMIT_JOBS_RUNNING; i++) {
        fixture_await(fixture, ids[i], JOB_DONE);
        assert_int_equal(fixture_results(fixture, ids[i]), LONG + 6);
    }
}

/* Sixteen long jobs held an urgent one up until one of them had ended. */
static void an_urgent_job_takes_the_place_of_one_that_is_not(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char ids[LIMIT_JOBS_RUNNING + 1][JOB_ID_SIZE];
    fixture_fill(fixture, "a/", 100, 0);
    fixture_hold(fixture, true);
    for (unsigned i = 0; i <= LIMIT_JOBS_RUNNING; i++) {
        spec.priority = i == LIMIT_JOBS_RUNNING ? 9 : i == 3 ? 4 : 5;
        fixture_create(fixture, &spec, ids[i]);
        if (i < LIMIT_JOBS_RUNNING) {
            fixture_await(fixture, ids[i], JOB_RUNNING);
        }
    }
    fixture_await(fixture, ids[LIMIT_JOBS_RUNNING], JOB_RUNNING);
    fixture_await(fixture, ids[3], JOB_WAITING);
    for (unsigned i = 0; i < LIMIT_JOBS_RUNNING; i++) {
        assert_int_equal(fixture_state(fixture, ids[i]), i == 3 ? JOB_WAITING : JOB_RUNNING);
    }
    assert_int_equal(call(jobs_pause, fixture, ids[3]), ERROR_NONE);
    assert_int_equal(call(jobs_resume, fixture, ids[3]), ERROR_NONE);
    fixture_hold(fixture, false);
    for (unsigned i = 0; i <= LIMIT_JOBS_RUNNING; i++) {
        fixture_await(fixture, ids[i], JOB_DONE);
        fixture_check_exact(fixture, ids[i], "a/", 100);
    }
}

/* Whoever asks first is not told of a job that is done with half of its results. */
static void a_done_job_whose_log_lost_results_makes_them_up(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    char path[128];
    size_t size = 0;
    fixture_fill(fixture, "a/", 200, 0);
    fixture_create(fixture, &spec, id);
    fixture_await(fixture, id, JOB_DONE);
    char *before = fixture_lines(fixture, id);
    fixture_stop(fixture);
    (void)snprintf(path, sizeof path, "%s/jobs/%s/results.ndjson", fixture->root, id);
    char *log = disk_read(path, &size);
    log[size / 2] ^= 1;
    disk_write(path, log, size);
    free(log);
    fixture_open(fixture);
    assert_int_not_equal(fixture_state(fixture, id), JOB_CANCELLED);
    fixture_await_results(fixture, id, 200);
    fixture_await(fixture, id, JOB_DONE);
    char *after = fixture_lines(fixture, id);
    assert_string_equal(after, before);
    free(after);
    free(before);

    fixture_stop(fixture);
    assert_int_equal(truncate(path, (off_t)size / 3), 0);
    fixture_hold(fixture, true);
    fixture_open(fixture);
    struct job_info info = fixture_info(fixture, id);
    assert_int_not_equal(info.state, JOB_DONE);
    job_info_done(&info);
    assert_int_equal(call(jobs_cancel, fixture, id), ERROR_NONE); /* whatever it is at */
    assert_int_equal(fixture_state(fixture, id), JOB_CANCELLED);
    fixture_restart(fixture);
    assert_int_equal(fixture_state(fixture, id), JOB_CANCELLED); /* and lacks some for good */
}

/* Failures that a resume let go are not in the log any more: one is not more than the bound. */
static void a_resumed_job_that_lost_its_log_does_not_fail_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    char path[128];
    spec.max_failures = 4;
    fixture_fill(fixture, "a/", 100, 10);
    fixture_create(fixture, &spec, id);
    fixture_await(fixture, id, JOB_FAILED);
    fixture_hold(fixture, true);
    assert_int_equal(call(jobs_resume, fixture, id), ERROR_NONE);
    fixture_stop(fixture);
    (void)snprintf(path, sizeof path, "%s/jobs/%s/results.ndjson", fixture->root, id);
    assert_int_equal(unlink(path), 0);
    fixture_hold(fixture, false);
    fixture_open(fixture);
    fixture_await(fixture, id, JOB_FAILED);
    assert_in_range(fixture_results(fixture, id), 50, 100);
}

#define RUN(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(a_paused_job_stands_still_until_it_is_resumed),
        RUN(a_pause_by_the_user_keeps_a_job_that_paused_by_itself),
        RUN(a_job_that_paused_by_itself_goes_on_after_a_restart),
        RUN(a_cancelled_job_keeps_what_it_has),
        RUN(a_stop_ends_what_is_held_in_the_host),
        RUN(a_list_of_names_goes_on_behind_its_last_result),
        RUN(retry_takes_exactly_what_failed),
        RUN(retry_takes_names_too_long_for_keys_or_tells_of_them),
        RUN(a_removed_job_leaves_nothing),
        RUN(a_token_makes_one_job),
        RUN(what_the_host_refuses_is_no_job),
        RUN(a_damaged_job_is_listed_as_failed),
        RUN(places_go_by_priority_and_age),
        RUN(a_job_that_paused_by_itself_takes_no_place),
        RUN(what_is_not_kept_goes_after_delivery),
        RUN(what_was_delivered_goes_also_after_a_restart),
        RUN(ended_jobs_go_after_their_time),
        RUN(nothing_is_answered_after_the_stop),
        RUN(jobs_of_one_priority_take_turns),
        RUN(an_urgent_job_takes_the_place_of_one_that_is_not),
        RUN(a_done_job_whose_log_lost_results_makes_them_up),
        RUN(a_resumed_job_that_lost_its_log_does_not_fail_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
