/* SPDX-License-Identifier: Apache-2.0
 *
 * Ended jobs: they grow old by the time that situd has run, whatever the clock on the wall says,
 * and cost the disk nothing at a start.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/whole_file.h"
#include "host_fixture.h"
#include "jobs/ages.h"

enum { DAY_S = 86400 };

static char all[] = "";
static _Atomic time_t jump_s;

time_t __real_time(time_t *ret_time); /* NOLINT(bugprone-reserved-identifier): the linker's */
time_t __wrap_time(time_t *ret_time); /* NOLINT(bugprone-reserved-identifier): likewise */

time_t __wrap_time(time_t *ret_time) /* NOLINT(bugprone-reserved-identifier): likewise */
{
    time_t now = __real_time(NULL) + jump_s;
    if (ret_time) {
        *ret_time = now;
    }
    return now;
}

static atomic_uint syncs;

int __real_fdatasync(int fd); /* NOLINT(bugprone-reserved-identifier): the linker's */
int __wrap_fdatasync(int fd); /* NOLINT(bugprone-reserved-identifier): likewise */

int __wrap_fdatasync(int fd) /* NOLINT(bugprone-reserved-identifier): likewise */
{
    atomic_fetch_add(&syncs, 1);
    return __real_fdatasync(fd);
}

static int setup(void **state)
{
    struct fixture *fixture = fixture_new(NULL);
    jump_s = 0;
    fixture->keep_s = 7 * DAY_S;
    fixture_open(fixture);
    fixture_fill(fixture, "a/", 3, 0);
    *state = fixture;
    return 0;
}

/* A job that has ended: when it has, the keeper has looked around at all others. */
static void end_one(struct fixture *fixture, char *id)
{
    struct job_spec spec = fixture_spec(all);
    fixture_create(fixture, &spec, id);
    fixture_await(fixture, id, JOB_DONE);
}

static bool is_there(struct fixture *fixture, const char *id)
{
    struct job_info info;
    if (jobs_get(fixture->jobs, id, &info, NULL) < 0) {
        return false;
    }
    job_info_done(&info);
    return true;
}

static bool goes(struct fixture *fixture, const char *id)
{
    int64_t until_ns = clock_now_ns() + WAIT_MS * NS_PER_MS;
    while (is_there(fixture, id) && clock_now_ns() < until_ns) {
        fixture_sleep_ms(1);
    }
    return !is_there(fixture, id);
}

static char *directory_of(const struct fixture *fixture)
{
    char *path = NULL;
    assert_true(asprintf(&path, "%s/jobs", fixture->root) > 0);
    return path;
}

static int64_t written_age(const struct fixture *fixture, const char *id)
{
    cleanup_free char *directory = directory_of(fixture);
    struct ages *ages = NULL;
    assert_int_equal(ages_read(directory, &ages), 0);
    int64_t seconds = ages_of(ages, id);
    ages_free(ages);
    return seconds;
}

static void write_age(const struct fixture *fixture, const char *id, int64_t seconds)
{
    cleanup_free char *directory = directory_of(fixture);
    struct age age = {.seconds = seconds};
    memcpy(age.id, id, sizeof age.id);
    assert_int_equal(ages_write(directory, &age, 1, NULL), 0);
}

static void a_clock_that_jumps_removes_no_job(void **state)
{
    struct fixture *fixture = *state;
    char id[JOB_ID_SIZE];
    char other[JOB_ID_SIZE];
    end_one(fixture, id);
    jump_s = 8 * DAY_S;
    end_one(fixture, other);
    assert_true(is_there(fixture, id));
    fixture_restart(fixture);
    end_one(fixture, other);
    assert_true(is_there(fixture, id));
    jump_s = -8 * DAY_S;
    fixture_restart(fixture);
    end_one(fixture, other);
    assert_true(is_there(fixture, id));
    assert_int_equal(fixture_results(fixture, id), 3);
}

static void an_age_is_kept_from_one_start_to_the_next(void **state)
{
    struct fixture *fixture = *state;
    char id[JOB_ID_SIZE];
    end_one(fixture, id);
    fixture_stop(fixture);
    write_age(fixture, id, 6 * DAY_S);
    fixture_open(fixture);
    assert_true(is_there(fixture, id));
    fixture_stop(fixture);
    assert_true(written_age(fixture, id) >= 6 * DAY_S);
    write_age(fixture, id, 7 * DAY_S);
    fixture_open(fixture);
    assert_true(goes(fixture, id));
}

/* Also one that says what cannot be. */
static void ages_that_cannot_be_read_make_no_job_older(void **state)
{
    static const char *const texts[] = {"",
                                        "{",
                                        "[]",
                                        "{\"format\":2,\"ages\":{\"%s\":900000}}",
                                        "{\"format\":1,\"ages\":{\"%s\":-900000}}",
                                        "{\"format\":1,\"ages\":{\"%s\":\"900000\"}}"};
    struct fixture *fixture = *state;
    cleanup_free char *directory = directory_of(fixture);
    cleanup_free char *path = NULL;
    char id[JOB_ID_SIZE];
    char other[JOB_ID_SIZE];
    assert_true(asprintf(&path, "%s/ages", directory) > 0);
    end_one(fixture, id);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        cleanup_buffer struct buffer text = BUFFER_INIT;
        const char *gap = strstr(texts[i], "%s");
        fixture_stop(fixture);
        buffer_append(&text, texts[i], gap ? (size_t)(gap - texts[i]) : strlen(texts[i]));
        if (gap) {
            buffer_append_text(&text, id);
            buffer_append_text(&text, gap + 2);
        }
        assert_int_equal(whole_file_write(path, text.data, text.size), 0);
        fixture_open(fixture);
        end_one(fixture, other);
        assert_true(is_there(fixture, id));
    }
}

/* No number of seconds overflows. */
static void an_age_beyond_all_bounds_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    char id[JOB_ID_SIZE];
    end_one(fixture, id);
    fixture_stop(fixture);
    write_age(fixture, id, INT64_MAX);
    assert_true(written_age(fixture, id) == LIMIT_JOB_AGE_S);
    fixture_open(fixture);
    assert_true(goes(fixture, id));
}

/* 2,021 of them made a start 4 s longer. */
static void a_start_syncs_no_log_of_an_ended_job(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    struct job_info *infos = NULL;
    struct error error;
    size_t count = 0;
    char ids[3][JOB_ID_SIZE];
    char paused[JOB_ID_SIZE];
    end_one(fixture, ids[0]);
    end_one(fixture, ids[1]);
    fixture_fill(fixture, "a/", 500, 0);
    fixture_hold_behind(fixture, atomic_load(&fixture->inferred) + 50 + LIMIT_JOB_WINDOW);
    fixture_create(fixture, &spec, paused);
    fixture_await_results(fixture, paused, 50);
    assert_int_equal(jobs_pause(fixture->jobs, paused, &error), 0);
    fixture_stop(fixture);
    atomic_store(&syncs, 0);
    fixture_open(fixture);
    assert_int_equal(jobs_list_brief(fixture->jobs, &infos, &count), 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(infos[i].results, 0);
        job_info_done(&infos[i]);
    }
    free(infos);
    assert_int_equal(count, 3);
    assert_int_equal(fixture_results(fixture, ids[0]), 3);
    assert_int_equal(fixture_results(fixture, ids[1]), 3);
    assert_int_equal(atomic_load(&syncs), 0);
    assert_true(fixture_results(fixture, paused) >= 50); /* its writer may have been killed */
    assert_int_equal(atomic_load(&syncs), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_clock_that_jumps_removes_no_job),
        TEST(an_age_is_kept_from_one_start_to_the_next),
        TEST(ages_that_cannot_be_read_make_no_job_older),
        TEST(an_age_beyond_all_bounds_is_bounded),
        TEST(a_start_syncs_no_log_of_an_ended_job),
    };
    return cmocka_run_group_tests_name("jobs/ended", tests, NULL, NULL);
}
