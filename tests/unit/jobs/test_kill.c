/* SPDX-License-Identifier: Apache-2.0
 *
 * A process that dies by SIGKILL in the middle of a job, at any moment, many times over: the job
 * goes on each time, and in the end each object has its line once and in order. What a reader had
 * seen is still there.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "host_fixture.h"

enum { KILLS = 20, COUNT = 3000 };

/* In the child: goes on with the job, and tells of what a reader sees, until it is killed. */
static void run_until_killed(const char *root, const char *id, int out, bool standing)
{
    struct fixture *fixture = fixture_new(root);
    char prefix[] = "a/";
    fixture_fill(fixture, prefix, COUNT, 13);
    atomic_store(&fixture->delay_us, 150);
    fixture_open(fixture);
    char made[JOB_ID_SIZE];
    if (!id) {
        struct job_spec spec = fixture_spec(prefix);
        spec.standing = standing;
        fixture_create(fixture, &spec, made);
        id = made;
        (void)!write(out, made, JOB_ID_SIZE);
    }
    while (true) {
        uint64_t seen = fixture_results(fixture, id);
        (void)!write(out, &seen, sizeof seen);
        fixture_sleep_ms(2);
    }
}

/* How many results the child has seen before it died. */
static uint64_t last_seen(int in)
{
    uint64_t seen = 0;
    uint64_t next = 0;
    while (read(in, &next, sizeof next) == (ssize_t)sizeof next) {
        seen = next;
    }
    return seen;
}

static void killed_many_times(bool standing)
{
    struct fixture *fixture = fixture_new(NULL);
    char id[JOB_ID_SIZE] = "";
    uint64_t seen = 0;
    unsigned seed = (unsigned)getpid();
    print_message("seed %u\n", seed);
    for (unsigned kill_number = 0; kill_number < KILLS; kill_number++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            (void)close(ends[0]);
            run_until_killed(fixture->root, id[0] != '\0' ? id : NULL, ends[1], standing);
            _exit(1);
        }
        (void)close(ends[1]);
        if (id[0] == '\0') {
            assert_int_equal(read(ends[0], id, JOB_ID_SIZE), JOB_ID_SIZE);
        }
        uint64_t first = 0;
        assert_int_equal(read(ends[0], &first, sizeof first), sizeof first); /* the job goes */
        assert_true(first >= seen);
        seed = seed * 1103515245u + 12345u;
        (void)usleep((seed >> 8) % 40000);
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
        uint64_t now = last_seen(ends[0]);
        seen = now > seen ? now : seen;
        (void)close(ends[0]);
    }
    fixture_fill(fixture, "a/", COUNT, 13);
    fixture_open(fixture);
    assert_true(fixture_results(fixture, id) >= seen);
    print_message("%llu of %d results after %d kills\n", (unsigned long long)seen, COUNT, KILLS);
    if (standing) {
        fixture_await_rest(fixture, id, 1);
    } else {
        fixture_await(fixture, id, JOB_DONE);
    }
    assert_true(fixture_results(fixture, id) >= seen);
    fixture_check_exact(fixture, id, "a/", COUNT);
    fixture_stop(fixture);
    fixture_free(fixture, true);
}

/* ThreadSanitizer does not follow a fork that starts threads. */
static void skip_under_thread_sanitizer(void)
{
#ifdef __SANITIZE_THREAD__
    print_message("ThreadSanitizer does not follow a fork that starts threads\n");
    skip();
#endif
}

static void a_job_that_is_killed_at_any_moment_is_exact(void **state)
{
    (void)state;
    skip_under_thread_sanitizer();
    killed_many_times(false);
}

static void a_standing_job_that_is_killed_at_any_moment_is_exact(void **state)
{
    (void)state;
    skip_under_thread_sanitizer();
    killed_many_times(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_that_is_killed_at_any_moment_is_exact),
        cmocka_unit_test(a_standing_job_that_is_killed_at_any_moment_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
