/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints the cost of a table: `known_speed [OBJECTS]`. Not part of the test suite.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/clock.h"
#include "fixture.h"

static double seconds_since(int64_t start_ns)
{
    return (double)(clock_now_ns() - start_ns) / (double)NS_PER_S;
}

static void key_of(unsigned number, char key[64])
{
    (void)snprintf(key, 64, "photos/2024/%03u/image-%07u.jpg", number / 1000, number);
}

static void put_all(struct known *known, unsigned objects, unsigned size, unsigned step)
{
    char key[64];
    struct known_batch *batch = fixture_batch(known);
    int64_t start_ns = clock_now_ns();
    unsigned commits = 0;
    for (unsigned i = 0; i < objects; i++) {
        key_of((unsigned)((uint64_t)i * step % objects), key);
        fixture_put(batch, key, i);
        if (i % size == size - 1 || i == objects - 1) {
            fixture_commit(batch, "note");
            commits++;
        }
    }
    double took = seconds_since(start_ns);
    (void)printf("put %u in batches of %u: %.2f s, %.0f keys/s, %.2f ms a commit\n", objects, size,
                 took, objects / took, took / commits * 1e3);
    known_batch_free(batch);
}

static void walk_all(struct known *known)
{
    struct known_walk *walk = NULL;
    struct known_object object;
    const char *key = NULL;
    unsigned count = 0;
    int64_t start_ns = clock_now_ns();
    assert_int_equal(known_walk_new(known, "", "", &walk, NULL), 0);
    while (known_walk_next(walk, &key, &object, NULL) == 1) {
        count++;
    }
    double took = seconds_since(start_ns);
    (void)printf("walk over %u: %.3f s, %.2f M keys/s\n", count, took, count / took / 1e6);
    known_walk_free(walk);
}

static void get_all(struct known *known, unsigned objects)
{
    char key[64];
    int64_t start_ns = clock_now_ns();
    for (unsigned i = 0; i < objects; i++) {
        struct known_object object;
        bool found = false;
        key_of((unsigned)((uint64_t)i * 7919 % objects), key);
        assert_int_equal(known_get(known, key, &found, &object, NULL), 0);
        assert_true(found);
    }
    (void)printf("get %u: %.2f us each\n", objects, seconds_since(start_ns) / objects * 1e6);
}

int main(int argc, char **argv)
{
    void *state = NULL;
    struct stat status;
    struct rusage usage;
    unsigned objects = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000000;
    objects = objects < 1000 ? 1000 : objects;
    (void)fixture_setup(&state);
    struct fixture *fixture = state;
    struct known *known = fixture_open(fixture);
    put_all(known, objects, 1000, 1);
    walk_all(known);
    get_all(known, objects);
    put_all(known, objects / 50, 1000, 7919);
    put_all(known, objects / 250, 64, 7919);
    known_close(known);
    int64_t start_ns = clock_now_ns();
    known = fixture_open(fixture);
    assert_int_equal(stat(fixture->data, &status), 0);
    (void)printf("open: %.2f s, file %.0f MB\n", seconds_since(start_ns),
                 (double)status.st_size / 1e6);
    walk_all(known);
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)printf("peak memory, the mapped file included: %ld MB\n", usage.ru_maxrss / 1024);
    known_close(known);
    return fixture_teardown(&state);
}
