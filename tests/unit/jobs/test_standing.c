/* SPDX-License-Identifier: Apache-2.0
 *
 * Standing jobs: passes that tell what is new, changed and gone, and nothing else; restarts in the
 * middle of one; a table of known objects that is damaged, or behind the log.
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

static char prefix_a[] = "a/";

static struct job_spec standing_spec(uint32_t interval_s)
{
    struct job_spec spec = fixture_spec(prefix_a);
    spec.standing = true;
    spec.interval_s = interval_s;
    return spec;
}

static uint64_t pass_now(struct fixture *fixture, const char *id)
{
    struct job_info info = fixture_info(fixture, id);
    uint64_t pass = info.pass;
    job_info_done(&info);
    return pass;
}

/* Waits for a pass that began after this call to be complete. */
static void await_next_pass(struct fixture *fixture, const char *id)
{
    fixture_await_rest(fixture, id, pass_now(fixture, id) + 2);
}

/* The lines behind the first `skip` begin with these texts, and there are no more. */
static void check_lines(struct fixture *fixture, const char *id, unsigned skip,
                        const char *const *wanted, size_t count)
{
    char *lines = fixture_lines(fixture, id);
    const char *at = lines;
    for (unsigned i = 0; i < skip; i++) {
        at = strchr(at, '\n') + 1;
    }
    for (size_t i = 0; i < count; i++) {
        if (strncmp(at, wanted[i], strlen(wanted[i])) != 0) {
            fail_msg("not %s but %.100s", wanted[i], at);
        }
        at = strchr(at, '\n') + 1;
    }
    assert_string_equal(at, "");
    free(lines);
}

static void a_pass_tells_what_is_new_changed_and_gone(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = standing_spec(1);
    char id[JOB_ID_SIZE];
    fixture_fill(fixture, "a/", 50, 7);
    fixture_create(fixture, &spec, id);
    fixture_await_rest(fixture, id, 1);
    fixture_check_exact(fixture, id, "a/", 50);
    assert_int_equal(atomic_load(&fixture->inferred), 50);
    struct job_info info = fixture_info(fixture, id);
    assert_int_equal(info.state, JOB_RUNNING);
    assert_int_equal(info.selected, 50);
    assert_int_equal(info.failed, 7);
    job_info_done(&info);

    fixture_put(fixture, "a/00010.jpg", 9);
    fixture_put(fixture, "a/00020x.jpg", 9);
    fixture_hide(fixture, "a/00030.jpg");
    fixture_put(fixture, "b/00000.jpg", 9); /* not of this job */
    fixture_await_results(fixture, id, 53);
    static const char *const wanted[] = {"{\"object\":\"s/a/00010.jpg\",\"classes\"",
                                         "{\"object\":\"s/a/00020x.jpg\",\"classes\"",
                                         "{\"object\":\"s/a/00030.jpg\",\"gone\":true}\n"};
    await_next_pass(fixture, id);
    check_lines(fixture, id, 50, wanted, 3);
    assert_int_equal(atomic_load(&fixture->inferred), 52);
    info = fixture_info(fixture, id);
    assert_int_equal(info.selected, 50);
    job_info_done(&info);

    fixture_restart(fixture); /* what is known is known still */
    fixture_await_rest(fixture, id, 1);
    check_lines(fixture, id, 50, wanted, 3);
    assert_int_equal(atomic_load(&fixture->inferred), 52);
}

static void a_glob_bounds_what_is_known(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = standing_spec(1);
    char glob[] = "*.png";
    char id[JOB_ID_SIZE];
    spec.select.glob = glob;
    fixture_fill(fixture, "a/", 5, 0);
    fixture_put(fixture, "a/x.png", 1);
    fixture_create(fixture, &spec, id);
    fixture_await_rest(fixture, id, 1);
    await_next_pass(fixture, id);
    static const char *const wanted[] = {"{\"object\":\"s/a/x.png\",\"classes\""};
    check_lines(fixture, id, 0, wanted, 1);
}

static void a_restart_goes_on_in_the_middle_of_a_pass(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = standing_spec(1);
    char id[JOB_ID_SIZE];
    fixture_fill(fixture, "a/", 3000, 0);
    atomic_store(&fixture->delay_us, 30);
    fixture_create(fixture, &spec, id);
    for (unsigned i = 1; i <= 4; i++) {
        fixture_await_results(fixture, id, 500 * i);
        fixture_restart(fixture);
    }
    fixture_await_rest(fixture, id, 1);
    fixture_check_exact(fixture, id, "a/", 3000);
    assert_true(atomic_load(&fixture->inferred) <= 3000 + 4 * LIMIT_JOB_WINDOW);
    /* The second pass, too: every third object is new content. */
    unsigned before = atomic_load(&fixture->inferred);
    atomic_store(&fixture->delay_us, 300);
    assert_int_equal(jobs_pause(fixture->jobs, id, NULL), 0);
    for (unsigned i = 0; i < 3000; i += 3) {
        char key[32];
        (void)snprintf(key, sizeof key, "a/%05u.jpg", i);
        fixture_put(fixture, key, 5);
    }
    assert_int_equal(jobs_resume(fixture->jobs, id, NULL), 0);
    fixture_await_results(fixture, id, 3300);
    fixture_restart(fixture);
    fixture_await_results(fixture, id, 4000);
    await_next_pass(fixture, id);
    assert_int_equal(fixture_results(fixture, id), 4000);
    assert_true(atomic_load(&fixture->inferred) - before <= 1000 + LIMIT_JOB_WINDOW);
    char *lines = fixture_lines(fixture, id);
    const char *at = lines;
    for (unsigned i = 0; i < 3000; i++) {
        at = strchr(at, '\n') + 1;
    }
    for (unsigned i = 0; i < 3000; i += 3) {
        char wanted[48];
        (void)snprintf(wanted, sizeof wanted, "{\"object\":\"s/a/%05u.jpg\"", i);
        assert_memory_equal(at, wanted, strlen(wanted));
        at = strchr(at, '\n') + 1;
    }
    free(lines);
}

static void known_path(struct fixture *fixture, const char *id, const char *rest, char path[160])
{
    (void)snprintf(path, 160, "%s/jobs/%s/known%s", fixture->root, id, rest);
}

static void a_damaged_table_is_set_aside_and_all_is_inferred_again(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = standing_spec(1);
    char id[JOB_ID_SIZE];
    char path[160];
    fixture_fill(fixture, "a/", 30, 0);
    fixture_create(fixture, &spec, id);
    fixture_await_rest(fixture, id, 1);
    uint64_t pass = pass_now(fixture, id);
    fixture_stop(fixture);
    known_path(fixture, id, "/data.mdb", path);
    char rubbish[8192];
    memset(rubbish, 0x55, sizeof rubbish);
    disk_write(path, rubbish, sizeof rubbish);
    fixture_open(fixture);
    fixture_await_results(fixture, id, 60);
    fixture_await_rest(fixture, id, pass + 1);
    await_next_pass(fixture, id);
    assert_int_equal(fixture_results(fixture, id), 60);
    assert_int_equal(atomic_load(&fixture->inferred), 60);
    known_path(fixture, id, ".damaged", path);
    assert_int_equal(access(path, F_OK), 0);
}

static void a_table_behind_the_log_is_brought_up_to_it(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = standing_spec(1);
    char id[JOB_ID_SIZE];
    char path[160];
    fixture_fill(fixture, "a/", 2500, 5);
    fixture_create(fixture, &spec, id);
    fixture_await_rest(fixture, id, 1);
    fixture_stop(fixture);
    known_path(fixture, id, "/data.mdb", path);
    assert_int_equal(unlink(path), 0); /* as if no commit had come before a crash */
    known_path(fixture, id, "/lock.mdb", path);
    (void)unlink(path);
    fixture_hide(fixture, "a/00017.jpg");
    fixture_open(fixture);
    await_next_pass(fixture, id);
    static const char *const wanted[] = {"{\"object\":\"s/a/00017.jpg\",\"gone\":true}\n"};
    check_lines(fixture, id, 2500, wanted, 1);
    assert_int_equal(atomic_load(&fixture->inferred), 2500);
}

static void a_rest_is_ended_at_once_and_takes_no_place(void **state)
{
    struct fixture *fixture = *state;
    char ids[LIMIT_JOBS_RUNNING + 2][JOB_ID_SIZE];
    struct job_info info;
    struct error error;
    fixture_fill(fixture, "a/", 3, 3);
    for (unsigned i = 0; i < LIMIT_JOBS_RUNNING + 2; i++) {
        struct job_spec spec = standing_spec(86400);
        fixture_create(fixture, &spec, ids[i]);
        fixture_await_rest(fixture, ids[i], 1);
    }
    int64_t begun_ns = clock_now_ns();
    assert_int_equal(jobs_pause(fixture->jobs, ids[0], &error), 0);
    assert_int_equal(fixture_state(fixture, ids[0]), JOB_PAUSED);
    assert_int_equal(jobs_resume(fixture->jobs, ids[0], &error), 0);
    fixture_await_rest(fixture, ids[0], 2);
    assert_int_equal(jobs_retry(fixture->jobs, ids[1], &ACCESS_ALL, &info, &error), -EEXIST);
    assert_int_equal(jobs_cancel(fixture->jobs, ids[1], &error), 0);
    assert_int_equal(jobs_remove(fixture->jobs, ids[2], &error), 0);
    fixture_stop(fixture);
    assert_true(clock_now_ns() - begun_ns < 20 * NS_PER_S); /* and not for a day */
    fixture_open(fixture);
    assert_int_equal(fixture_state(fixture, ids[1]), JOB_CANCELLED);
    assert_int_equal(jobs_retry(fixture->jobs, ids[1], &ACCESS_ALL, &info, &error), 0);
    fixture_await(fixture, info.spec.id, JOB_DONE);
    static const char *const wanted[] = {"{\"object\":\"s/a/00002bad.jpg\",\"error\""};
    check_lines(fixture, info.spec.id, 0, wanted, 1);
    job_info_done(&info);
}

/* A short pass is over before anything else of the job needs saving. */
static void the_counts_of_a_pass_outlive_the_daemon(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = standing_spec(86400);
    char id[JOB_ID_SIZE];
    fixture_fill(fixture, "a/", 3, 0);
    fixture_put(fixture, "a/notes.txt", 1);
    fixture_create(fixture, &spec, id);
    fixture_await_rest(fixture, id, 1);
    fixture_stop(fixture);
    atomic_store(&fixture->shelf->away, true); /* nothing is counted again */
    fixture_open(fixture);
    struct job_info info = fixture_info(fixture, id);
    assert_true(info.selected_known);
    assert_int_equal(info.selected, 3);
    assert_int_equal(info.left_out.skipped, 1);
    job_info_done(&info);
}

static void what_is_gone_is_told_once(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = standing_spec(1);
    char id[JOB_ID_SIZE];
    fixture_put(fixture, "a/1.jpg", 1);
    fixture_put(fixture, "b/1.jpg", 1); /* a store that loses all it has is another matter */
    fixture_create(fixture, &spec, id);
    fixture_await_rest(fixture, id, 1);
    fixture_hide(fixture, "a/1.jpg");
    fixture_await_results(fixture, id, 2);
    await_next_pass(fixture, id);
    assert_int_equal(fixture_results(fixture, id), 2);
}

static void put_file(struct fixture *fixture, const char *name, const char *text)
{
    char path[160];
    (void)snprintf(path, sizeof path, "%s/data/%s", fixture->root, name);
    disk_write(path, text, strlen(text));
}

/* The pass after a change begins long before its interval is over. Names that are no keys are told
 * once, too, also when they are gone. */
static void a_change_in_a_directory_starts_a_pass(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    char all[] = "";
    char store[] = "d";
    char id[JOB_ID_SIZE];
    char path[160];
    (void)snprintf(path, sizeof path, "%s/data", fixture->root);
    assert_int_equal(mkdir(path, 0700), 0);
    put_file(fixture, "b.jpg", "1");
    put_file(fixture, "caf\xe9.jpg", "1");
    if (store_dir_open(path, &fixture->directory, &error) < 0) {
        print_message("no directory store here: %s\n", error.message);
        skip();
    }
    fixture_sleep_ms(100); /* else the files are too fresh to be trusted */
    struct job_spec spec = standing_spec(3600);
    spec.select.store = store;
    spec.select.prefix = all;
    fixture_create(fixture, &spec, id);
    fixture_await_rest(fixture, id, 1);
    fixture_sleep_ms(100);
    put_file(fixture, "a.jpg", "12");
    fixture_await_results(fixture, id, 3);
    (void)snprintf(path, sizeof path, "%s/data/caf\xe9.jpg", fixture->root);
    assert_int_equal(unlink(path), 0);
    fixture_await_results(fixture, id, 4);
    static const char *const wanted[] = {"{\"object\":\"d/b.jpg\",\"classes\"",
                                         "{\"object\":\"d/caf%E9.jpg\",\"encoded\":true,",
                                         "{\"object\":\"d/a.jpg\",\"classes\""};
    char *lines = fixture_lines(fixture, id);
    const char *at = lines;
    for (size_t i = 0; i < 3; i++) {
        assert_memory_equal(at, wanted[i], strlen(wanted[i]));
        at = strchr(at, '\n') + 1;
    }
    assert_non_null(strstr(at, "{\"object\":\"d/caf%E9.jpg\",\"encoded\":true,\"gone\":true}\n"));
    free(lines);
}

/* As when situd starts before the store's file system is mounted. */
static void a_store_without_any_file_is_not_told_as_gone(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = standing_spec(1);
    char id[JOB_ID_SIZE];
    char key[32];
    fixture_fill(fixture, "a/", 10, 0);
    fixture_put(fixture, "b/1.jpg", 9);
    fixture_create(fixture, &spec, id);
    fixture_await_rest(fixture, id, 1);
    fixture_hide(fixture, "b/1.jpg");
    for (unsigned i = 0; i < 10; i++) {
        (void)snprintf(key, sizeof key, "a/%05u.jpg", i);
        fixture_hide(fixture, key);
    }
    fixture_await_reason(fixture, id, ERROR_UNAVAILABLE);
    assert_int_equal(fixture_results(fixture, id), 10);
    fixture_put(fixture, "c/1.txt", 9); /* any file shows that the store is there */
    fixture_await_results(fixture, id, 20);
}

#define RUN(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(a_pass_tells_what_is_new_changed_and_gone),
        RUN(a_glob_bounds_what_is_known),
        RUN(a_restart_goes_on_in_the_middle_of_a_pass),
        RUN(a_damaged_table_is_set_aside_and_all_is_inferred_again),
        RUN(a_table_behind_the_log_is_brought_up_to_it),
        RUN(a_rest_is_ended_at_once_and_takes_no_place),
        RUN(a_change_in_a_directory_starts_a_pass),
        RUN(the_counts_of_a_pass_outlive_the_daemon),
        RUN(what_is_gone_is_told_once),
        RUN(a_store_without_any_file_is_not_told_as_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
