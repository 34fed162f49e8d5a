/* SPDX-License-Identifier: Apache-2.0
 *
 * The pool of read transactions. One keeps its slot in LMDB's table while it is idle (reset), so
 * that to take one costs no system call. Called from any thread that looks something up.
 */
#include "cache/lmdb_state.h"

/* Takes an idle transaction, or the right to make one (NULL). False where the map is off. */
static bool take_idle(struct lmdb_map *map, MDB_txn **ret_txn)
{
    HOLD(&map->lock);
    for (;;) {
        if (!map->env || map->exchanging) {
            return false;
        }
        if (map->idle_count > 0) {
            *ret_txn = map->idle[--map->idle_count];
            return true;
        }
        if (map->made < map->options.readers) {
            map->made++;
            *ret_txn = NULL;
            return true;
        }
        (void)pthread_cond_wait(&map->idle_changed, &map->lock);
    }
}

/* Gives the right to a transaction back. */
static void give_up(struct lmdb_map *map)
{
    HOLD(&map->lock);
    map->made--;
    (void)pthread_cond_broadcast(&map->idle_changed);
}

MDB_txn *readers_take(struct lmdb_map *map)
{
    MDB_txn *txn = NULL;
    if (!take_idle(map, &txn)) {
        return NULL;
    }
    /* The environment stays while `made` counts us. */
    if (txn && mdb_txn_renew(txn) != 0) {
        mdb_txn_abort(txn);
        txn = NULL;
        give_up(map);
    } else if (!txn && mdb_txn_begin(map->env, NULL, MDB_RDONLY, &txn) != 0) {
        txn = NULL;
        give_up(map);
    }
    return txn;
}

void readers_give(struct lmdb_map *map, MDB_txn *txn)
{
    mdb_txn_reset(txn);
    HOLD(&map->lock);
    map->idle[map->idle_count++] = txn;
    if (map->exchanging) {
        (void)pthread_cond_broadcast(&map->idle_changed);
    } else {
        (void)pthread_cond_signal(&map->idle_changed);
    }
}

void readers_drop(struct lmdb_map *map)
{
    HOLD(&map->lock);
    while (map->idle_count < map->made) {
        (void)pthread_cond_wait(&map->idle_changed, &map->lock);
    }
    while (map->idle_count > 0) {
        mdb_txn_abort(map->idle[--map->idle_count]);
    }
    map->made = 0;
}
