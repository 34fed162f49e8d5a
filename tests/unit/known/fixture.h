/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the tests of known objects: a directory of their own, objects that are a function of a
 * number, and random numbers that are the same each time.
 */
#ifndef TESTS_KNOWN_FIXTURE_H
#define TESTS_KNOWN_FIXTURE_H

#include "known/known.h"

struct fixture {
    char root[64];      /* a new directory beneath /tmp */
    char directory[96]; /* root/known */
    char data[128];     /* its data.mdb */
};

int fixture_setup(void **state);
int fixture_teardown(void **state);

struct known *fixture_open(const struct fixture *fixture);
struct known_object fixture_object(uint64_t number);
bool fixture_same(const struct known_object *a, const struct known_object *b);

struct known_batch *fixture_batch(struct known *known);
void fixture_put(struct known_batch *batch, const char *key, uint64_t number);
void fixture_commit(struct known_batch *batch, const char *note);

uint64_t fixture_random(uint64_t *state);

#endif
