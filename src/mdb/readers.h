/* SPDX-License-Identifier: Apache-2.0
 *
 * The pool of an LMDB file's read transactions. An idle one keeps its slot in LMDB's table, so that
 * taking one costs no system call. Any thread; a transaction belongs to who took it.
 */
#ifndef SITU_MDB_READERS_H
#define SITU_MDB_READERS_H

#include <lmdb.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/cleanup.h"

struct readers {
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    MDB_env *env;   /* borrowed; NULL while the pool is closed */
    MDB_txn **idle; /* owned; room for `limit` */
    unsigned idle_count;
    unsigned made; /* transactions idle or in use */
    unsigned limit;
    bool wait; /* where all are in use */
};

/* A closed pool of at most `limit` transactions; 0 or -ENOMEM. */
must_check int readers_init(struct readers *readers, unsigned limit, bool wait);
void readers_done(struct readers *readers); /* closed, or never initialised (zeros) */

void readers_open(struct readers *readers, MDB_env *env);
/* Hands out no more, waits until all are given back, and ends them. A closed pool is fine. */
void readers_close(struct readers *readers);
bool readers_is_open(struct readers *readers);

/* 0 or LMDB's code: ESHUTDOWN where the pool is closed, MDB_READERS_FULL where all are in use and
 * the pool does not wait. */
must_check int readers_take(struct readers *readers, MDB_txn **ret_txn);
void readers_give(struct readers *readers, MDB_txn *txn);

#endif
