/* SPDX-License-Identifier: Apache-2.0
 *
 * What the index's tests share: a directory of their own, and a search by brute force in double
 * precision to hold answers against.
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

/* Makes an index anew, in place of one that is there. */
struct index *fixture_create(struct fixture *fixture, uint32_t dimension, enum index_metric metric);
struct index *fixture_open(struct fixture *fixture);

void fixture_put(struct index *index, const char *key, const float *vector); /* committed */
void fixture_remove(struct index *index, const char *key);

/* What stands in an index, as a walk gives it. */
struct truth {
    uint32_t dimension;
    enum index_metric metric;
    size_t count;
    char **keys; /* owned */
    float *rows; /* owned */
};
void truth_read(struct index *index, struct truth *ret_truth);
void truth_done(struct truth *truth);

/* Searches, and fails where the answer is not that of brute force. `exact`: sums are exact in any
 * order, so not even rows whose ranks differ in the last bits may change places. */
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
