/* SPDX-License-Identifier: Apache-2.0
 *
 * The scrubber, a slice a call: rows against their checksums, keys against slots, the int8 copy
 * against its checksums. Under the writer's lock, so that the copy does not change; the owner gets
 * its reports after that.
 */
#include <errno.h>
#include <string.h>

#include "base/pool.h"
#include "index/index_state.h"

/* A row to be reported. */
struct found {
    struct found *next;
    uint32_t slot;
    size_t key_size;
    char key[];
};

struct verification {
    struct index *index;
    struct snapshot snapshot;
    float *row; /* owned */
    struct index_findings findings;
    struct pool pool;
    struct found *found; /* in the pool */
    struct error *error;
};

static int note_damage(struct verification *verification, uint32_t slot,
                       const struct record_slot *record)
{
    struct found *found = pool_take(&verification->pool, sizeof *found + record->key_size);
    if (!found) {
        return error_memory(verification->error, "an index's check");
    }
    found->slot = slot;
    found->key_size = record->key_size;
    memcpy(found->key, record->key, record->key_size);
    found->next = verification->found;
    verification->found = found;
    verification->findings.rows_damaged++;
    return 0;
}

static int verify_slot(struct verification *verification, uint32_t slot)
{
    struct index *index = verification->index;
    MDB_txn *txn = verification->snapshot.txn;
    struct record_slot record;
    uint32_t back = NO_SLOT;
    int r = meta_get_slot(&index->meta, txn, slot, &record, verification->error);
    if (r < 0 || !record.live) {
        return r;
    }
    struct key key = {.bytes = record.key, .size = record.key_size};
    verification->findings.rows++;
    r = key_table_find(&index->meta, txn, &key, &back, verification->error);
    if (r < 0 && r != -ENOENT) {
        return r;
    }
    if (back != slot || codes_chunk(&index->codes, slot)->tags[slot % CHUNK_ROWS] != record.tag) {
        return meta_damaged(verification->error);
    }
    if (rows_read(&index->rows, slot, record.tag, verification->row) < 0) {
        return note_damage(verification, slot, &record);
    }
    codes_unflag(&index->codes, slot); /* perhaps the disk failed only once */
    return 0;
}

static int verify_slice(struct verification *verification, uint64_t from, uint64_t to)
{
    struct index *index = verification->index;
    struct rebuilding how = {.rows = &index->rows, .row = verification->row};
    int r = 0;
    for (uint64_t slot = from; slot < to && r == 0; slot++) {
        r = verify_slot(verification, (uint32_t)slot);
        bool block_ends = slot % SCAN_ROWS == SCAN_ROWS - 1 || slot + 1 == index->head.slots;
        if (r == 0 && block_ends && codes_verify(&index->codes, slot / SCAN_ROWS, &how)) {
            verification->findings.blocks_rebuilt++;
        }
    }
    return r;
}

static int verify_locked(struct verification *verification, uint64_t *position, uint64_t rows)
{
    struct index *index = verification->index;
    HOLD(&index->writer);
    int r = snapshot_begin(&index->snapshots, &index->meta, &verification->snapshot,
                           verification->error);
    if (r < 0) {
        return r;
    }
    uint64_t slots = index->head.slots;
    uint64_t from = *position < slots ? *position : slots;
    uint64_t to = rows < slots - from ? from + rows : slots;
    r = verify_slice(verification, from, to);
    snapshot_end(&index->snapshots, &index->meta, &verification->snapshot);
    if (r < 0) {
        return r;
    }
    if (verification->findings.blocks_rebuilt > 0) {
        r = codes_save(&index->codes, slots, verification->error);
        if (r < 0) {
            return r;
        }
    }
    *position = to == slots ? 0 : to;
    return 0;
}

/* A row that a search has reported is reported again: the owner may have lost the report. */
static void report(const struct verification *verification)
{
    struct index *index = verification->index;
    for (const struct found *found = verification->found; found; found = found->next) {
        codes_unflag(&index->codes, found->slot);
        index_report_row(index, found->slot, found->key, found->key_size);
    }
    uint64_t rebuilt = verification->findings.blocks_rebuilt;
    atomic_fetch_add(&index->blocks_rebuilt, rebuilt);
    if (rebuilt > 0 && index->options.report) {
        index->options.report(index->options.report_context, INDEX_COPY_REBUILT, NULL,
                              "blocks of the int8 copy were damaged and are made anew");
    }
}

int index_verify(struct index *index, uint64_t *position, uint64_t rows,
                 struct index_findings *ret_findings, struct error *error)
{
    cleanup_free float *row = malloc(index->rows.vector_bytes);
    if (!row) {
        return error_memory(error, "an index's check");
    }
    struct verification verification = {.index = index, .row = row, .error = error};
    int r = verify_locked(&verification, position, rows);
    report(&verification);
    pool_done(&verification.pool);
    if (r < 0) {
        return r;
    }
    *ret_findings = verification.findings;
    return 0;
}
