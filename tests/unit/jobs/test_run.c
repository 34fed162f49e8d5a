/* SPDX-License-Identifier: Apache-2.0
 *
 * One job on its way: each object once and in order whatever order answers come in, the window's
 * bounds, a host that is busy or cannot, objects that fail, a selection that cannot be listed, a
 * disk that takes nothing more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "disk_fixture.h"
#include "host_fixture.h"

static char all[] = "";

static void each_object_has_its_line_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    fixture_fill(fixture, "a/", 1500, 10);
    atomic_store(&fixture->delay_us, 50);
    fixture_create(fixture, &spec, id);
    fixture_await(fixture, id, JOB_DONE);
    fixture_check_exact(fixture, id, "a/", 1500);
    struct job_info info = fixture_info(fixture, id);
    assert_int_equal(info.failed, 150);
    assert_int_equal(info.results, 1500);
    assert_int_equal(info.bytes_read, 1350 * 3);
    assert_true(info.selected_known);
    assert_int_equal(info.selected, 1500);
    assert_int_equal(info.pass, 1);
    assert_true(info.finished_s > 0);
    assert_string_equal(info.spec.version, "1");
    job_info_done(&info);
    assert_int_equal(atomic_load(&fixture->inferred), 1500);
    assert_true(fixture->in_flight_most > 1);
    assert_true(fixture->in_flight_most <= LIMIT_JOB_WINDOW);
}

static void a_selection_of_nothing_is_done(void **state)
{
    struct fixture *fixture = *state;
    char prefix[] = "nothing/";
    struct job_spec spec = fixture_spec(prefix);
    char id[JOB_ID_SIZE];
    fixture_create(fixture, &spec, id);
    fixture_await(fixture, id, JOB_DONE);
    struct job_info info = fixture_info(fixture, id);
    assert_true(info.selected_known);
    assert_int_equal(info.selected, 0);
    job_info_done(&info);
}

static void the_window_is_bounded_in_bytes(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    for (unsigned i = 0; i < 24; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "a/%05u.jpg", i);
        fixture_put(fixture, key, i == 11 ? LIMIT_JOB_WINDOW_BYTES + 5 : 5 << 20);
    }
    fixture_hold(fixture, true);
    fixture_create(fixture, &spec, id);
    fixture_await_in_flight(fixture, 3);
    fixture_hold(fixture, false);
    fixture_await(fixture, id, JOB_DONE);
    fixture_check_exact(fixture, id, "a/", 24);
    assert_int_equal(fixture->in_flight_most, 3);
    assert_int_equal(fixture->bytes_most, LIMIT_JOB_WINDOW_BYTES + 5);
    assert_int_equal(fixture->alone_most, 1);
}

static void the_window_is_bounded_in_number(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    fixture_fill(fixture, "a/", 200, 0);
    fixture_hold(fixture, true);
    fixture_create(fixture, &spec, id);
    fixture_await_in_flight(fixture, LIMIT_JOB_WINDOW);
    fixture_sleep_ms(50); /* in which more would come */
    assert_int_equal(fixture_results(fixture, id), 0);
    fixture_hold(fixture, false);
    fixture_await(fixture, id, JOB_DONE);
    assert_int_equal(fixture->in_flight_most, LIMIT_JOB_WINDOW);
    fixture_check_exact(fixture, id, "a/", 200);
}

static void a_busy_host_is_asked_again(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    fixture_fill(fixture, "a/", 100, 0);
    atomic_store(&fixture->busy, 30);
    fixture_create(fixture, &spec, id);
    fixture_await(fixture, id, JOB_DONE);
    fixture_check_exact(fixture, id, "a/", 100);
}

static void a_host_that_cannot_pauses_the_job_until_it_can(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    fixture_fill(fixture, "a/", 600, 7);
    fixture_hold_behind(fixture, 100 + LIMIT_JOB_WINDOW);
    fixture_create(fixture, &spec, id);
    fixture_await_results(fixture, id, 100);
    atomic_store(&fixture->unavailable, true);
    fixture_hold_behind(fixture, 0);
    fixture_await_reason(fixture, id, ERROR_UNAVAILABLE);
    uint64_t results = fixture_results(fixture, id);
    for (unsigned i = 0; i < 100; i++) { /* over several tries it shows nothing else */
        struct job_info info = fixture_info(fixture, id);
        assert_int_equal(info.state, JOB_PAUSED);
        assert_string_equal(info.reason.message, "the model cannot be loaded");
        job_info_done(&info);
        fixture_sleep_ms(3);
    }
    assert_int_equal(fixture_results(fixture, id), results);
    atomic_store(&fixture->unavailable, false);
    fixture_await(fixture, id, JOB_DONE);
    fixture_check_exact(fixture, id, "a/", 600);
}

static void a_model_that_is_gone_pauses_the_job_until_it_is_back(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    fixture_fill(fixture, "a/", 10, 0);
    atomic_store(&fixture->model_gone, true);
    fixture_create(fixture, &spec, id);
    fixture_await_reason(fixture, id, ERROR_NOT_FOUND);
    atomic_store(&fixture->model_gone, false);
    fixture_await(fixture, id, JOB_DONE);
    fixture_check_exact(fixture, id, "a/", 10);
}

static void a_selection_that_cannot_be_listed_pauses_the_job(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    struct error error;
    fixture_fill(fixture, "a/", 3000, 0); /* several pages */
    atomic_store(&fixture->shelf->readable_lists, 2);
    fixture_create(fixture, &spec, id);
    fixture_await_reason(fixture, id, ERROR_UNREADABLE);
    assert_in_range(fixture_results(fixture, id), 1, 2999);
    assert_int_equal(jobs_resume(fixture->jobs, id, &error), 0); /* at once, and in vain */
    fixture_await_reason(fixture, id, ERROR_UNREADABLE);
    atomic_store(&fixture->shelf->readable_lists, HOST_READABLE);
    fixture_await(fixture, id, JOB_DONE);
    fixture_check_exact(fixture, id, "a/", 3000);
}

/* As `rm` beside a job does: what was selected and is not there when its turn comes is no failure.
 */
static void what_is_gone_at_the_look_is_counted_as_gone(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    fixture_put(fixture, "a.jpg", 1);
    fixture_put(fixture, "b-vanished.jpg", 1);
    fixture_put(fixture, "c.jpg", 1);
    fixture_create(fixture, &spec, id);
    fixture_await(fixture, id, JOB_DONE);
    char *lines = fixture_lines(fixture, id);
    assert_null(strstr(lines, "vanished"));
    assert_true(strstr(lines, "a.jpg") < strstr(lines, "c.jpg"));
    free(lines);
    struct job_info info = fixture_info(fixture, id);
    assert_int_equal(info.selected, 3);
    assert_int_equal(info.results, 2);
    assert_int_equal(info.gone, 1);
    assert_int_equal(info.failed, 0);
    job_info_done(&info);
}

static void a_name_that_was_given_and_is_not_there_fails(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    fixture_put(fixture, "a.jpg", 1);
    spec.has_keys = true;
    fixture_create_list(fixture, &spec, "a.jpg\nb-vanished.jpg\n", id);
    fixture_await(fixture, id, JOB_DONE);
    char *lines = fixture_lines(fixture, id);
    assert_non_null(
        strstr(lines, "{\"object\":\"s/b-vanished.jpg\",\"error\":{\"code\":\"not_found\""));
    free(lines);
}

/* The job was paused for ever, "out of memory". */
static void an_answer_too_long_for_the_log_fails_alone(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    fixture_put(fixture, "a.jpg", 1);
    fixture_put(fixture, "b-endless.jpg", 1);
    fixture_put(fixture, "c.jpg", 1);
    fixture_create(fixture, &spec, id);
    fixture_await(fixture, id, JOB_DONE);
    char *lines = fixture_lines(fixture, id);
    assert_non_null(
        strstr(lines, "{\"object\":\"s/b-endless.jpg\",\"error\":{\"code\":\"too_large\""));
    assert_non_null(strstr(lines, "s/c.jpg"));
    free(lines);
    struct job_info info = fixture_info(fixture, id);
    assert_int_equal(info.failed, 1);
    job_info_done(&info);
}

static void names_that_are_no_objects_fail_in_their_place(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    fixture_fill(fixture, "a/", 3, 0);
    spec.select.store = NULL;
    spec.has_keys = true;
    fixture_create_list(fixture, &spec,
                        "s/a/00002.jpg\nx/y.jpg\ns/../etc\ns/caf\xe9.jpg\ns/a/00000.jpg\n", id);
    fixture_await(fixture, id, JOB_DONE);
    char *lines = fixture_lines(fixture, id);
    static const char *const wanted[] = {
        "{\"object\":\"s/a/00002.jpg\",\"classes\"",
        "{\"object\":\"x/y.jpg\",\"error\":{\"code\":\"not_found\"",
        "{\"object\":\"s/../etc\",\"error\":{\"code\":\"malformed\"",
        "{\"object\":\"s/caf%E9.jpg\",\"encoded\":true,\"error\":{\"code\":\"not_found\"",
        "{\"object\":\"s/a/00000.jpg\",\"classes\""};
    const char *at = lines;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        assert_memory_equal(at, wanted[i], strlen(wanted[i]));
        at = strchr(at, '\n') + 1;
    }
    assert_string_equal(at, "");
    free(lines);
}

static void too_many_failures_end_the_job_and_it_can_be_resumed(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    struct error error;
    fixture_fill(fixture, "a/", 100, 10);
    spec.max_failures = 3;
    fixture_create(fixture, &spec, id);
    fixture_await(fixture, id, JOB_FAILED);
    struct job_info info = fixture_info(fixture, id);
    assert_int_equal(info.failed, 4);
    assert_int_equal(info.results, 40);
    assert_string_equal(info.reason.message, "more than 3 objects failed");
    job_info_done(&info);
    fixture_restart(fixture);
    assert_int_equal(fixture_state(fixture, id), JOB_FAILED);
    assert_int_equal(jobs_resume(fixture->jobs, id, &error), 0);
    fixture_await_results(fixture, id, 80);
    fixture_await(fixture, id, JOB_FAILED);
    assert_int_equal(fixture_results(fixture, id), 80);
    assert_int_equal(jobs_resume(fixture->jobs, id, &error), 0);
    fixture_await(fixture, id, JOB_DONE);
    fixture_check_exact(fixture, id, "a/", 100);
}

static void a_slow_stream_shows_its_lines_soon(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    fixture_fill(fixture, "a/", 1, 0);
    atomic_store(&fixture->instant, true);
    fixture_create(fixture, &spec, id);
    fixture_await(fixture, id, JOB_DONE);
    fixture_fill(fixture, "b/", 2, 0);
    char prefix[] = "b/";
    spec = fixture_spec(prefix);
    atomic_store(&fixture->instant, false);
    fixture_hold(fixture, true);
    fixture_create(fixture, &spec, id);
    fixture_await_in_flight(fixture, 2);
    /* One of two comes back, and the other does not. */
    (void)pthread_mutex_lock(&fixture->lock);
    struct jobs_object *object = fixture->queue[0].object;
    fixture->queue[0] = fixture->queue[--fixture->queued];
    fixture->in_flight--;
    (void)pthread_mutex_unlock(&fixture->lock);
    buffer_append_text(&object->line, "{\"object\":\"s/b/00000.jpg\"}");
    jobs_object_done(object);
    fixture_await_results(fixture, id, 1);
    fixture_hold(fixture, false);
    fixture_await(fixture, id, JOB_DONE);
}

static void a_full_disk_pauses_the_job_and_nothing_is_lost(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    fixture_fill(fixture, "a/", 2000, 9);
    atomic_store(&fixture->delay_us, 20);
    disk_limit(64 << 10);
    fixture_create(fixture, &spec, id);
    fixture_await_reason(fixture, id, ERROR_IO);
    uint64_t results = fixture_results(fixture, id);
    unsigned inferred = atomic_load(&fixture->inferred);
    fixture_sleep_ms(350);
    assert_int_equal(fixture_state(fixture, id), JOB_PAUSED);
    assert_int_equal(fixture_results(fixture, id), results);
    assert_int_equal(atomic_load(&fixture->inferred), inferred); /* nothing new is begun */
    disk_limit(0);
    fixture_await(fixture, id, JOB_DONE);
    fixture_check_exact(fixture, id, "a/", 2000);
    assert_true(atomic_load(&fixture->inferred) <= 2000 + LIMIT_JOB_WINDOW);
}

static void fast_answers_cost_little(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    enum { COUNT = 20000 };
    fixture_fill(fixture, "a/", COUNT, 0);
    atomic_store(&fixture->instant, true);
    int64_t begun_ns = clock_now_ns();
    fixture_create(fixture, &spec, id);
    fixture_await(fixture, id, JOB_DONE);
    int64_t taken_ns = clock_now_ns() - begun_ns;
    print_message("%d cached answers: %.1f us each\n", COUNT, (double)taken_ns / COUNT / 1000);
    struct job_info info = fixture_info(fixture, id);
    assert_int_equal(info.cached, COUNT);
    job_info_done(&info);
    fixture_check_exact(fixture, id, "a/", COUNT);
}

#define RUN(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(each_object_has_its_line_in_order),
        RUN(a_selection_of_nothing_is_done),
        RUN(the_window_is_bounded_in_bytes),
        RUN(the_window_is_bounded_in_number),
        RUN(a_busy_host_is_asked_again),
        RUN(a_host_that_cannot_pauses_the_job_until_it_can),
        RUN(a_model_that_is_gone_pauses_the_job_until_it_is_back),
        RUN(a_selection_that_cannot_be_listed_pauses_the_job),
        RUN(what_is_gone_at_the_look_is_counted_as_gone),
        RUN(a_name_that_was_given_and_is_not_there_fails),
        RUN(an_answer_too_long_for_the_log_fails_alone),
        RUN(names_that_are_no_objects_fail_in_their_place),
        RUN(too_many_failures_end_the_job_and_it_can_be_resumed),
        RUN(a_slow_stream_shows_its_lines_soon),
        RUN(a_full_disk_pauses_the_job_and_nothing_is_lost),
        RUN(fast_answers_cost_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
