/* SPDX-License-Identifier: Apache-2.0
 *
 * kill -9 during commits: a batch and its note are both there or both absent, and what was reported
 * as committed is there.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "fixture.h"

enum { ROUNDS = 24, BATCH = 40, SPREAD = 7 };

/* Batch n puts its number under all fixed keys, some of them long, and under a key of its own, and
 * removes the own key of the batch before. */
static void fill(struct known_batch *batch, uint64_t number)
{
    char key[700];
    for (unsigned i = 0; i < BATCH; i++) {
        (void)snprintf(key, sizeof key, "fixed/%0*u", i % SPREAD == 0 ? 600 : 4, i);
        fixture_put(batch, key, number);
    }
    (void)snprintf(key, sizeof key, "own/%llu", (unsigned long long)number);
    fixture_put(batch, key, number);
    (void)snprintf(key, sizeof key, "own/%llu", (unsigned long long)number - 1);
    assert_int_equal(known_batch_remove(batch, key), 0);
}

static uint64_t note_number(struct known *known)
{
    uint64_t number = 0;
    size_t size = 0;
    assert_int_equal(known_note(known, &number, sizeof number, &size, NULL), 0);
    assert_true(size == 0 || size == sizeof number);
    return number;
}

static void commit_for_ever(struct fixture *fixture, uint64_t *told)
{
    struct known *known = fixture_open(fixture);
    struct known_batch *batch = fixture_batch(known);
    for (uint64_t number = note_number(known) + 1;; number++) {
        fill(batch, number);
        if (known_batch_commit(batch, &number, sizeof number, NULL) < 0) {
            _exit(1);
        }
        __atomic_store_n(told, number, __ATOMIC_SEQ_CST);
    }
}

static void look_at_all(struct fixture *fixture, uint64_t told)
{
    struct known *known = fixture_open(fixture);
    struct known_walk *walk = NULL;
    struct known_object object;
    const char *key = NULL;
    uint64_t number = note_number(known);
    struct known_object wanted = fixture_object(number);
    unsigned seen = 0;
    int r = 0;
    assert_true(number >= told);
    assert_int_equal(known_walk_new(known, "", "", &walk, NULL), 0);
    while ((r = known_walk_next(walk, &key, &object, NULL)) == 1) {
        assert_true(fixture_same(&object, &wanted));
        seen++;
    }
    assert_int_equal(r, 0);
    assert_int_equal(seen, number == 0 ? 0 : BATCH + 1);
    assert_int_equal(known_count(known), seen);
    known_walk_free(walk);
    known_close(known);
}

static void a_killed_commit_is_whole_or_not_there(void **state)
{
    uint64_t *told =
        mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(told != MAP_FAILED);
    for (useconds_t round = 0; round < ROUNDS; round++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            commit_for_ever(*state, told);
        }
        (void)usleep(round < 6 ? round * 400 : 4000 + round * 7919 % 60000);
        assert_int_equal(kill(child, SIGKILL), 0);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        look_at_all(*state, __atomic_load_n(told, __ATOMIC_SEQ_CST));
    }
    assert_true(*told > 0);
    assert_int_equal(munmap(told, sizeof *told), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_killed_commit_is_whole_or_not_there, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
