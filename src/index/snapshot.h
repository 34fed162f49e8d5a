/* SPDX-License-Identifier: Apache-2.0
 *
 * What an index's readers can see. A snapshot is a read transaction, the head that it finds, and a
 * place in a table from which the writer learns the oldest generation that is still read. Any
 * thread; the lock is held for as long as it takes to begin a transaction.
 */
#ifndef SITU_INDEX_SNAPSHOT_H
#define SITU_INDEX_SNAPSHOT_H

#include <pthread.h>
#include <stdint.h>

#include "index/meta.h"

struct snapshots {
    pthread_mutex_t lock;                    /* taken before the lock of meta's readers; guards what
                                                follows */
    uint64_t generations[INDEX_READERS_MAX]; /* 0: a free place */
};

struct snapshot {
    MDB_txn *txn; /* owned; of meta's readers */
    struct record_head head;
    unsigned place;
};

void snapshots_init(struct snapshots *snapshots);
void snapshots_done(struct snapshots *snapshots);

/* ERROR_BUSY: INDEX_READERS_MAX are open; ERROR_IO, ERROR_MEMORY, ERROR_MALFORMED. */
must_check int snapshot_begin(struct snapshots *snapshots, struct meta *meta,
                              struct snapshot *ret_snapshot, struct error *error);
void snapshot_end(struct snapshots *snapshots, struct meta *meta, struct snapshot *snapshot);

/* The oldest generation that is read; UINT64_MAX: none. A snapshot begun afterwards sees the last
 * commit or a later one. What the caller wrote before this call is seen by those who see the commit
 * that follows. */
uint64_t snapshots_oldest(struct snapshots *snapshots);

#endif
