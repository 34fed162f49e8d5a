/* SPDX-License-Identifier: Apache-2.0
 *
 * Batches, and their commit: the one writer. Rows are written to slots that no reader sees, and
 * their codes into memory, before LMDB's commit makes them visible: readers take their generation
 * from the committed head. A commit that fails undoes its changes in memory; the bytes that it
 * wrote are in free slots.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/pool.h"
#include "index/index_state.h"

/* The int8 copy is saved now and then, so that a crash leaves little to rebuild. */
enum { SAVE_AFTER_ROWS = 65536 };

struct op {
    struct op *next;
    struct key key;      /* in the pool */
    const float *vector; /* in the pool; NULL: a removal */
};

struct index_batch {
    struct index *index; /* borrowed */
    struct pool pool;
    struct op *first;
    struct op *last;
    size_t size;
    uint64_t bytes;
};

int index_batch_new(struct index *index, struct index_batch **ret_batch)
{
    struct index_batch *batch = calloc(1, sizeof *batch);
    if (!batch) {
        return -ENOMEM;
    }
    batch->index = index;
    *ret_batch = batch;
    return 0;
}

static void clear(struct index_batch *batch)
{
    pool_done(&batch->pool);
    *batch = (struct index_batch){.index = batch->index};
}

void index_batch_free(struct index_batch *batch)
{
    if (batch) {
        clear(batch);
        free(batch);
    }
}

size_t index_batch_size(const struct index_batch *batch)
{
    return batch->size;
}

static int append(struct index_batch *batch, const char *key, const float *vector,
                  struct error *error)
{
    struct key name;
    int r = key_of(key, &name, error);
    if (r < 0) {
        return r;
    }
    uint64_t bytes =
        sizeof(struct op) + name.size + 1 + (vector ? batch->index->rows.vector_bytes : 0);
    if (batch->size == INDEX_BATCH_MAX || batch->bytes + bytes > INDEX_BATCH_BYTES_MAX) {
        return error_set(error, ERROR_TOO_LARGE, "the batch is full: commit it first");
    }
    struct op *op = pool_take(&batch->pool, sizeof *op);
    char *copy = pool_take(&batch->pool, name.size + 1);
    if (!op || !copy) {
        return error_memory(error, "an index's batch");
    }
    memcpy(copy, name.bytes, name.size);
    *op = (struct op){.key = {.bytes = copy, .size = name.size}, .vector = vector};
    if (batch->last) {
        batch->last->next = op;
    } else {
        batch->first = op;
    }
    batch->last = op;
    batch->size++;
    batch->bytes += bytes;
    return 0;
}

/* The row as it is stored: see index.h. */
static void normalize(float *row, uint32_t dimension)
{
    double square = 0.0;
    for (uint32_t i = 0; i < dimension; i++) {
        square += (double)row[i] * (double)row[i];
    }
    double norm = sqrt(square);
    if (norm > 0.0 && fabs(norm - 1.0) > 1e-6) {
        for (uint32_t i = 0; i < dimension; i++) {
            row[i] = (float)((double)row[i] / norm);
        }
    }
}

int index_batch_put(struct index_batch *batch, const char *key, const float *vector,
                    struct error *error)
{
    const struct index *index = batch->index;
    int r = index_check_vector(vector, index->shape.dimension, "the vector", error);
    if (r < 0) {
        return r;
    }
    float *row = pool_take(&batch->pool, index->rows.vector_bytes);
    if (!row) {
        return error_memory(error, "an index's batch");
    }
    memcpy(row, vector, index->rows.vector_bytes);
    if (index->shape.metric == INDEX_COSINE) {
        normalize(row, index->shape.dimension);
    }
    return append(batch, key, row, error);
}

int index_batch_remove(struct index_batch *batch, const char *key, struct error *error)
{
    return append(batch, key, NULL, error);
}

/* A commit in progress. */
struct commit {
    struct index *index;
    MDB_txn *txn;
    struct record_head head; /* as it will be */
    uint64_t oldest;         /* generation that is still read */
    size_t free_first;       /* of the free slots, before the commit */
    uint32_t *born;          /* owned; slots that were filled */
    size_t born_count;
    uint32_t *killed; /* owned; slots that died */
    size_t killed_count;
    struct error *error;
};

static int take_slot(struct commit *commit, uint32_t *ret_slot)
{
    struct index *index = commit->index;
    struct free_slots *free_slots = &index->free;
    if (free_slots->first < free_slots->end &&
        free_slots->items[free_slots->first].since <= commit->oldest) {
        *ret_slot = free_slots->items[free_slots->first++].slot;
        return 0;
    }
    if (commit->head.slots == INDEX_ROWS_MAX) {
        return error_set(commit->error, ERROR_TOO_LARGE, "an index has at most %u rows",
                         INDEX_ROWS_MAX);
    }
    if (codes_reserve(&index->codes, (uint32_t)commit->head.slots) < 0) {
        return error_memory(commit->error, "an index's rows");
    }
    *ret_slot = (uint32_t)commit->head.slots++;
    return 0;
}

/* Removes the slot's row with this commit. */
static int kill_slot(struct commit *commit, uint32_t slot)
{
    struct index *index = commit->index;
    struct record_slot record = {.live = false, .freed = commit->head.generation};
    int r = meta_put_slot(&index->meta, commit->txn, slot, &record, commit->error);
    if (r < 0) {
        return r;
    }
    codes_kill(&index->codes, slot, commit->head.generation);
    commit->killed[commit->killed_count++] = slot;
    commit->head.live--;
    return 0;
}

static int put_row(struct commit *commit, const struct op *op)
{
    struct index *index = commit->index;
    uint32_t slot = NO_SLOT;
    uint64_t tag;
    int r = take_slot(commit, &slot);
    if (r < 0) {
        return r;
    }
    /* From here on a failure gives the slot back. */
    codes_bear(&index->codes, slot, commit->head.generation);
    commit->born[commit->born_count++] = slot;
    commit->head.live++;
    r = rows_write(&index->rows, slot, commit->head.next_number++, op->vector, &tag, commit->error);
    if (r < 0) {
        return r;
    }
    codes_put(&index->codes, slot, tag, op->vector);
    struct record_slot record = {
        .live = true, .tag = tag, .key = op->key.bytes, .key_size = op->key.size};
    r = meta_put_slot(&index->meta, commit->txn, slot, &record, commit->error);
    return r == 0 ? key_table_set(&index->meta, commit->txn, &op->key, slot,
                                  &commit->head.next_node, commit->error)
                  : r;
}

static int apply(struct commit *commit, const struct op *op)
{
    const struct meta *meta = &commit->index->meta;
    uint32_t old;
    int r = key_table_find(meta, commit->txn, &op->key, &old, commit->error);
    if (r < 0 && r != -ENOENT) {
        return r;
    }
    bool found = r == 0;
    r = found ? kill_slot(commit, old) : 0;
    if (r < 0) {
        return r;
    }
    if (op->vector) {
        return put_row(commit, op);
    }
    return found ? key_table_unset(meta, commit->txn, &op->key, commit->error) : 0;
}

static int put_note(struct commit *commit, const void *note, size_t size)
{
    struct record_key key;
    struct record_value value;
    record_note_key(&key);
    record_note_encode(note, size, &value);
    return meta_put(&commit->index->meta, commit->txn, &key, &value, commit->error);
}

static int apply_all(struct commit *commit, const struct index_batch *batch)
{
    int r = 0;
    for (const struct op *op = batch->first; op && r == 0; op = op->next) {
        r = apply(commit, op);
    }
    codes_seal(&commit->index->codes);
    return r;
}

/* Everything that the transaction holds, with the rows synced. */
static int fill(struct commit *commit, const struct index_batch *batch, const void *note,
                size_t note_size)
{
    struct index *index = commit->index;
    int r = apply_all(commit, batch);
    if (r < 0) {
        return r;
    }
    r = note ? put_note(commit, note, note_size) : 0;
    if (r < 0) {
        return r;
    }
    r = meta_put_head(&index->meta, commit->txn, &commit->head, commit->error);
    if (r < 0) {
        return r;
    }
    return commit->born_count > 0 ? rows_sync(&index->rows, commit->error) : 0;
}

static void undo(struct commit *commit)
{
    struct index *index = commit->index;
    for (size_t i = 0; i < commit->killed_count; i++) {
        codes_unkill(&index->codes, commit->killed[i]);
    }
    for (size_t i = 0; i < commit->born_count; i++) {
        codes_unbear(&index->codes, commit->born[i]);
    }
    index->free.first = commit->free_first;
}

static void finish(struct commit *commit)
{
    struct index *index = commit->index;
    for (size_t i = 0; i < commit->killed_count; i++) {
        free_slots_add(&index->free, commit->killed[i], commit->head.generation);
    }
    index->head = commit->head;
    index->unsaved += commit->born_count;
    atomic_store(&index->live, commit->head.live);
    atomic_store(&index->slots, commit->head.slots);
    atomic_store(&index->generation, commit->head.generation);
}

static int run(struct commit *commit, const struct index_batch *batch, const void *note,
               size_t note_size)
{
    struct index *index = commit->index;
    int code = mdb_txn_begin(index->meta.file.env, NULL, 0, &commit->txn);
    if (code != 0) {
        return meta_failed(&index->meta, code, "written", commit->error);
    }
    commit->head = index->head;
    commit->head.generation++;
    commit->oldest = snapshots_oldest(&index->snapshots);
    if (commit->oldest > index->head.generation) {
        commit->oldest = index->head.generation;
    }
    int r = fill(commit, batch, note, note_size);
    if (r < 0) {
        mdb_txn_abort(commit->txn);
        undo(commit);
        return r;
    }
    (void)snapshots_oldest(&index->snapshots); /* a barrier: snapshot.h */
    code = mdb_txn_commit(commit->txn);
    if (code != 0) {
        undo(commit);
        return meta_failed(&index->meta, code, "committed", commit->error);
    }
    finish(commit);
    return 0;
}

int index_batch_commit(struct index_batch *batch, const void *note, size_t note_size,
                       struct error *error)
{
    struct index *index = batch->index;
    if (note_size > INDEX_NOTE_MAX) {
        return error_set(error, ERROR_TOO_LARGE, "an index's note has at most %u bytes",
                         INDEX_NOTE_MAX);
    }
    if (batch->size == 0 && !note) {
        return 0;
    }
    cleanup_free uint32_t *born = calloc(batch->size + 1, sizeof *born);
    cleanup_free uint32_t *killed = calloc(batch->size + 1, sizeof *killed);
    struct commit commit = {.index = index, .born = born, .killed = killed, .error = error};

    HOLD(&index->writer);
    if (!born || !killed || free_slots_reserve(&index->free, batch->size) < 0) {
        return error_memory(error, "an index's batch");
    }
    commit.free_first = index->free.first;
    int r = run(&commit, batch, note, note_size);
    if (r < 0) {
        return r;
    }
    if (index->unsaved >= SAVE_AFTER_ROWS) {
        struct error ignored; /* it is tried again after as many rows */
        (void)!codes_save(&index->codes, index->head.slots, &ignored);
        index->unsaved = 0;
    }
    clear(batch);
    return 0;
}
