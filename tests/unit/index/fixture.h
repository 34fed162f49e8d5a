/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the index's tests: a directory of their own, and a search by brute force in double
 * precision to compare answers with.
 */
#ifndef TESTS_INDEX_FIXTURE_H
#define TESTS_INDEX_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "index/index.h"
#include "numbers.h"

enum { FIXTURE_KEY_MAX = 1100, FIXTURE_TOLD_MAX = 64 };

struct fixture {
    char root[64];      /* a new directory beneath /tmp */
    char directory[96]; /* root/index */
    char rows[128];     /* its files */
    char codes[128];
    int told; /* rows reported as damaged */
    char keys[FIXTURE_TOLD_MAX][64];
    int rebuilt; /* reports of a rebuilt copy */
};

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Creates a new index in place of an existing one. */
struct index *fixture_create(struct fixture *fixture, uint32_t dimension, enum index_metric metric);
struct index *fixture_open(struct fixture *fixture);

void fixture_put(struct index *index, const char *key, const float *vector); /* committed */
void fixture_remove(struct index *index, const char *key);

/* The content of an index, as a walk returns it. */
struct truth {
    uint32_t dimension;
    enum index_metric metric;
    size_t count;
    char **keys; /* owned */
    float *rows; /* owned */
};
void truth_read(struct index *index, struct truth *ret_truth);
void truth_done(struct truth *truth);

/* Searches, and fails if the answer is not that of brute force. `exact`: sums are exact in any
 * order, so that even rows whose ranks differ in the last bits may not be swapped. */
struct expectation {
    const float *queries;
    size_t query_count;
    size_t k;
    struct index_prefixes prefixes;
    bool has_min_score;
    double min_score;
    bool exact;
    unsigned threads; /* lent: above 1 */
};
void truth_check(const struct truth *truth, struct index *index,
                 const struct expectation *expected);

/* Lends real threads. */
void fixture_lend(void *lender, unsigned count, void (*work)(void *context, unsigned i),
                  void *context);

#endif
