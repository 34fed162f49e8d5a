/* SPDX-License-Identifier: Apache-2.0
 *
 * Readers of a job's results: they follow it while it runs, from any place on, see nothing that is
 * not synced, and come to an end when the job ends, is removed, or everything stops.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "host_fixture.h"

enum { COUNT = 1500, FOLLOWERS = 4 };

static char all[] = "";

struct follower {
    struct fixture *fixture;
    const char *id;
    uint64_t after;
    struct buffer lines;
    enum jobs_read end;
    atomic_uint woken;
    atomic_bool there; /* it has its reader, or has none */
    pthread_t thread;
};

static void count_call(void *context)
{
    struct follower *follower = context;
    atomic_fetch_add(&follower->woken, 1);
}

static void *follow(void *context)
{
    struct follower *follower = context;
    struct jobs_reader *reader = NULL;
    struct error error;
    int r = jobs_reader_new(follower->fixture->jobs, follower->id, follower->after, count_call,
                            follower, &reader, &error);
    atomic_store(&follower->there, true);
    enum jobs_read read = JOBS_READ_MORE;
    while (r == 0 && (read == JOBS_READ_MORE || read == JOBS_READ_WAIT)) {
        if (read == JOBS_READ_WAIT) {
            jobs_reader_wait(reader, WAIT_MS);
        }
        r = jobs_reader_read(reader, &follower->lines, 2000, &read, &error);
    }
    follower->end = r < 0 ? JOBS_READ_WAIT : read;
    jobs_reader_free(reader);
    return NULL;
}

static void start(struct follower *follower, struct fixture *fixture, const char *id,
                  uint64_t after)
{
    *follower = (struct follower){.fixture = fixture, .id = id, .after = after};
    int64_t until_ns = clock_now_ns() + WAIT_MS * NS_PER_MS;
    assert_int_equal(pthread_create(&follower->thread, NULL, follow, follower), 0);
    while (!atomic_load(&follower->there)) { /* else the job may be gone before it comes */
        assert_true(clock_now_ns() < until_ns);
        fixture_sleep_ms(1);
    }
}

static void finish(struct follower *follower)
{
    (void)pthread_join(follower->thread, NULL);
    assert_non_null(buffer_text(&follower->lines));
}

static void followers_get_all_of_it_while_it_runs(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    struct follower followers[FOLLOWERS];
    struct error error;
    char id[JOB_ID_SIZE];
    fixture_fill(fixture, "a/", COUNT, 11);
    fixture_hold_behind(fixture, COUNT / 2 + 2 * LIMIT_JOB_WINDOW);
    fixture_create(fixture, &spec, id);
    for (unsigned i = 0; i < FOLLOWERS; i++) {
        fixture_await_results(fixture, id, 30 * i);
        start(&followers[i], fixture, id, 30 * i);
    }
    fixture_await_results(fixture, id, COUNT / 2);
    assert_int_equal(jobs_pause(fixture->jobs, id, &error), 0);
    fixture_hold_behind(fixture, 0);
    assert_int_equal(jobs_resume(fixture->jobs, id, &error), 0);
    fixture_await(fixture, id, JOB_DONE);
    char *lines = fixture_lines(fixture, id);
    for (unsigned i = 0; i < FOLLOWERS; i++) {
        finish(&followers[i]);
        assert_int_equal(followers[i].end, JOBS_READ_END);
        assert_true(atomic_load(&followers[i].woken) > 1);
        const char *rest = lines;
        for (unsigned line = 0; line < 30 * i; line++) {
            rest = strchr(rest, '\n') + 1;
        }
        assert_string_equal(followers[i].lines.data, rest);
        buffer_done(&followers[i].lines);
    }
    free(lines);
    fixture_check_exact(fixture, id, "a/", COUNT);
}

static void a_cursor_never_points_behind_what_is_synced(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    struct jobs_reader *reader = NULL;
    struct error error;
    char id[JOB_ID_SIZE];
    fixture_fill(fixture, "a/", 10, 0);
    fixture_create(fixture, &spec, id);
    fixture_await(fixture, id, JOB_DONE);
    assert_int_equal(jobs_reader_new(fixture->jobs, id, 11, NULL, NULL, &reader, &error), -EINVAL);
    assert_int_equal(error.code, ERROR_MALFORMED);
    assert_int_equal(jobs_reader_new(fixture->jobs, "zzzzzzzz", 0, NULL, NULL, &reader, &error),
                     -ENOENT);
    assert_int_equal(jobs_reader_new(fixture->jobs, id, 10, NULL, NULL, &reader, &error), 0);
    struct buffer out = BUFFER_INIT;
    enum jobs_read read = JOBS_READ_WAIT;
    assert_int_equal(jobs_reader_read(reader, &out, 100, &read, &error), 0);
    assert_int_equal(read, JOBS_READ_END);
    assert_int_equal(jobs_reader_position(reader), 10);
    jobs_reader_free(reader);
    buffer_done(&out);
}

static void a_removed_job_ends_its_readers(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    struct follower follower;
    struct error error;
    char id[JOB_ID_SIZE];
    fixture_fill(fixture, "a/", COUNT, 0);
    fixture_hold_behind(fixture, 150 + LIMIT_JOB_WINDOW);
    fixture_create(fixture, &spec, id);
    fixture_await_results(fixture, id, 50);
    start(&follower, fixture, id, 0);
    fixture_await_results(fixture, id, 150);
    assert_int_equal(jobs_remove(fixture->jobs, id, &error), 0);
    finish(&follower);
    assert_int_equal(follower.end, JOBS_READ_END);
    assert_true(follower.lines.size > 0);
    buffer_done(&follower.lines);
}

/* Its followers are told how it ended: "running" is no end. */
static void a_job_removed_while_it_runs_ends_as_cancelled(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    struct jobs_reader *reader = NULL;
    struct job_info info;
    struct error error;
    char id[JOB_ID_SIZE];
    fixture_fill(fixture, "a/", COUNT, 0);
    fixture_hold(fixture, true);
    fixture_create(fixture, &spec, id);
    assert_int_equal(jobs_reader_new(fixture->jobs, id, 0, NULL, NULL, &reader, &error), 0);
    fixture_await_in_flight(fixture, 1);
    fixture_hold(fixture, false);
    assert_int_equal(jobs_remove(fixture->jobs, id, &error), 0);
    assert_int_equal(jobs_reader_info(reader, &info), 0);
    assert_int_equal(info.state, JOB_CANCELLED);
    job_info_done(&info);
    jobs_reader_free(reader);
}

static void a_stop_brings_readers_back(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    struct follower follower;
    char id[JOB_ID_SIZE];
    fixture_fill(fixture, "a/", 10, 0);
    fixture_hold(fixture, true);
    fixture_create(fixture, &spec, id);
    fixture_await(fixture, id, JOB_RUNNING);
    start(&follower, fixture, id, 0);
    jobs_stop(fixture->jobs);
    finish(&follower);
    assert_int_equal(follower.end, JOBS_READ_STOP);
    buffer_done(&follower.lines);
}

#define RUN(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(followers_get_all_of_it_while_it_runs),
        RUN(a_cursor_never_points_behind_what_is_synced),
        RUN(a_removed_job_ends_its_readers),
        RUN(a_job_removed_while_it_runs_ends_as_cancelled),
        RUN(a_stop_brings_readers_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
