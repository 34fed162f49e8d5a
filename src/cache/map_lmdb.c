/* SPDX-License-Identifier: Apache-2.0
 *
 * The map in an LMDB file: lookups through the pool of read transactions, everything else through
 * the writer's queue. Lookups run in the caller's thread and copy only what they return.
 */
#include "cache/map.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cache/lmdb_state.h"
#include "cache/record.h"

static struct lmdb_map *lmdb_map_of(struct map *map)
{
    return (struct lmdb_map *)(void *)map;
}

/* Copies into the queue: 0, -EBUSY, -ENOMEM. */
static int enqueue(struct lmdb_map *map, enum op_kind kind, const struct map_key *key,
                   const void *payload, size_t size)
{
    size_t bytes = sizeof(struct op) + key->size + RECORD_HEAD + size;
    cleanup_free struct op *op = malloc(bytes);
    if (!op) {
        return -ENOMEM;
    }
    *op = (struct op){.kind = kind, .key_size = key->size, .payload_size = size};
    memcpy(op->bytes, key->bytes, key->size);
    if (size > 0) {
        memcpy(op->bytes + key->size + RECORD_HEAD, payload, size);
    }

    HOLD(&map->queue_lock);
    if (kind != OP_CLEAR && map->queue_bytes + bytes > map->options.queue_bytes) {
        return -EBUSY;
    }
    if (map->last) {
        map->last->next = op;
    } else {
        map->first = op;
        map->oldest_ns = clock_now_ns();
        (void)pthread_cond_signal(&map->queue_changed);
    }
    map->last = op;
    map->queue_bytes += bytes;
    map->queued++;
    if (++map->queue_count == WRITE_BATCH_MAX) {
        (void)pthread_cond_signal(&map->queue_changed);
    }
    (void)take_ptr(op);
    return 0;
}

static void lmdb_remove(struct map *base, const struct map_key *key)
{
    (void)enqueue(lmdb_map_of(base), OP_REMOVE, key, NULL, 0);
}

static int lmdb_get(struct map *base, const struct map_key *key, map_read_fn read, void *context)
{
    struct lmdb_map *map = lmdb_map_of(base);
    struct map_key copy = *key;
    MDB_val name = {.mv_size = copy.size, .mv_data = copy.bytes};
    MDB_val value;
    struct record record = {.generation = 0};
    MDB_txn *txn = NULL;
    if (readers_take(&map->file.readers, &txn) != 0) {
        return -ENOENT;
    }
    int code = mdb_get(txn, map->file.dbi, &name, &value);
    int r = -ENOENT;
    if (code == 0) {
        r = record_open(copy.bytes, copy.size, value.mv_data, value.mv_size, &record);
        if (r == 0) {
            r = read(context, record.payload, record.size);
        }
    }
    readers_give(&map->file.readers, txn);

    if (code != 0 && code != MDB_NOTFOUND && !atomic_exchange(&map->broken, true)) {
        HOLD(&map->queue_lock);
        (void)pthread_cond_signal(&map->queue_changed);
    }
    if (r == -EBADMSG) {
        add_to(&map->damaged, 1);
        lmdb_remove(base, key);
    } else if (r == 0 &&
               uses_age(atomic_load(&map->generation), record.generation) >= USES_RENEW_AGE) {
        (void)enqueue(map, OP_RENEW, key, NULL, 0);
    }
    return r;
}

static int lmdb_put(struct map *base, const struct map_key *key, const void *payload, size_t size)
{
    struct lmdb_map *map = lmdb_map_of(base);
    int r = enqueue(map, OP_PUT, key, payload, size);
    if (r < 0) {
        add_to(&map->dropped, 1);
    }
    return r;
}

/* Waits until the writer has done all earlier operations. Lock held. */
static void wait_done(struct lmdb_map *map)
{
    uint64_t target = map->queued;
    map->hurry++;
    (void)pthread_cond_signal(&map->queue_changed);
    while (map->done < target) {
        (void)pthread_cond_wait(&map->progress, &map->queue_lock);
    }
    map->hurry--;
}

static void lmdb_flush(struct map *base)
{
    struct lmdb_map *map = lmdb_map_of(base);
    HOLD(&map->queue_lock);
    wait_done(map);
}

static int lmdb_clear(struct map *base, struct error *error)
{
    struct lmdb_map *map = lmdb_map_of(base);
    struct map_key none = {.size = 0};
    if (enqueue(map, OP_CLEAR, &none, NULL, 0) < 0) {
        return error_memory(error, "the result cache");
    }
    HOLD(&map->queue_lock);
    wait_done(map);
    if (map->clear_result < 0) {
        return error_set(error, map->clear_error.code, "%s", map->clear_error.message);
    }
    return 0;
}

static void lmdb_status(struct map *base, struct cache_status *status)
{
    struct lmdb_map *map = lmdb_map_of(base);
    status->on = readers_is_open(&map->file.readers);
    status->limit_bytes = map->limit_bytes;
    status->puts = atomic_load(&map->puts);
    status->evictions = atomic_load(&map->evictions);
    status->dropped = atomic_load(&map->dropped);
    status->damaged = atomic_load(&map->damaged);
    status->set_aside = atomic_load(&map->set_aside);
    HOLD(&map->queue_lock);
    status->paused = map->paused;
    status->content_entries = map->content_entries;
    status->answer_entries = map->answer_entries;
    status->used_bytes = map->used_bytes;
    status->file_bytes = map->file_bytes;
}

static void release(struct lmdb_map *map)
{
    datafile_done(&map->file);
    (void)pthread_mutex_destroy(&map->queue_lock);
    (void)pthread_cond_destroy(&map->queue_changed);
    (void)pthread_cond_destroy(&map->progress);
    free(map);
}

static void lmdb_close(struct map *base)
{
    struct lmdb_map *map = lmdb_map_of(base);
    {
        HOLD(&map->queue_lock);
        map->stop = true;
        (void)pthread_cond_signal(&map->queue_changed);
    }
    (void)pthread_join(map->writer, NULL);
    release(map);
}

static const struct map_ops lmdb_ops = {
    .kind = "lmdb",
    .get = lmdb_get,
    .put = lmdb_put,
    .remove = lmdb_remove,
    .flush = lmdb_flush,
    .clear = lmdb_clear,
    .status = lmdb_status,
    .close = lmdb_close,
};

static int map_new(const struct cache_options *options, struct lmdb_map **ret_map,
                   struct error *error)
{
    const struct datafile_options file = {.directory = options->directory,
                                          .what = "the result cache",
                                          .readers = options->readers,
                                          .readers_wait = true};
    cleanup_free struct lmdb_map *map = calloc(1, sizeof *map);
    if (!map) {
        (void)error_memory(error, file.what);
        return -ENOMEM;
    }
    int r = datafile_init(&map->file, &file, error);
    if (r < 0) {
        return r;
    }
    map->map.ops = &lmdb_ops;
    map->options = *options;
    map->page_size = (size_t)sysconf(_SC_PAGESIZE);
    map->limit_bytes = options->limit_bytes / map->page_size * map->page_size;
    (void)pthread_mutex_init(&map->queue_lock, NULL);
    (void)pthread_cond_init(&map->progress, NULL);
    (void)pthread_cond_init(&map->queue_changed, NULL);
    *ret_map = take_ptr(map);
    return 0;
}

int map_lmdb_open(const struct cache_options *options, struct map **ret_map, struct error *error)
{
    struct lmdb_map *map = NULL;
    struct error why = {.code = ERROR_NONE};
    int r = map_new(options, &map, error);
    if (r < 0) {
        return r;
    }
    r = environment_open(map, false, &why);
    if (r < 0 && (why.code == ERROR_CONFLICT || why.code == ERROR_MEMORY)) {
        release(map);
        return error_set(error, why.code, "%s", why.message);
    }
    if (r < 0) {
        map->paused = true;
        map->paused_until_ns = clock_now_ns() + options->retry_ms * NS_PER_MS;
        map_report(map, CACHE_EVENT_OFF, "the result cache is off: %.400s", why.message);
    }
    writer_publish(map, 0); /* the status is right at once */
    int failed = pthread_create(&map->writer, NULL, writer_run, map);
    if (failed != 0) {
        release(map);
        return error_set(error, ERROR_MEMORY, "the result cache's thread cannot be started");
    }
    *ret_map = &map->map;
    return 0;
}
