/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the LMDB map share: the file (environment.c), the queue and the one writer
 * (writer.c). Lookups use the pool of the file's readers only. Private to these files.
 */
#ifndef SITU_CACHE_LMDB_STATE_H
#define SITU_CACHE_LMDB_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "cache/map.h"
#include "cache/uses.h"
#include "mdb/datafile.h"

enum {
    FORMAT = 1, /* of keys and records; kept in the file under VERSION_KEY */
    WRITE_BATCH_MAX = 1024,
    WRITE_BATCH_MIN = 16,
};

#define VERSION_KEY "version"

enum op_kind { OP_PUT, OP_RENEW, OP_REMOVE, OP_CLEAR };

/* An operation for the writer; allocated with its bytes: key, space for the record's head, payload.
 */
struct op {
    struct op *next;
    enum op_kind kind;
    size_t key_size;
    size_t payload_size;
    uint8_t bytes[];
};

/* Figures of the entries; the writer's, exact as of the last commit. */
struct account {
    struct uses uses;
    uint64_t content_entries;
    uint64_t answer_entries;
};

struct lmdb_map {
    struct map map;
    struct cache_options options; /* directory: borrowed while it is opened */
    struct datafile file;         /* the writer's, but for the readers */
    size_t page_size;
    uint64_t limit_bytes; /* whole pages */

    pthread_mutex_t queue_lock; /* guards what follows, up to `writer` */
    pthread_cond_t queue_changed;
    pthread_cond_t progress;
    struct op *first; /* owned */
    struct op *last;
    size_t queue_count;
    size_t queue_bytes;
    uint64_t queued; /* operations ever */
    uint64_t done;
    int64_t oldest_ns; /* when the queue's first operation came */
    unsigned hurry;    /* threads that wait for `done` */
    bool stop;
    bool paused;
    int clear_result;
    struct error clear_error;
    uint64_t content_entries; /* as of the last commit, for the status */
    uint64_t answer_entries;
    uint64_t used_bytes;
    uint64_t file_bytes;

    pthread_t writer;
    struct account account; /* the writer's */
    int64_t paused_until_ns;
    struct map_key hand; /* where the next eviction continues */

    atomic_uint generation; /* of account.uses, for lookups */
    atomic_bool broken;     /* LMDB said that its file is damaged */
    atomic_uint_fast64_t puts;
    atomic_uint_fast64_t evictions;
    atomic_uint_fast64_t dropped;
    atomic_uint_fast64_t damaged;
    atomic_uint_fast64_t set_aside;
};

static inline void add_to(atomic_uint_fast64_t *counter, uint64_t count)
{
    atomic_fetch_add_explicit(counter, count, memory_order_relaxed);
}

/* Calls options.report. */
__attribute__((format(printf, 3, 4))) void
map_report(const struct lmdb_map *map, enum cache_event event, const char *format, ...);

/* What an entry takes of the cache's capacity. Leaves of a tree with random insertions are filled
 * to about 60 %. */
uint64_t map_cost(const struct lmdb_map *map, size_t key_size, size_t record_size);
uint64_t map_capacity(const struct lmdb_map *map);

/* environment.c. Opens the files after their check, or sets them aside and begins afresh. With
 * `afresh` they are removed first. Fills the account. Errors: ERROR_CONFLICT, ERROR_IO,
 * ERROR_NO_SPACE, ERROR_MEMORY; the map is off then. Writer thread, or before it runs. */
must_check int environment_open(struct lmdb_map *map, bool afresh, struct error *error);
/* Closes the file, and renames its directory. */
void environment_set_aside(struct lmdb_map *map, const char *why);

/* writer.c */
void *writer_run(void *map);
/* Makes the status that of now, `done` more operations in. The writer, or the opener before it. */
void writer_publish(struct lmdb_map *map, uint64_t done);

#endif
