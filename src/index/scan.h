/* SPDX-License-Identifier: Apache-2.0
 *
 * The pass over the int8 copy: all queries of a search at once, by as many threads as are lent.
 * Each thread takes runs of blocks until none is left, and has its own candidates; the threads
 * share each query's threshold. Private to a search.
 */
#ifndef SITU_INDEX_SCAN_H
#define SITU_INDEX_SCAN_H

#include <stdatomic.h>

#include "index/candidates.h"
#include "index/index_state.h"

struct scan_part {
    struct candidates *candidates; /* owned; one a query */
    int result;
};

struct scan {
    struct index *index;
    uint64_t generation;
    uint64_t blocks;
    const uint64_t *filter;                /* borrowed; a bit a row, a word a block; NULL: all */
    const struct quantized_query *queries; /* borrowed */
    size_t query_count;
    _Atomic double *thresholds; /* borrowed; one a query; begin with the lowest value wanted */
    size_t k;
    atomic_uint_fast64_t next_block; /* not yet taken */
    struct scan_part *parts;         /* borrowed; one a thread, zeroed */
};

/* One thread's work; `scan` is a struct scan. */
void scan_run(void *scan, unsigned part);

void scan_part_done(struct scan_part *part, size_t query_count);

#endif
