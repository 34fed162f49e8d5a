/* SPDX-License-Identifier: Apache-2.0
 *
 * Readers in several threads while one writes: each sees only whole commits.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"

enum { THREADS = 4, KEYS = 50, COMMITS = 60 };

struct shared {
    struct known *known;
    atomic_bool stop;
    atomic_uint wrong;
    atomic_uint walks;
};

/* All keys have the number of one commit. */
static bool walk_is_whole(struct known *known)
{
    struct known_walk *walk = NULL;
    struct known_object object;
    struct known_object first = {.slot = 0};
    const char *key = NULL;
    unsigned seen = 0;
    if (known_walk_new(known, "", "", &walk, NULL) < 0) {
        return false;
    }
    while (known_walk_next(walk, &key, &object, NULL) == 1) {
        first = seen++ == 0 ? object : first;
        if (!fixture_same(&first, &object)) {
            break;
        }
    }
    known_walk_free(walk);
    return seen == KEYS;
}

static void *read_on(void *context)
{
    struct shared *shared = context;
    while (!atomic_load(&shared->stop)) {
        struct known_object object;
        bool found = false;
        bool good = known_get(shared->known, "key 7", &found, &object, NULL) == 0 && found &&
                    walk_is_whole(shared->known);
        atomic_fetch_add(&shared->wrong, good ? 0 : 1);
        atomic_fetch_add(&shared->walks, 1);
    }
    return NULL;
}

static void commit(struct known *known, uint64_t number)
{
    char key[16];
    struct known_batch *batch = fixture_batch(known);
    for (unsigned i = 0; i < KEYS; i++) {
        (void)snprintf(key, sizeof key, "key %u", i);
        fixture_put(batch, key, number);
    }
    fixture_commit(batch, "note");
    known_batch_free(batch);
}

static void readers_see_whole_commits(void **state)
{
    pthread_t threads[THREADS];
    struct shared shared = {.known = fixture_open(*state)};
    commit(shared.known, 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &shared), 0);
    }
    for (uint64_t i = 1; i < COMMITS; i++) {
        commit(shared.known, i);
    }
    atomic_store(&shared.stop, true);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&shared.wrong), 0);
    assert_true(atomic_load(&shared.walks) > 0);
    known_close(shared.known);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(readers_see_whole_commits, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
