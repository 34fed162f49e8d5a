/* SPDX-License-Identifier: Apache-2.0
 *
 * Budgets: the limit, the part reserved for small users, and concurrent users.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/budget.h"

#define LIMIT (UINT64_C(64) << 20)

enum { TURNS = 200000 };

static void holds_its_bound(void **state)
{
    (void)state;
    struct budget budget = {.limit = LIMIT};
    assert_true(budget_take(&budget, LIMIT / 8 * 7, LIMIT));
    assert_false(budget_take(&budget, 1, LIMIT)); /* the last eighth is for small users */
    assert_true(budget_take(&budget, LIMIT / 8, 1));
    assert_false(budget_take(&budget, 1, 1));
    assert_false(budget_take(&budget, UINT64_MAX, 1));
    budget_give(&budget, LIMIT);
    assert_int_equal(atomic_load(&budget.used), 0);
    struct budget endless = {.limit = 0};
    assert_true(budget_take(&endless, UINT64_C(1) << 60, UINT64_C(1) << 60));
}

struct greedy {
    struct budget *budget;
    atomic_bool stop;
    atomic_bool asks;
};

static void *ask_for_too_much(void *argument)
{
    struct greedy *greedy = argument;
    while (!atomic_load(&greedy->stop)) {
        (void)!budget_take(greedy->budget, 2 * LIMIT, 2 * LIMIT);
        atomic_store(&greedy->asks, true);
    }
    return NULL;
}

static void refuses_none_for_what_another_was_refused(void **state)
{
    (void)state;
    struct budget budget = {.limit = LIMIT};
    struct greedy greedy = {.budget = &budget};
    pthread_t thread;
    unsigned refused = 0;
    assert_int_equal(pthread_create(&thread, NULL, ask_for_too_much, &greedy), 0);
    while (!atomic_load(&greedy.asks)) {
    }
    for (unsigned i = 0; i < TURNS; i++) {
        if (budget_take(&budget, 1, 1)) {
            budget_give(&budget, 1);
        } else {
            refused++;
        }
    }
    atomic_store(&greedy.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(refused, 0);
    assert_int_equal(atomic_load(&budget.used), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_its_bound),
        cmocka_unit_test(refuses_none_for_what_another_was_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
