/* SPDX-License-Identifier: Apache-2.0
 *
 * A process that dies by SIGKILL at any moment, many times, while an index is filled, follows its
 * store and is rebuilt: in the end the index has exactly what the store has.
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

#include "fixture.h"

enum { KILLS = 20, COUNT = 9000 /* so many that results are forgotten */, LONGEST_MS = 400 };

static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return *seed >> 8;
}

/* The store when the next process starts. */
static void change_store(struct fixture *fixture, unsigned *seed)
{
    char key[64];
    for (unsigned i = 0; i < 20; i++) {
        unsigned number = next_random(seed) % COUNT;
        (void)snprintf(key, sizeof key, "a/%05u%s.jpg", number, number % 11 == 5 ? "bad" : "");
        if (i % 3 == 0) {
            fixture_hide(fixture, key);
        } else {
            fixture_put(fixture, key, 1 + next_random(seed) % 200);
        }
    }
    (void)snprintf(key, sizeof key, "a/new%u.jpg", next_random(seed) % 1000);
    fixture_put(fixture, key, 7);
}

/* A process that requests a rebuild lives at least until it has its answer. */
static void one_life(struct fixture *fixture, bool rebuild, unsigned life_ms)
{
    int ends[2];
    char byte = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        atomic_store(&fixture->delay_us, 30);
        fixture_open(fixture);
        if (rebuild) {
            byte = fixture_rebuild(fixture, "x", "m2", "", NULL) == 0;
            (void)!write(ends[1], &byte, 1);
        }
        fixture_sleep_ms(60000);
        _exit(1);
    }
    if (rebuild) {
        assert_int_equal(read(ends[0], &byte, 1), 1);
        assert_int_equal(byte, 1);
    }
    (void)close(ends[0]);
    (void)close(ends[1]);
    fixture_sleep_ms(life_ms);
    (void)kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void check_end(struct fixture *fixture, const char *model)
{
    fixture_open(fixture);
    fixture_await_exact(fixture, "x", model);
    fixture_await(fixture, "x", RETRIEVAL_READY);
    assert_true(fixture_is_exact(fixture, "x", model));
    fixture_close(fixture);
}

static void killed_many_times(struct fixture *fixture, bool rebuild)
{
    unsigned seed = (unsigned)getpid();
    print_message("seed %u\n", seed);
    fixture_fill(fixture, "a/", COUNT);
    fixture_create(fixture, "x");
    fixture_close(fixture);
    for (unsigned number = 0; number < KILLS; number++) {
        one_life(fixture, rebuild && number == KILLS / 2, 1 + next_random(&seed) % LONGEST_MS);
        change_store(fixture, &seed);
    }
    check_end(fixture, rebuild ? "m2" : "m");
}

static void an_index_that_is_killed_at_any_moment_is_exact(void **state)
{
    killed_many_times(*state, false);
}

static void a_rebuild_that_is_killed_at_any_moment_is_exact(void **state)
{
    killed_many_times(*state, true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_index_that_is_killed_at_any_moment_is_exact),
        TEST(a_rebuild_that_is_killed_at_any_moment_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
