/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of a table share: opening and lookups (known.c), batches (batch.c), walks
 * (walk.c). Private to these files.
 */
#ifndef SITU_KNOWN_STATE_H
#define SITU_KNOWN_STATE_H

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "known/known.h"
#include "known/name.h"
#include "known/value.h"

#define WHAT "the table of known objects"

enum { READERS = 254, IDLE_READERS = 8 };

struct known {
    MDB_env *env; /* owned */
    MDB_dbi dbi;
    int directory_fd;    /* owned; locked against others */
    uint64_t next_group; /* the writer's */
    atomic_uint_fast64_t count;

    pthread_mutex_t lock;        /* guards what follows */
    MDB_txn *idle[IDLE_READERS]; /* owned; ended, but with their slot in LMDB's table */
    size_t idle_count;
};

/* A read transaction; given back by readers_give. */
must_check int known_reader_take(struct known *known, MDB_txn **ret_txn, struct error *error);
void known_reader_give(struct known *known, MDB_txn *txn);

/* "damaged: open it anew". */
int known_damaged(struct error *error);

#endif
