/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is reading, and what they can see. A snapshot is an LMDB read transaction, the head that
 * stands in it, and a place in a table by which the writer knows the oldest generation that is
 * still looked at. Any thread; the lock is held for as long as it takes to begin a transaction.
 */
#ifndef SITU_INDEX_READERS_H
#define SITU_INDEX_READERS_H

#include <pthread.h>
#include <stdint.h>

#include "index/meta.h"

struct readers {
    pthread_mutex_t lock;                    /* guards what follows */
    uint64_t generations[INDEX_READERS_MAX]; /* 0: a free place */
};

struct snapshot {
    MDB_txn *txn; /* owned */
    struct record_head head;
    unsigned place;
};

void readers_init(struct readers *readers);
void readers_done(struct readers *readers);

/* ERROR_BUSY: INDEX_READERS_MAX are at it; ERROR_IO, ERROR_MEMORY, ERROR_MALFORMED. */
must_check int snapshot_begin(struct readers *readers, const struct meta *meta,
                              struct snapshot *ret_snapshot, struct error *error);
void snapshot_end(struct readers *readers, struct snapshot *snapshot);

/* The oldest generation that is looked at; UINT64_MAX: none. Whoever begins afterwards sees the
 * last commit or a later one. What the caller has written before is seen by those who see the
 * commit that follows. */
uint64_t readers_oldest(struct readers *readers);

#endif
