/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of readers.h. The transaction is begun under the lock: else a writer that asks between
 * the beginning and the entry in the table would take a slot away that the reader still sees.
 */
#include "index/readers.h"

#include <errno.h>
#include <string.h>

void readers_init(struct readers *readers)
{
    memset(readers->generations, 0, sizeof readers->generations);
    (void)pthread_mutex_init(&readers->lock, NULL);
}

void readers_done(struct readers *readers)
{
    (void)pthread_mutex_destroy(&readers->lock);
}

int snapshot_begin(struct readers *readers, const struct meta *meta, struct snapshot *ret_snapshot,
                   struct error *error)
{
    struct snapshot made = {.txn = NULL};
    HOLD(&readers->lock);
    while (made.place < INDEX_READERS_MAX && readers->generations[made.place] != 0) {
        made.place++;
    }
    if (made.place == INDEX_READERS_MAX) {
        return error_set(error, ERROR_BUSY, "the index is read by %u at once already",
                         INDEX_READERS_MAX);
    }
    int code = mdb_txn_begin(meta->env, NULL, MDB_RDONLY, &made.txn);
    if (code != 0) {
        return meta_failed(error, code, "read");
    }
    int r = meta_get_head(meta, made.txn, &made.head, error);
    if (r < 0) {
        mdb_txn_abort(made.txn);
        return r;
    }
    readers->generations[made.place] = made.head.generation;
    *ret_snapshot = made;
    return 0;
}

void snapshot_end(struct readers *readers, struct snapshot *snapshot)
{
    mdb_txn_abort(snapshot->txn);
    HOLD(&readers->lock);
    readers->generations[snapshot->place] = 0;
}

uint64_t readers_oldest(struct readers *readers)
{
    uint64_t oldest = UINT64_MAX;
    HOLD(&readers->lock);
    for (unsigned i = 0; i < INDEX_READERS_MAX; i++) {
        uint64_t generation = readers->generations[i];
        oldest = generation != 0 && generation < oldest ? generation : oldest;
    }
    return oldest;
}
