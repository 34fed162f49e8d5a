/* SPDX-License-Identifier: Apache-2.0
 *
 * The fixture of the tests of known objects.
 */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

int fixture_setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    (void)snprintf(fixture->root, sizeof fixture->root, "/tmp/situ-known-XXXXXX");
    assert_non_null(mkdtemp(fixture->root));
    (void)snprintf(fixture->directory, sizeof fixture->directory, "%s/known", fixture->root);
    (void)snprintf(fixture->data, sizeof fixture->data, "%s/data.mdb", fixture->directory);
    *state = fixture;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", fixture->root);
    assert_int_equal(system(command), 0);
    free(fixture);
    return 0;
}

struct known *fixture_open(const struct fixture *fixture)
{
    struct known *known = NULL;
    struct error error = {.code = ERROR_NONE};
    if (known_open(fixture->directory, 0, &known, &error) < 0) {
        print_error("%s\n", error.message);
    }
    assert_non_null(known);
    return known;
}

struct known_object fixture_object(uint64_t number)
{
    struct known_object object = {
        .identity = identity_of_words((const uint64_t[]){0xfeed, number + 1, number * 7,
                                                         (uint64_t) - (int64_t)number, number * 3}),
        .state = number % 5 == 4 ? KNOWN_FAILED : KNOWN_GOOD,
        .trusted = number % 3 != 0,
        .slot = number % 2 ? number : 0,
    };
    if (number % 7 == 0) {
        memset(object.digest, (int)(number % 251) + 1, sizeof object.digest);
    }
    return object;
}

bool fixture_same(const struct known_object *a, const struct known_object *b)
{
    return memcmp(&a->identity, &b->identity, sizeof a->identity) == 0 && a->state == b->state &&
           a->trusted == b->trusted && a->slot == b->slot &&
           memcmp(a->digest, b->digest, sizeof a->digest) == 0;
}

struct known_batch *fixture_batch(struct known *known)
{
    struct known_batch *batch = NULL;
    assert_int_equal(known_batch_new(known, &batch), 0);
    return batch;
}

void fixture_put(struct known_batch *batch, const char *key, uint64_t number)
{
    struct known_object object = fixture_object(number);
    assert_int_equal(known_batch_put(batch, key, &object), 0);
}

void fixture_commit(struct known_batch *batch, const char *note)
{
    struct error error = {.code = ERROR_NONE};
    int r = known_batch_commit(batch, note, note ? strlen(note) : 0, &error);
    if (r < 0) {
        print_error("%s\n", error.message);
    }
    assert_int_equal(r, 0);
}

uint64_t fixture_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}
