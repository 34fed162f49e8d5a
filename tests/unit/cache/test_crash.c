/* SPDX-License-Identifier: Apache-2.0
 *
 * kill -9 at any moment: committed entries are there, entries that are there are right, and the
 * file always passes its check.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/clock.h"
#include "fixture.h"

enum { ROUNDS = 24, ENTRIES = 20000, ENTRIES_KEPT = 200 };

/* Writes forever; *ret_flushed is the number of first entries that are certainly committed. */
static void write_for_ever(struct fixture *fixture, uint64_t limit_bytes, uint64_t *ret_flushed)
{
    struct cache *results = fixture_open(fixture, limit_bytes);
    for (uint64_t i = 0;; i = (i + 1) % ENTRIES) {
        fixture_put(results, i);
        if (i % ENTRIES_KEPT == ENTRIES_KEPT - 1) {
            cache_flush(results);
            if (i == ENTRIES_KEPT - 1) {
                __atomic_store_n(ret_flushed, i + 1, __ATOMIC_SEQ_CST);
            }
        }
    }
}

static void kill_writer(struct fixture *fixture, uint64_t limit_bytes, uint64_t *flushed,
                        useconds_t after_us)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        write_for_ever(fixture, limit_bytes, flushed);
    }
    (void)usleep(after_us);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void look_at_all(struct fixture *fixture, uint64_t limit_bytes, uint64_t *ret_found,
                        uint64_t certain)
{
    struct cache *results = fixture_open(fixture, limit_bytes);
    struct cache_status status;
    *ret_found = 0;
    for (uint64_t i = 0; i < ENTRIES; i++) {
        int found = fixture_look(results, i);
        assert_true(found >= 0);
        assert_true(found == 1 || i >= certain);
        *ret_found += (uint64_t)found;
    }
    cache_status(results, &status);
    if (status.set_aside > 0) {
        print_error("%s\n", fixture->message);
    }
    assert_int_equal(status.damaged, 0);
    assert_int_equal(status.set_aside, 0);
    cache_close(results);
}

static void a_kill_while_the_file_is_made_does_no_harm(void **state)
{
    struct fixture *fixture = *state;
    uint64_t nothing = 0;
    uint64_t found = 0;
    for (unsigned round = 0; round < 2 * ROUNDS; round++) {
        kill_writer(fixture, 64 * MIB, &nothing, round * 150);
        look_at_all(fixture, 64 * MIB, &found, 0);
        assert_int_equal(unlink(fixture->data), 0);
    }
}

static uint64_t *shared_counter(void)
{
    uint64_t *counter =
        mmap(NULL, sizeof *counter, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(counter != MAP_FAILED);
    *counter = 0;
    return counter;
}

static void what_was_committed_outlives_any_kill(void **state)
{
    uint64_t *flushed = shared_counter();
    uint64_t found = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        kill_writer(*state, 256 * MIB, flushed, 2000 + round * 7919 % 100000);
        look_at_all(*state, 256 * MIB, &found, __atomic_load_n(flushed, __ATOMIC_SEQ_CST));
    }
    assert_true(found > 0);
    assert_int_equal(munmap(flushed, sizeof *flushed), 0);
}

static void a_kill_while_entries_are_evicted_does_no_harm(void **state)
{
    uint64_t *flushed = shared_counter();
    uint64_t found = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        kill_writer(*state, CACHE_LIMIT_BYTES_MIN, flushed, 60000 + round * 7919 % 100000);
        look_at_all(*state, CACHE_LIMIT_BYTES_MIN, &found, 0);
    }
    assert_true(found > 0);
    assert_int_equal(munmap(flushed, sizeof *flushed), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_kill_while_the_file_is_made_does_no_harm, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_was_committed_outlives_any_kill, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(a_kill_while_entries_are_evicted_does_no_harm,
                                        fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
