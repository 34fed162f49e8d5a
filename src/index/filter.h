/* SPDX-License-Identifier: Apache-2.0
 *
 * Which slots have keys that begin with one of several prefixes, as a bitmap. Making one walks the
 * keys (about a tenth of a microsecond each), so the last ones are kept, each for the commit that
 * it was made from. Any thread. Private to src/index.
 */
#ifndef SITU_INDEX_FILTER_H
#define SITU_INDEX_FILTER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "index/index.h"
#include "index/meta.h"

enum { FILTERS_KEPT = 16, FILTERS_KEPT_BYTES = 32 << 20 };

struct snapshot;

struct filter {
    atomic_uint references;
    uint64_t generation; /* constant, as all below but `used` */
    uint64_t rows;       /* whose bit is set */
    char *prefixes;      /* owned; each with its NUL */
    size_t prefixes_size;
    size_t bytes;     /* of the whole */
    uint64_t used;    /* when it was last asked for; guarded by the lock of the table */
    uint64_t words[]; /* a bit a slot, a word a block of SCAN_ROWS slots */
};

/* Zeros are an empty table, but for the lock. */
struct filters {
    pthread_mutex_t lock; /* guards all below */
    struct filter *items[FILTERS_KEPT];
    size_t count;
    size_t bytes;
    uint64_t uses;
};

void filters_init(struct filters *filters);
void filters_done(struct filters *filters);

/* The filter of the snapshot's commit, referenced. None of the prefixes is within another.
 * ERROR_MEMORY, ERROR_MALFORMED (damaged keys), ERROR_IO. */
must_check int filter_get(struct filters *filters, const struct meta *meta,
                          const struct snapshot *snapshot, const struct index_prefixes *prefixes,
                          struct filter **ret_filter, struct error *error);
/* A filter of that commit that is kept, referenced; NULL: none, or no memory. */
struct filter *filter_find(struct filters *filters, uint64_t generation,
                           const struct index_prefixes *prefixes);
void filter_unref(struct filter *filter); /* NULL is fine */

#endif
