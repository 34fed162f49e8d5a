/* SPDX-License-Identifier: Apache-2.0
 *
 * The pool of readers.h. LMDB is called outside of the lock; `made` keeps the environment open
 * meanwhile.
 */
#include "mdb/readers.h"

#include <errno.h>

int readers_init(struct readers *readers, unsigned limit, bool wait)
{
    *readers = (struct readers){.limit = limit, .wait = wait};
    readers->idle = calloc(limit, sizeof(MDB_txn *));
    if (!readers->idle) {
        return -ENOMEM;
    }
    (void)pthread_mutex_init(&readers->lock, NULL);
    (void)pthread_cond_init(&readers->changed, NULL);
    return 0;
}

void readers_done(struct readers *readers)
{
    if (readers->idle) {
        (void)pthread_mutex_destroy(&readers->lock);
        (void)pthread_cond_destroy(&readers->changed);
        free(take_ptr(readers->idle));
    }
}

void readers_open(struct readers *readers, MDB_env *env)
{
    HOLD(&readers->lock);
    readers->env = env;
}

void readers_close(struct readers *readers)
{
    HOLD(&readers->lock);
    readers->env = NULL;
    (void)pthread_cond_broadcast(&readers->changed);
    while (readers->idle_count < readers->made) {
        (void)pthread_cond_wait(&readers->changed, &readers->lock);
    }
    while (readers->idle_count > 0) {
        mdb_txn_abort(readers->idle[--readers->idle_count]);
    }
    readers->made = 0;
}

bool readers_is_open(struct readers *readers)
{
    HOLD(&readers->lock);
    return readers->env != NULL;
}

/* Takes an idle transaction, or the right to begin one (NULL). */
static int take_idle(struct readers *readers, MDB_env **ret_env, MDB_txn **ret_txn)
{
    HOLD(&readers->lock);
    for (;;) {
        if (!readers->env) {
            return ESHUTDOWN;
        }
        *ret_env = readers->env;
        if (readers->idle_count > 0) {
            *ret_txn = readers->idle[--readers->idle_count];
            return 0;
        }
        if (readers->made < readers->limit) {
            readers->made++;
            *ret_txn = NULL;
            return 0;
        }
        if (!readers->wait) {
            return MDB_READERS_FULL;
        }
        (void)pthread_cond_wait(&readers->changed, &readers->lock);
    }
}

static void give_up(struct readers *readers)
{
    HOLD(&readers->lock);
    readers->made--;
    (void)pthread_cond_broadcast(&readers->changed);
}

int readers_take(struct readers *readers, MDB_txn **ret_txn)
{
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    int code = take_idle(readers, &env, &txn);
    if (code != 0) {
        return code;
    }
    code = txn ? mdb_txn_renew(txn) : mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    if (code != 0) {
        mdb_txn_abort(txn);
        give_up(readers);
        return code;
    }
    *ret_txn = txn;
    return 0;
}

void readers_give(struct readers *readers, MDB_txn *txn)
{
    mdb_txn_reset(txn);
    HOLD(&readers->lock);
    readers->idle[readers->idle_count++] = txn;
    if (readers->env) {
        (void)pthread_cond_signal(&readers->changed);
    } else {
        (void)pthread_cond_broadcast(&readers->changed);
    }
}
