/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the cache's tests: a directory of their own, and entries that are a function of a
 * number, so that a wrong answer is detected.
 */
#ifndef TESTS_RESULTS_FIXTURE_H
#define TESTS_RESULTS_FIXTURE_H

#include "cache/cache.h"

enum { FIXTURE_STORE = 7 }; /* where all of its objects are */

struct fixture {
    char root[64];      /* a new directory beneath /tmp */
    char directory[96]; /* root/results */
    char data[128];     /* its data.mdb */
    int events[8];      /* how often each was reported */
    char message[512];  /* the last report */
};

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Opens with the smallest limit if `limit_bytes` is 0. */
struct cache *fixture_open(struct fixture *fixture, uint64_t limit_bytes);
struct cache_options fixture_options(struct fixture *fixture, uint64_t limit_bytes);

struct identity fixture_identity(uint64_t number);
struct cache_digest fixture_content(uint64_t number);
struct cache_digest fixture_task(void);

/* Classes for most, an embedding of 700 values for every 16th, a failure for every 17th, a tensor
 * of 40,000 bytes for every 100th. */
struct fixture_value {
    struct answer value;
    float embedding[700];
    uint8_t bytes[40000];
    struct tensor tensor;
    char message[64];
};
void fixture_value_make(uint64_t number, struct fixture_value *ret_value);

void fixture_put(struct cache *results, uint64_t number);

/* The cache's answer for number's content: -1 wrong, 0 missing, 1 right. */
int fixture_look(struct cache *results, uint64_t number);

#endif
