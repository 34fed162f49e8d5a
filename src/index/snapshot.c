/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of snapshot.h. The transaction begins under the lock: otherwise a writer that asks
 * between the beginning and the entry in the table would reuse a slot that the reader still sees.
 */
#include "index/snapshot.h"

#include <string.h>

void snapshots_init(struct snapshots *snapshots)
{
    memset(snapshots->generations, 0, sizeof snapshots->generations);
    (void)pthread_mutex_init(&snapshots->lock, NULL);
}

void snapshots_done(struct snapshots *snapshots)
{
    (void)pthread_mutex_destroy(&snapshots->lock);
}

int snapshot_begin(struct snapshots *snapshots, struct meta *meta, struct snapshot *ret_snapshot,
                   struct error *error)
{
    struct snapshot made = {.txn = NULL};
    HOLD(&snapshots->lock);
    while (made.place < INDEX_READERS_MAX && snapshots->generations[made.place] != 0) {
        made.place++;
    }
    if (made.place == INDEX_READERS_MAX) {
        return error_set(error, ERROR_BUSY, "the index is read by %u at once already",
                         INDEX_READERS_MAX);
    }
    int code = readers_take(&meta->file.readers, &made.txn);
    if (code != 0) {
        return meta_failed(meta, code, "read", error);
    }
    int r = meta_get_head(meta, made.txn, &made.head, error);
    if (r < 0) {
        readers_give(&meta->file.readers, made.txn);
        return r;
    }
    snapshots->generations[made.place] = made.head.generation;
    *ret_snapshot = made;
    return 0;
}

void snapshot_end(struct snapshots *snapshots, struct meta *meta, struct snapshot *snapshot)
{
    readers_give(&meta->file.readers, snapshot->txn);
    HOLD(&snapshots->lock);
    snapshots->generations[snapshot->place] = 0;
}

uint64_t snapshots_oldest(struct snapshots *snapshots)
{
    uint64_t oldest = UINT64_MAX;
    HOLD(&snapshots->lock);
    for (unsigned i = 0; i < INDEX_READERS_MAX; i++) {
        uint64_t generation = snapshots->generations[i];
        oldest = generation != 0 && generation < oldest ? generation : oldest;
    }
    return oldest;
}
