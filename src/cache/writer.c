/* SPDX-License-Identifier: Apache-2.0
 *
 * The one thread that writes: gathers puts for a moment, commits them in one transaction, evicts
 * entries, and handles errors. A full or failing disk: pause, then continue. A full map: evict
 * more, at last empty the cache. Any other error of LMDB: reopen the file, which checks it.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "cache/lmdb_state.h"
#include "cache/record.h"

enum {
    SWEEP_STEPS = 4096,   /* entries visited in one transaction of an eviction */
    EVICT_PART = 32,      /* of the capacity, freed at once */
    FULL_PART = 8,        /* the same where the map is full */
    CROWDED_PERCENT = 92, /* pages in use, independent of the estimate */
};

struct batch {
    struct op *first; /* owned */
    size_t count;
    bool last; /* the map is being closed, and the queue is empty after this batch */
};

static size_t batch_count_max(const struct lmdb_map *map)
{
    uint64_t count = map->limit_bytes / map->page_size / 64;
    return count > WRITE_BATCH_MAX ? WRITE_BATCH_MAX : (size_t)count;
}

/* Waits for work, and then a little longer for more. A broken file is work, too, except while
 * writing is paused. Lock held. */
static void wait_for_ops(struct lmdb_map *map)
{
    while (!map->stop && map->queue_count == 0) {
        if (!atomic_load(&map->broken)) {
            (void)pthread_cond_wait(&map->queue_changed, &map->queue_lock);
        } else if (map->paused_until_ns > clock_now_ns()) {
            (void)clock_wait(&map->queue_changed, &map->queue_lock, map->paused_until_ns);
        } else {
            break;
        }
    }
    int64_t until_ns = map->oldest_ns + map->options.delay_ms * NS_PER_MS;
    while (!map->stop && map->hurry == 0 && map->queue_count > 0 &&
           map->queue_count < batch_count_max(map) && clock_now_ns() < until_ns) {
        (void)clock_wait(&map->queue_changed, &map->queue_lock, until_ns);
    }
}

static struct batch take_batch(struct lmdb_map *map)
{
    HOLD(&map->queue_lock);
    wait_for_ops(map);
    struct batch batch = {.first = map->first};
    struct op **end = &batch.first;
    size_t bytes = 0;
    while (*end && batch.count < batch_count_max(map) && bytes < map->limit_bytes / 32) {
        if ((*end)->kind == OP_CLEAR && batch.count > 0) {
            break; /* a batch of its own */
        }
        bool alone = (*end)->kind == OP_CLEAR;
        bytes += (*end)->key_size + (*end)->payload_size;
        batch.count++;
        end = &(*end)->next;
        if (alone) {
            break;
        }
    }
    map->first = *end;
    *end = NULL;
    if (!map->first) {
        map->last = NULL;
    }
    map->queue_count -= batch.count;
    for (struct op *op = batch.first; op; op = op->next) {
        map->queue_bytes -= sizeof *op + op->key_size + RECORD_HEAD + op->payload_size;
    }
    batch.last = map->stop && !map->first;
    return batch;
}

static void count_entry(struct account *account, const uint8_t *key, int change)
{
    uint64_t *counter =
        key[0] == MAP_CONTENT ? &account->content_entries : &account->answer_entries;
    *counter = change > 0 ? *counter + 1 : *counter - (*counter > 0);
}

/* The current entry of a key: its record's bytes; 0 or LMDB's code. */
static int look_up(struct lmdb_map *map, MDB_txn *txn, struct op *op, MDB_val *ret_key,
                   MDB_val *ret_value)
{
    *ret_key = (MDB_val){.mv_size = op->key_size, .mv_data = op->bytes};
    return mdb_get(txn, map->file.dbi, ret_key, ret_value);
}

static void account_remove(struct lmdb_map *map, const struct op *op, const MDB_val *old)
{
    struct record record = {.generation = 0};
    (void)!record_open(op->bytes, op->key_size, old->mv_data, old->mv_size, &record);
    uses_remove(&map->account.uses, record.generation, map_cost(map, op->key_size, old->mv_size));
    count_entry(&map->account, op->bytes, -1);
}

/* Writes the record that is in the operation behind its key. */
static int write_record(struct lmdb_map *map, MDB_txn *txn, struct op *op)
{
    uint8_t *bytes = op->bytes + op->key_size;
    MDB_val key = {.mv_size = op->key_size, .mv_data = op->bytes};
    MDB_val value = {.mv_size = RECORD_HEAD + op->payload_size, .mv_data = bytes};
    uint32_t generation = map->account.uses.current;
    uint64_t cost = map_cost(map, op->key_size, value.mv_size);
    record_seal(op->bytes, op->key_size, generation, bytes, op->payload_size);
    int code = mdb_put(txn, map->file.dbi, &key, &value, 0);
    if (code == 0) {
        uses_add(&map->account.uses, generation, cost);
        uses_spend(&map->account.uses, cost);
        count_entry(&map->account, op->bytes, 1);
    }
    return code;
}

static int apply_put(struct lmdb_map *map, MDB_txn *txn, struct op *op)
{
    MDB_val key;
    MDB_val old;
    int code = look_up(map, txn, op, &key, &old);
    if (code == 0) {
        struct record record;
        if (record_open(op->bytes, op->key_size, old.mv_data, old.mv_size, &record) == 0 &&
            record.size == op->payload_size &&
            memcmp(record.payload, op->bytes + op->key_size + RECORD_HEAD, record.size) == 0 &&
            uses_age(map->account.uses.current, record.generation) < USES_RENEW_AGE) {
            return 0;
        }
        account_remove(map, op, &old);
    } else if (code != MDB_NOTFOUND) {
        return code;
    }
    return write_record(map, txn, op);
}

static int apply_renew(struct lmdb_map *map, MDB_txn *txn, struct op *op)
{
    MDB_val key;
    MDB_val old;
    struct record record;
    int code = look_up(map, txn, op, &key, &old);
    if (code != 0) {
        return code == MDB_NOTFOUND ? 0 : code;
    }
    if (record_open(op->bytes, op->key_size, old.mv_data, old.mv_size, &record) < 0 ||
        uses_age(map->account.uses.current, record.generation) < USES_RENEW_AGE) {
        return 0;
    }
    cleanup_free struct op *full = malloc(sizeof *full + op->key_size + old.mv_size);
    if (!full) {
        return 0; /* the entry only counts as a little older */
    }
    *full = (struct op){.key_size = op->key_size, .payload_size = record.size};
    memcpy(full->bytes, op->bytes, op->key_size);
    memcpy(full->bytes + op->key_size, old.mv_data, old.mv_size);
    account_remove(map, op, &old);
    return write_record(map, txn, full);
}

static int apply_remove(struct lmdb_map *map, MDB_txn *txn, struct op *op)
{
    MDB_val key;
    MDB_val old;
    int code = look_up(map, txn, op, &key, &old);
    if (code == 0) {
        account_remove(map, op, &old);
        code = mdb_del(txn, map->file.dbi, &key, NULL);
    }
    return code == MDB_NOTFOUND ? 0 : code;
}

static int apply_ops(struct lmdb_map *map, MDB_txn *txn, struct op *op)
{
    int code = 0;
    for (; op && code == 0; op = op->next) {
        switch (op->kind) {
        case OP_PUT:
            code = apply_put(map, txn, op);
            break;
        case OP_RENEW:
            code = apply_renew(map, txn, op);
            break;
        case OP_REMOVE:
            code = apply_remove(map, txn, op);
            break;
        case OP_CLEAR:
            break;
        }
    }
    return code;
}

/* Commits where `code` is 0; the account is what it was `before` where that fails. Returns the
 * code. */
static int end(struct lmdb_map *map, MDB_txn *txn, int code, const struct account *before)
{
    if (code == 0) {
        code = mdb_txn_commit(txn);
    } else {
        mdb_txn_abort(txn);
    }
    if (code != 0) {
        map->account = *before;
    }
    return code;
}

/* One transaction; the account is as before where it fails. */
static int commit_ops(struct lmdb_map *map, struct op *ops)
{
    MDB_txn *txn = NULL;
    int code = mdb_txn_begin(map->file.env, NULL, 0, &txn);
    if (code != 0) {
        return code;
    }
    struct account before = map->account;
    return end(map, txn, apply_ops(map, txn, ops), &before);
}

/* Deletes what is old enough among the next entries. *ret_steps counts the entries visited; after
 * the last entry the hand returns to the first. */
static int sweep(struct lmdb_map *map, MDB_cursor *cursor, uint32_t age, uint64_t goal,
                 size_t *ret_steps)
{
    MDB_val key = {.mv_size = map->hand.size, .mv_data = map->hand.bytes};
    MDB_val value;
    size_t deletes = 0;
    int code = mdb_cursor_get(cursor, &key, &value, key.mv_size > 0 ? MDB_SET_RANGE : MDB_FIRST);
    for (*ret_steps = 0; code == 0; (*ret_steps)++) {
        const uint8_t *space = key.mv_data;
        bool done = *ret_steps >= SWEEP_STEPS || deletes >= batch_count_max(map) ||
                    map->account.uses.total <= goal;
        if (done && key.mv_size <= MAP_KEY_MAX) {
            map->hand.size = key.mv_size;
            memcpy(map->hand.bytes, key.mv_data, key.mv_size);
            return 0;
        }
        struct record record = {.generation = 0};
        (void)!record_open(key.mv_data, key.mv_size, value.mv_data, value.mv_size, &record);
        if ((*space == MAP_CONTENT || *space == MAP_ANSWER) &&
            uses_age(map->account.uses.current, record.generation) >= age) {
            uses_remove(&map->account.uses, record.generation,
                        map_cost(map, key.mv_size, value.mv_size));
            count_entry(&map->account, space, -1);
            code = mdb_cursor_del(cursor, 0);
            if (code != 0) {
                return code;
            }
            deletes++;
        }
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    map->hand.size = 0;
    return code == MDB_NOTFOUND ? 0 : code;
}

static int commit_sweep(struct lmdb_map *map, uint32_t age, uint64_t goal, size_t *ret_steps)
{
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    int code = mdb_txn_begin(map->file.env, NULL, 0, &txn);
    if (code != 0) {
        return code;
    }
    struct account before = map->account;
    code = mdb_cursor_open(txn, map->file.dbi, &cursor);
    if (code == 0) {
        code = sweep(map, cursor, age, goal, ret_steps);
        mdb_cursor_close(cursor);
    }
    code = end(map, txn, code, &before);
    if (code != 0) {
        return code;
    }
    add_to(&map->evictions, before.content_entries + before.answer_entries -
                                map->account.content_entries - map->account.answer_entries);
    return 0;
}

/* Frees bytes, oldest use first: sweeps all entries with the age that should suffice, and again
 * with a lower one where it did not. */
static int evict(struct lmdb_map *map, uint64_t wanted)
{
    struct uses *uses = &map->account.uses;
    uint64_t goal = uses->total > wanted ? uses->total - wanted : 0;
    while (uses->total > goal) {
        uint32_t age = uses_age_to_free(uses, uses->total - goal);
        uint64_t left = map->account.content_entries + map->account.answer_entries + 2;
        while (uses->total > goal && left > 0) {
            size_t steps = 0;
            int code = commit_sweep(map, age, goal, &steps);
            if (code != 0) {
                return code;
            }
            steps = steps > 0 ? steps : 1; /* 0 behind the last entry */
            left -= left < steps ? left : steps;
        }
        if (uses->total > goal) {
            uses_forget(uses, age);
        }
    }
    return 0;
}

static int make_room(struct lmdb_map *map)
{
    uint64_t capacity = map_capacity(map);
    if (map->account.uses.total > capacity) {
        return evict(map, map->account.uses.total - capacity + capacity / EVICT_PART);
    }
    if (datafile_size(&map->file).used_bytes > map->limit_bytes / 100 * CROWDED_PERCENT) {
        return evict(map, capacity / EVICT_PART);
    }
    return 0;
}

static void pause_writing(struct lmdb_map *map, const char *why)
{
    bool was_paused;
    map->paused_until_ns = clock_now_ns() + map->options.retry_ms * NS_PER_MS;
    {
        HOLD(&map->queue_lock);
        was_paused = map->paused;
        map->paused = true;
    }
    if (!was_paused) {
        map_report(map, map->file.env ? CACHE_EVENT_PAUSED : CACHE_EVENT_OFF,
                   "the result cache is not written for %u s: %.300s", map->options.retry_ms / 1000,
                   why);
    }
}

static void resume_writing(struct lmdb_map *map)
{
    bool was_paused;
    {
        HOLD(&map->queue_lock);
        was_paused = map->paused;
        map->paused = false;
    }
    map->paused_until_ns = 0;
    if (was_paused) {
        map_report(map, CACHE_EVENT_RESUMED, "the result cache is written again");
    }
}

/* Reopens the file; the cache is off for a while where that fails. */
static int reopen(struct lmdb_map *map, bool afresh, struct error *error)
{
    datafile_close(&map->file);
    map->hand.size = 0;
    int r = environment_open(map, afresh, error);
    if (r < 0) {
        pause_writing(map, error->message);
    }
    return r;
}

/* The map had no page left: evicts more and tries again. */
static int write_into_full(struct lmdb_map *map, struct op *ops)
{
    int code = evict(map, map_capacity(map) / FULL_PART);
    if (code == 0) {
        code = commit_ops(map, ops);
    }
    if (code == MDB_MAP_FULL) {
        struct error error = {.code = ERROR_NONE};
        map_report(map, CACHE_EVENT_CLEARED, "the result cache is begun afresh: it was full");
        if (reopen(map, true, &error) < 0) {
            return ENOSPC;
        }
        code = commit_ops(map, ops);
    }
    return code;
}

/* LMDB fails on a file that has just passed its check: sets it aside. */
static void give_file_up(struct lmdb_map *map, const char *why)
{
    struct error error = {.code = ERROR_NONE};
    environment_set_aside(map, why);
    (void)reopen(map, true, &error);
}

static int open_if_needed(struct lmdb_map *map, bool *ret_reopened)
{
    struct error error = {.code = ERROR_NONE};
    *ret_reopened = !map->file.env || atomic_load(&map->broken);
    return *ret_reopened ? reopen(map, false, &error) : 0;
}

static int commit_and_make_room(struct lmdb_map *map, struct op *ops)
{
    int code = commit_ops(map, ops);
    if (code == MDB_MAP_FULL) {
        code = write_into_full(map, ops);
    }
    if (code == 0) {
        code = make_room(map);
        code = code == MDB_MAP_FULL ? 0 : code; /* the next batch meets it */
    }
    return code;
}

/* 0 where all is written. */
static int write_batch(struct lmdb_map *map, struct op *ops)
{
    char text[96];
    bool reopened = false;
    if (map->paused_until_ns > clock_now_ns() || open_if_needed(map, &reopened) < 0) {
        return -EAGAIN;
    }
    int code = commit_and_make_room(map, ops);
    if (code == 0) {
        resume_writing(map);
        return 0;
    }
    (void)datafile_error_text(code, text, sizeof text);
    if (code == ENOSPC || code == EDQUOT || code == EIO || code == EFBIG || code == ENOMEM) {
        pause_writing(map, text);
    } else if (reopened) {
        give_file_up(map, text);
    } else {
        atomic_store(&map->broken, true);
    }
    return -EIO;
}

void writer_publish(struct lmdb_map *map, uint64_t done)
{
    bool on = map->file.env != NULL;
    struct datafile_size size = datafile_size(&map->file);
    atomic_store(&map->generation, map->account.uses.current);
    HOLD(&map->queue_lock);
    map->content_entries = on ? map->account.content_entries : 0;
    map->answer_entries = on ? map->account.answer_entries : 0;
    map->used_bytes = size.used_bytes;
    map->file_bytes = size.file_bytes;
    map->done += done;
    (void)pthread_cond_broadcast(&map->progress);
}

static void clear_all(struct lmdb_map *map)
{
    struct error error = {.code = ERROR_NONE};
    int r = reopen(map, true, &error);
    if (r == 0) {
        resume_writing(map);
    }
    HOLD(&map->queue_lock);
    map->clear_result = r;
    map->clear_error = error;
}

static void count_puts(struct lmdb_map *map, const struct batch *batch, bool written)
{
    uint64_t puts = 0;
    for (const struct op *op = batch->first; op; op = op->next) {
        puts += op->kind == OP_PUT;
    }
    add_to(written ? &map->puts : &map->dropped, puts);
}

void *writer_run(void *context)
{
    struct lmdb_map *map = context;
    struct batch batch;
    do {
        batch = take_batch(map);
        if (batch.first && batch.first->kind == OP_CLEAR) {
            clear_all(map);
        } else if (batch.first || atomic_load(&map->broken)) {
            count_puts(map, &batch, write_batch(map, batch.first) == 0);
        }
        writer_publish(map, batch.count);
        while (batch.first) {
            struct op *op = batch.first;
            batch.first = op->next;
            free(op);
        }
    } while (!batch.last);
    return NULL;
}
