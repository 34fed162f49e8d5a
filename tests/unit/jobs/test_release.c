/* SPDX-License-Identifier: Apache-2.0
 *
 * Results of a standing job that are not needed any more: the job goes on as if they were there,
 * over restarts, too; it keeps what it needs itself; readers are told.
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

#include "disk_fixture.h"
#include "host_fixture.h"

enum { COUNT = 3000 };

static char prefix_a[] = "a/";

static void create_standing(struct fixture *fixture, char *id)
{
    struct job_spec spec = fixture_spec(prefix_a);
    spec.standing = true;
    spec.interval_s = 1;
    fixture_fill(fixture, prefix_a, COUNT, 0);
    fixture_create(fixture, &spec, id);
    fixture_await_rest(fixture, id, 1);
}

struct seen {
    uint64_t lines;
    uint64_t gone;
    uint64_t failed;
    uint64_t pass; /* of the last */
    char name[64]; /* likewise */
    uint64_t end_at;
};

static int see(void *context, const struct jobs_line *line)
{
    struct seen *seen = context;
    if (seen->end_at > 0 && seen->lines == seen->end_at) {
        return -ECANCELED;
    }
    seen->lines++;
    seen->gone += line->gone;
    seen->failed += line->failed;
    seen->pass = line->pass;
    (void)snprintf(seen->name, sizeof seen->name, "%.*s", (int)strcspn(line->text + 11, "\""),
                   line->text + 11);
    return 0;
}

static struct seen read_from(struct fixture *fixture, const char *id, uint64_t after)
{
    struct jobs_reader *reader = NULL;
    struct seen seen = {0};
    enum jobs_read read = JOBS_READ_MORE;
    assert_int_equal(jobs_reader_new(fixture->jobs, id, after, NULL, NULL, &reader, NULL), 0);
    while (read == JOBS_READ_MORE) {
        assert_int_equal(jobs_reader_each(reader, 100, see, &seen, &read, NULL), 0);
    }
    assert_int_equal(jobs_reader_position(reader), after + seen.lines);
    jobs_reader_free(reader);
    return seen;
}

static void lines_are_read_one_by_one_and_a_refused_one_comes_again(void **state)
{
    struct fixture *fixture = *state;
    struct jobs_reader *reader = NULL;
    struct seen seen = {.end_at = 42};
    enum jobs_read read = JOBS_READ_WAIT;
    char id[JOB_ID_SIZE];
    create_standing(fixture, id);
    assert_int_equal(jobs_reader_new(fixture->jobs, id, 0, NULL, NULL, &reader, NULL), 0);
    assert_int_equal(jobs_reader_each(reader, 40, see, &seen, &read, NULL), 0);
    assert_int_equal(read, JOBS_READ_MORE);
    assert_int_equal(jobs_reader_position(reader), 40);
    assert_int_equal(jobs_reader_each(reader, 40, see, &seen, &read, NULL), -ECANCELED);
    assert_int_equal(jobs_reader_position(reader), 42);
    seen.end_at = 0;
    assert_int_equal(jobs_reader_each(reader, 1, see, &seen, &read, NULL), 0);
    assert_string_equal(seen.name, "s/a/00042.jpg");
    jobs_reader_free(reader);
    seen = read_from(fixture, id, 0);
    assert_int_equal(seen.lines, COUNT);
    assert_int_equal(seen.pass, 1);
}

static void a_job_goes_on_without_what_was_released(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {.code = ERROR_NONE};
    struct jobs_reader *reader = NULL;
    char id[JOB_ID_SIZE];
    create_standing(fixture, id);
    assert_int_equal(jobs_release(fixture->jobs, id, 2500, NULL), 0);
    assert_int_equal(fixture_results(fixture, id), COUNT);
    assert_int_equal(jobs_reader_new(fixture->jobs, id, 0, NULL, NULL, &reader, &error), -ENOENT);
    assert_int_equal(error.code, ERROR_NOT_FOUND);
    assert_non_null(strstr(error.message, "released"));
    assert_int_equal(read_from(fixture, id, 2500).lines, COUNT - 2500);
    fixture_restart(fixture);
    assert_int_equal(fixture_results(fixture, id), COUNT);
    fixture_hide(fixture, "a/00007.jpg");
    fixture_await_results(fixture, id, COUNT + 1);
    struct seen seen = read_from(fixture, id, COUNT);
    assert_int_equal(seen.gone, 1);
    assert_true(seen.pass >= 2);
    assert_int_equal(jobs_release(fixture->jobs, id, UINT64_MAX, NULL), 0);
    fixture_restart(fixture);
    fixture_put(fixture, "a/00008.jpg", 9);
    fixture_await_results(fixture, id, COUNT + 2);
    seen = read_from(fixture, id, COUNT + 1);
    assert_string_equal(seen.name, "s/a/00008.jpg");
    fixture_sleep_ms(1500); /* another pass: nothing is inferred twice */
    assert_int_equal(fixture_results(fixture, id), COUNT + 2);
}

static void what_the_table_lacks_is_kept(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(prefix_a);
    char id[JOB_ID_SIZE];
    spec.standing = true;
    spec.interval_s = 1;
    fixture_fill(fixture, prefix_a, COUNT, 0);
    fixture_hold_behind(fixture, 300 + LIMIT_JOB_WINDOW);
    fixture_create(fixture, &spec, id);
    fixture_await_results(fixture, id, 300); /* less than the table commits at once */
    assert_int_equal(jobs_release(fixture->jobs, id, UINT64_MAX, NULL), 0);
    assert_true(read_from(fixture, id, 0).lines >= 300);
    fixture_hold_behind(fixture, 0);
    fixture_await_rest(fixture, id, 1);
    fixture_check_exact(fixture, id, prefix_a, COUNT);
}

static void a_table_that_is_lost_then_is_made_anew_and_that_is_told(void **state)
{
    struct fixture *fixture = *state;
    char id[JOB_ID_SIZE];
    char from[160];
    char to[160];
    create_standing(fixture, id);
    assert_int_equal(jobs_release(fixture->jobs, id, 2500, NULL), 0);
    struct job_info info = fixture_info(fixture, id);
    assert_false(info.began_anew);
    job_info_done(&info);
    fixture_stop(fixture);
    (void)snprintf(from, sizeof from, "%s/jobs/%s/known", fixture->root, id);
    (void)snprintf(to, sizeof to, "%s/lost", fixture->root);
    assert_int_equal(rename(from, to), 0);
    fixture_open(fixture);
    fixture_await_results(fixture, id, (uint64_t)2 * COUNT);
    for (int again = 0; again < 2; again++) {
        info = fixture_info(fixture, id);
        assert_true(info.began_anew);
        job_info_done(&info);
        fixture_restart(fixture);
    }
}

static void only_a_standing_job_can_release(void **state)
{
    struct fixture *fixture = *state;
    struct job_spec spec = fixture_spec(prefix_a);
    struct error error = {.code = ERROR_NONE};
    char id[JOB_ID_SIZE];
    fixture_fill(fixture, prefix_a, COUNT, 0);
    fixture_create(fixture, &spec, id);
    fixture_await(fixture, id, JOB_DONE);
    assert_int_equal(jobs_release(fixture->jobs, id, 2500, &error), -EEXIST);
    assert_int_equal(error.code, ERROR_CONFLICT);
    assert_int_equal(jobs_release(fixture->jobs, "aaaaaaaa", 1, &error), -ENOENT);
    fixture_check_exact(fixture, id, prefix_a, COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_are_read_one_by_one_and_a_refused_one_comes_again,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(a_job_goes_on_without_what_was_released, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_the_table_lacks_is_kept, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_table_that_is_lost_then_is_made_anew_and_that_is_told,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(only_a_standing_job_can_release, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
