/* SPDX-License-Identifier: Apache-2.0
 *
 * Search threads: all work is done once, too much is refused, and threads are lent while cores are
 * free, never for longer than the borrower exists.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "infer/dispatch.h"
#include "service/search_pool.h"

enum { WORKS = 200, THREADS = 4 };

static atomic_uint free_cores;

/* In place of the dispatcher's. */
unsigned dispatch_free_cores(struct dispatch *dispatch)
{
    (void)dispatch;
    return atomic_load(&free_cores);
}

static void pause_ms(long ms)
{
    struct timespec time = {.tv_nsec = ms * 1000000};
    (void)nanosleep(&time, NULL);
}

struct counted {
    struct search_work work;
    struct search_pool *pool;
    atomic_uint runs;
    atomic_bool *hold; /* waits for it, unless it is NULL */
};

static void run_twice(struct search_work *work)
{
    struct counted *counted = (struct counted *)(void *)work;
    while (counted->hold && atomic_load(counted->hold)) {
        pause_ms(1);
    }
    if (atomic_fetch_add(&counted->runs, 1) == 0) {
        search_pool_continue(counted->pool, work);
    }
}

static void all_work_is_done_and_gone_on_with(void **state)
{
    (void)state;
    static struct counted works[WORKS];
    struct search_pool *pool = NULL;
    assert_int_equal(search_pool_new(THREADS, WORKS, NULL, &pool), 0);
    for (size_t i = 0; i < WORKS; i++) {
        works[i] = (struct counted){.work = {.run = run_twice}, .pool = pool};
        assert_int_equal(search_pool_start(pool, &works[i].work), 0);
    }
    search_pool_free(pool);
    for (size_t i = 0; i < WORKS; i++) {
        assert_int_equal(works[i].runs, 2);
    }
}

static void too_much_is_refused(void **state)
{
    (void)state;
    static struct counted works[THREADS + 4];
    atomic_bool hold = true;
    struct search_pool *pool = NULL;
    unsigned refused = 0;
    assert_int_equal(search_pool_new(1, 2, NULL, &pool), 0);
    for (size_t i = 0; i < THREADS + 4; i++) {
        works[i] = (struct counted){.work = {.run = run_twice}, .pool = pool, .hold = &hold};
        refused += search_pool_start(pool, &works[i].work) == -EBUSY;
    }
    assert_true(refused >= THREADS + 4 - 3); /* one may run, two may wait */
    atomic_store(&hold, false);
    search_pool_free(pool);
    for (size_t i = 0; i < THREADS + 4; i++) {
        assert_true(works[i].runs == 0 || works[i].runs == 2);
    }
}

struct work {
    atomic_uint begun;
    atomic_uint inside;
    atomic_uint seen[16]; /* by piece */
};

static void do_piece(void *context, unsigned i)
{
    struct work *work = context;
    atomic_fetch_add(&work->begun, 1);
    atomic_fetch_add(&work->inside, 1);
    atomic_fetch_add(&work->seen[i], 1);
    pause_ms(50);
    atomic_fetch_sub(&work->inside, 1);
}

static unsigned lend(unsigned cores)
{
    struct search_pool *pool = NULL;
    struct work work = {.begun = 0};
    atomic_store(&free_cores, cores);
    assert_int_equal(search_pool_new(THREADS, WORKS, NULL, &pool), 0);
    pause_ms(30); /* until its threads wait */
    search_pool_lend(pool, 8, do_piece, &work);
    assert_int_equal(work.inside, 0); /* all that have begun are back */
    assert_int_equal(work.seen[0], 1);
    for (size_t i = 1; i < 16; i++) {
        assert_true(work.seen[i] <= 1);
    }
    search_pool_free(pool);
    return work.begun;
}

/* Threads that do not wait for work yet are not lent: one of several attempts finds them. */
static void lends(unsigned cores, unsigned most)
{
    unsigned begun = 1;
    for (int i = 0; i < 50 && begun < 2; i++) {
        begun = lend(cores);
        assert_in_range(begun, 1, most);
    }
    assert_in_range(begun, 2, most);
}

static void threads_are_lent_where_cores_are_free(void **state)
{
    (void)state;
    assert_int_equal(lend(0), 1);
    lends(2, 3);
    lends(100, 1 + THREADS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_work_is_done_and_gone_on_with),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(threads_are_lent_where_cores_are_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
