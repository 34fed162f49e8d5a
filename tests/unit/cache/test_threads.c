/* SPDX-License-Identifier: Apache-2.0
 *
 * Many threads look up and put at once, while others clear, read the status and flush; more threads
 * than reader slots wait for each other. Also for ThreadSanitizer.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"

enum { THREADS = 12, ROUNDS = 1500, READERS = 4 };

struct crowd {
    struct cache *results; /* borrowed */
    atomic_uint next;
    atomic_uint wrong;
    atomic_uint found;
};

static void *look_and_put(void *context)
{
    struct crowd *crowd = context;
    uint64_t random = atomic_fetch_add(&crowd->next, 1);
    unsigned thread = (unsigned)random;
    for (unsigned i = 0; i < ROUNDS; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint64_t number = (random >> 33) % 500;
        int look = fixture_look(crowd->results, number);
        if (look == 0) {
            fixture_put(crowd->results, number);
        } else {
            atomic_fetch_add(look < 0 ? &crowd->wrong : &crowd->found, 1);
        }
        if (i % 500 == 250 && thread == 0 && cache_clear(crowd->results, NULL) < 0) {
            atomic_fetch_add(&crowd->wrong, 1);
        }
        if (i % 100 == thread) {
            struct cache_status status;
            cache_status(crowd->results, &status);
            cache_flush(crowd->results);
        }
    }
    return NULL;
}

static void threads_get_right_answers_or_none(void **state)
{
    struct cache_options options = fixture_options(*state, 0);
    struct crowd crowd = {.results = NULL};
    pthread_t threads[THREADS];
    options.readers = READERS;
    assert_int_equal(cache_open(&options, &crowd.results, NULL), 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, look_and_put, &crowd), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(crowd.wrong, 0);
    assert_true(crowd.found > 0);
    cache_close(crowd.results);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(threads_get_right_answers_or_none, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
