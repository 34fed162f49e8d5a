/* SPDX-License-Identifier: Apache-2.0
 *
 * Stores that go away under jobs: none ends as done meanwhile, and each goes on by itself where
 * what comes back is what it began with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "disk_fixture.h"
#include "host_fixture.h"
#include "jobs/roots.h"

enum { OBJECTS = 300 };

static char all[] = "";

/* A job that has got to its hundredth object, or thereabouts, and is stopped there. */
static void begin_job(struct fixture *fixture, char *id)
{
    struct job_spec spec = fixture_spec(all);
    fixture_fill(fixture, "a/", OBJECTS, 0);
    fixture_hold_behind(fixture, 100);
    fixture_create(fixture, &spec, id);
    fixture_await_results(fixture, id, 30);
}

static void release(struct fixture *fixture)
{
    fixture_hold_behind(fixture, 0);
}

static void stop_there(struct fixture *fixture)
{
    fixture_stop(fixture);
    release(fixture);
}

static void check_whole(struct fixture *fixture, const char *id)
{
    fixture_await(fixture, id, JOB_DONE);
    fixture_check_exact(fixture, id, "a/", OBJECTS);
    struct job_info info = fixture_info(fixture, id);
    assert_int_equal(info.selected, OBJECTS);
    assert_int_equal(info.gone, 0);
    assert_int_equal(info.failed, 0);
    job_info_done(&info);
}

static void assert_reason(struct fixture *fixture, const char *id, const char *words)
{
    struct job_info info = fixture_info(fixture, id);
    if (!strstr(info.reason.message, words)) {
        fail_msg("'%s' lacks '%s'", info.reason.message, words);
    }
    job_info_done(&info);
}

static void hide_all_but(struct fixture *fixture, unsigned from)
{
    for (unsigned i = from; i < OBJECTS && i < from + HOST_HIDDEN; i++) {
        char key[32];
        (void)snprintf(key, sizeof key, "a/%05u.jpg", i);
        fixture_hide(fixture, key);
    }
}

/* ---- tests ---- */

static void a_job_waits_for_a_store_that_is_away(void **state)
{
    struct fixture *fixture = *state;
    char id[JOB_ID_SIZE];
    begin_job(fixture, id);
    stop_there(fixture);
    atomic_store(&fixture->shelf->away, true);
    fixture_open(fixture);
    fixture_await_reason(fixture, id, ERROR_UNAVAILABLE);
    assert_reason(fixture, id, "store 's' is unavailable: it is away");
    atomic_store(&fixture->shelf->away, false);
    check_whole(fixture, id);
}

static void a_job_stays_paused_on_another_file_system(void **state)
{
    struct fixture *fixture = *state;
    char id[JOB_ID_SIZE];
    begin_job(fixture, id);
    stop_there(fixture);
    fixture_mount(fixture, 8);
    fixture_open(fixture);
    fixture_await_reason(fixture, id, ERROR_UNAVAILABLE);
    assert_reason(fixture, id, "--accept-store");
    assert_true(fixture_results(fixture, id) < OBJECTS);
    assert_int_equal(jobs_resume(fixture->jobs, id, NULL), 0); /* in vain */
    fixture_await_reason(fixture, id, ERROR_UNAVAILABLE);
    fixture_mount(fixture, 7);
    check_whole(fixture, id);
}

static void another_file_system_can_be_accepted(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {.code = ERROR_NONE};
    char id[JOB_ID_SIZE];
    begin_job(fixture, id);
    stop_there(fixture);
    fixture_mount(fixture, 8);
    fixture_open(fixture);
    fixture_await_reason(fixture, id, ERROR_UNAVAILABLE);
    atomic_store(&fixture->shelf->away, true);
    assert_true(jobs_resume_accepting(fixture->jobs, id, &error) < 0);
    assert_int_equal(error.code, ERROR_UNAVAILABLE);
    atomic_store(&fixture->shelf->away, false);
    assert_int_equal(jobs_resume_accepting(fixture->jobs, id, &error), 0);
    check_whole(fixture, id);
    assert_true(jobs_resume_accepting(fixture->jobs, id, &error) < 0); /* done already */
    assert_int_equal(error.code, ERROR_CONFLICT);
}

static void a_job_that_was_accepted_stays_so_after_a_restart(void **state)
{
    struct fixture *fixture = *state;
    char id[JOB_ID_SIZE];
    begin_job(fixture, id);
    stop_there(fixture);
    fixture_mount(fixture, 8);
    fixture_open(fixture);
    fixture_await_reason(fixture, id, ERROR_UNAVAILABLE);
    fixture_hold_behind(fixture, 150);
    assert_int_equal(jobs_resume_accepting(fixture->jobs, id, NULL), 0);
    fixture_await(fixture, id, JOB_RUNNING);
    stop_there(fixture);
    fixture_open(fixture);
    check_whole(fixture, id);
}

/* What was in flight was read from nobody knows where: it is asked again. */
static void no_answer_of_another_file_system_becomes_a_line(void **state)
{
    struct fixture *fixture = *state;
    char id[JOB_ID_SIZE];
    begin_job(fixture, id);
    uint64_t before = fixture_results(fixture, id);
    fixture_mount(fixture, 8);
    release(fixture);
    fixture_await_reason(fixture, id, ERROR_UNAVAILABLE);
    assert_in_range(fixture_results(fixture, id), before, 100);
    fixture_mount(fixture, 7);
    check_whole(fixture, id);
}

static void what_is_mounted_again_as_it_was_is_gone_on_with(void **state)
{
    struct fixture *fixture = *state;
    char id[JOB_ID_SIZE];
    begin_job(fixture, id);
    fixture_mount(fixture, 7);
    release(fixture);
    check_whole(fixture, id);
}

/* The mount point holds a few files of its own: without the file system's number the job would be
 * done with those. */
static void a_partly_filled_mount_point_ends_no_job(void **state)
{
    struct fixture *fixture = *state;
    char id[JOB_ID_SIZE];
    begin_job(fixture, id);
    stop_there(fixture);
    fixture_mount(fixture, 8);
    hide_all_but(fixture, OBJECTS - HOST_HIDDEN);
    fixture_open(fixture);
    fixture_await_reason(fixture, id, ERROR_UNAVAILABLE);
    struct job_info info = fixture_info(fixture, id);
    assert_true(info.selected_known);
    assert_int_equal(info.selected, OBJECTS);
    job_info_done(&info);
    fixture_unhide_all(fixture);
    fixture_mount(fixture, 7);
    check_whole(fixture, id);
}

/* ---- a device's number ---- */

static void a_device_number_that_changed_is_no_other_file_system(void **state)
{
    struct fixture *fixture = *state;
    char id[JOB_ID_SIZE];
    atomic_store(&fixture->shelf->device_only, true);
    begin_job(fixture, id);
    stop_there(fixture);
    fixture_mount(fixture, 8);
    fixture_open(fixture);
    check_whole(fixture, id);
}

/* The same number may be another device's: what was answered last has to be there as it was. */
static void a_device_number_alone_proves_nothing(void **state)
{
    struct fixture *fixture = *state;
    char id[JOB_ID_SIZE];
    char key[32];
    atomic_store(&fixture->shelf->device_only, true);
    begin_job(fixture, id);
    fixture_stop(fixture);
    fixture_open(fixture); /* what it has is known for sure now */
    unsigned last = (unsigned)fixture_results(fixture, id) - 1;
    fixture_stop(fixture);
    (void)snprintf(key, sizeof key, "a/%05u.jpg", last - (ROOTS_WITNESSES - 1));
    fixture_put(fixture, key, 5); /* another inode */
    fixture_mount(fixture, 7);
    release(fixture);
    fixture_open(fixture);
    fixture_await_reason(fixture, id, ERROR_UNAVAILABLE);
    assert_reason(fixture, id, "inferred last");
    assert_int_equal(jobs_resume_accepting(fixture->jobs, id, NULL), 0);
    check_whole(fixture, id);
}

static void an_object_before_the_last_sixteen_may_change(void **state)
{
    struct fixture *fixture = *state;
    char id[JOB_ID_SIZE];
    char key[32];
    atomic_store(&fixture->shelf->device_only, true);
    begin_job(fixture, id);
    fixture_stop(fixture);
    fixture_open(fixture);
    unsigned last = (unsigned)fixture_results(fixture, id) - 1;
    fixture_stop(fixture);
    (void)snprintf(key, sizeof key, "a/%05u.jpg", last - ROOTS_WITNESSES);
    fixture_put(fixture, key, 5);
    fixture_mount(fixture, 8);
    release(fixture);
    fixture_open(fixture);
    check_whole(fixture, id);
}

/* What the log tells of later: answered again after a change, and gone. */
static void what_changed_or_went_while_the_job_stood_is_no_witness(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char id[JOB_ID_SIZE];
    spec.standing = true;
    spec.interval_s = 1;
    atomic_store(&fixture->shelf->device_only, true);
    fixture_fill(fixture, "a/", 20, 0);
    fixture_create(fixture, &spec, id);
    fixture_await_rest(fixture, id, 1);
    fixture_put(fixture, "a/00017.jpg", 9);
    fixture_hide(fixture, "a/00019.jpg");
    fixture_await_results(fixture, id, 22);
    fixture_restart(fixture);
    fixture_await_rest(fixture, id, 1);
    struct job_info info = fixture_info(fixture, id);
    assert_int_equal(info.state, JOB_RUNNING);
    assert_int_equal(info.selected, 19);
    job_info_done(&info);
}

/* ---- counts ---- */

static void what_was_selected_and_is_gone_is_counted(void **state)
{
    struct fixture *fixture = *state;
    char id[JOB_ID_SIZE];
    begin_job(fixture, id);
    stop_there(fixture);
    hide_all_but(fixture, OBJECTS - 20);
    for (unsigned restart = 0; restart < 2; restart++) {
        fixture_open(fixture);
        fixture_await(fixture, id, JOB_DONE);
        struct job_info info = fixture_info(fixture, id);
        assert_int_equal(info.selected, OBJECTS);
        assert_int_equal(info.results, OBJECTS - 20);
        assert_int_equal(info.gone, 20);
        assert_int_equal(info.failed, 0);
        job_info_done(&info);
        fixture_stop(fixture);
    }
    fixture_open(fixture);
}

static void no_job_is_made_over_a_store_that_is_away(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    struct error error = {.code = ERROR_NONE};
    struct job_info info;
    bool existing = false;
    atomic_store(&fixture->shelf->away, true);
    assert_true(jobs_create(fixture->jobs, &spec, NULL, &info, &existing, &error) < 0);
    assert_int_equal(error.code, ERROR_UNAVAILABLE);
    assert_string_equal(error.message, "store 's' is unavailable: it is away");
}

/* As one of an earlier version, which did not remember its file system. */
static void a_job_without_memory_is_not_done_over_an_empty_store(void **state)
{
    struct fixture *fixture = *state;
    char id[JOB_ID_SIZE];
    begin_job(fixture, id);
    stop_there(fixture);
    char path[160];
    size_t size;
    (void)snprintf(path, sizeof path, "%s/jobs/%s/job.json", fixture->root, id);
    char *text = disk_read(path, &size);
    char *roots = strstr(text, ",\"roots\":[");
    assert_non_null(roots);
    char *end = strchr(roots, ']');
    assert_non_null(end);
    memmove(roots, end + 1, strlen(end + 1) + 1);
    *(strrchr(text, '}') + 1) = '\0'; /* its checksum, too */
    disk_write(path, text, strlen(text));
    free(text);
    atomic_store(&fixture->shelf->empty, true);
    hide_all_but(fixture, OBJECTS - HOST_HIDDEN);
    fixture_open(fixture);
    fixture_await_reason(fixture, id, ERROR_UNAVAILABLE);
    assert_reason(fixture, id, "is empty");
    fixture_unhide_all(fixture);
    atomic_store(&fixture->shelf->empty, false);
    check_whole(fixture, id);
}

static void a_list_over_several_stores_remembers_each(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(all);
    char names[OBJECTS * 20] = "";
    char id[JOB_ID_SIZE];
    fixture_fill(fixture, "a/", OBJECTS, 0);
    for (unsigned i = 0; i < OBJECTS; i++) {
        char name[24];
        (void)snprintf(name, sizeof name, "s/a/%05u.jpg\n", i);
        (void)strcat(names, name);
    }
    spec.select.store = NULL;
    spec.has_keys = true;
    fixture_hold_behind(fixture, 100);
    fixture_create_list(fixture, &spec, names, id);
    fixture_await_results(fixture, id, 30);
    stop_there(fixture);
    fixture_mount(fixture, 8);
    fixture_open(fixture);
    fixture_await_reason(fixture, id, ERROR_UNAVAILABLE);
    fixture_mount(fixture, 7);
    check_whole(fixture, id);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_job_waits_for_a_store_that_is_away),
        CASE(a_job_stays_paused_on_another_file_system),
        CASE(another_file_system_can_be_accepted),
        CASE(a_job_that_was_accepted_stays_so_after_a_restart),
        CASE(no_answer_of_another_file_system_becomes_a_line),
        CASE(what_is_mounted_again_as_it_was_is_gone_on_with),
        CASE(a_partly_filled_mount_point_ends_no_job),
        CASE(a_device_number_that_changed_is_no_other_file_system),
        CASE(a_device_number_alone_proves_nothing),
        CASE(an_object_before_the_last_sixteen_may_change),
        CASE(what_changed_or_went_while_the_job_stood_is_no_witness),
        CASE(what_was_selected_and_is_gone_is_counted),
        CASE(no_job_is_made_over_a_store_that_is_away),
        CASE(a_job_without_memory_is_not_done_over_an_empty_store),
        CASE(a_list_over_several_stores_remembers_each),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
