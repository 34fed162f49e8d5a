/* SPDX-License-Identifier: Apache-2.0
 *
 * From candidates to hits: float32 rows are read, checked and scored in double precision; the best
 * k remain, ties in order of key bytes. Private to a search.
 */
#ifndef SITU_INDEX_RESCORE_H
#define SITU_INDEX_RESCORE_H

#include "index/candidates.h"
#include "index/index_state.h"

struct ranked {
    double rank; /* grows with the score: for the euclidean minus the distance's square */
    uint32_t slot;
    struct key key; /* borrowed from the snapshot */
};

struct rescoring {
    struct index *index;
    const struct snapshot *snapshot;
    const float *query; /* borrowed */
    double norm;        /* |query| */
    bool has_min_score;
    double min_score;
    size_t k;
    float *row; /* borrowed; room for one */

    struct ranked *best; /* owned by the caller, room for k; the worst first while it is filled */
    size_t count;
    uint64_t read;
    uint64_t damaged;   /* left out */
    bool newly_damaged; /* one of them was not known to be damaged */
};

/* Fills `best`, in order, from candidates in descending order of their upper ends.
 * ERROR_MALFORMED, ERROR_IO: of the keys. */
must_check int rescore(struct rescoring *rescoring, const struct candidates *candidates,
                       struct error *error);

double rescore_score(enum index_metric metric, double rank);
double rescore_distance(enum index_metric metric, double rank);

/* The lowest value (quantize.h) of a row that has this score, rounded down. */
double rescore_floor(enum index_metric metric, double min_score, double norm);

#endif
