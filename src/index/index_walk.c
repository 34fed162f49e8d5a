/* SPDX-License-Identifier: Apache-2.0
 *
 * Walks: the keys of one snapshot in order, and their rows.
 */
#include <errno.h>
#include <string.h>

#include "index/index_state.h"

struct index_walk {
    struct index *index; /* borrowed */
    struct snapshot snapshot;
    struct key_walk keys;
    char *prefix; /* owned */
    char *after;  /* owned */
};

static int start(struct index_walk *walk, const char *prefix, const char *after,
                 struct error *error)
{
    struct index *index = walk->index;
    walk->prefix = strdup(prefix);
    walk->after = strdup(after);
    if (!walk->prefix || !walk->after) {
        return error_memory(error, "a walk");
    }
    int r = snapshot_begin(&index->snapshots, &index->meta, &walk->snapshot, error);
    if (r < 0) {
        return r;
    }
    return key_walk_open(&index->meta, walk->snapshot.txn, walk->prefix, walk->after, &walk->keys,
                         error);
}

int index_walk_new(struct index *index, const char *prefix, const char *after,
                   struct index_walk **ret_walk, struct error *error)
{
    struct index_walk *walk = calloc(1, sizeof *walk);
    if (!walk) {
        return error_memory(error, "a walk");
    }
    walk->index = index;
    int r = start(walk, prefix, after, error);
    if (r < 0) {
        index_walk_free(walk);
        return r;
    }
    *ret_walk = walk;
    return 0;
}

int index_walk_next(struct index_walk *walk, const char **ret_key, float *vector,
                    struct error *error)
{
    struct record_slot record;
    int r = key_walk_next(&walk->keys, error);
    if (r <= 0) {
        return r;
    }
    *ret_key = walk->keys.key;
    if (!vector) {
        return 1;
    }
    uint32_t slot = walk->keys.entry.slot;
    r = meta_get_slot(&walk->index->meta, walk->snapshot.txn, slot, &record, error);
    if (r < 0) {
        return r;
    }
    if (!record.live) {
        return meta_damaged(error);
    }
    if (index_read_row(walk->index, slot, &record, vector) < 0) {
        (void)error_set(error, ERROR_IO, "the row of '%.200s' is damaged", walk->keys.key);
        return -EBADMSG;
    }
    return 1;
}

uint64_t index_walk_count(const struct index_walk *walk)
{
    return walk->snapshot.head.live;
}

void index_walk_free(struct index_walk *walk)
{
    if (!walk) {
        return;
    }
    key_walk_close(&walk->keys);
    if (walk->snapshot.txn) {
        snapshot_end(&walk->index->snapshots, &walk->index->meta, &walk->snapshot);
    }
    free(walk->prefix);
    free(walk->after);
    free(walk);
}
