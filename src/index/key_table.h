/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of keys, in order of their bytes. LMDB's keys have at most 511 bytes, the index's
 * 1,024, so a key is stored in pieces of RECORD_PIECE bytes, like a path: an entry is a piece
 * within a node, the root being node 0; a whole piece may have a child node with the rests of all
 * keys that begin with it. Most keys are one piece. A walk gives the keys in their order.
 *
 * All functions work within a transaction of the caller's. Errors: ERROR_MALFORMED (damaged),
 * ERROR_IO, ERROR_NO_SPACE.
 */
#ifndef SITU_INDEX_KEY_TABLE_H
#define SITU_INDEX_KEY_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "index/meta.h"

enum { KEY_TABLE_DEPTH = (INDEX_KEY_MAX + RECORD_PIECE - 1) / RECORD_PIECE };

struct key {
    const char *bytes;
    size_t size; /* 1 to INDEX_KEY_MAX */
};

/* Checks that it can be a key; reads at most INDEX_KEY_MAX + 1 bytes. */
must_check int key_of(const char *text, struct key *ret_key, struct error *error);

/* 0, or -ENOENT without a message. */
must_check int key_table_find(const struct meta *meta, MDB_txn *txn, const struct key *key,
                              uint32_t *ret_slot, struct error *error);

/* Sets the key's slot; *next_node counts new nodes. */
must_check int key_table_set(const struct meta *meta, MDB_txn *txn, const struct key *key,
                             uint32_t slot, uint64_t *next_node, struct error *error);

/* Removes a key that is there. */
must_check int key_table_unset(const struct meta *meta, MDB_txn *txn, const struct key *key,
                               struct error *error);

struct key_walk {
    const struct meta *meta;
    MDB_cursor *cursor; /* owned */
    struct error *error;
    const char *prefix; /* borrowed, as is `after` */
    const char *after;
    bool started;
    unsigned depth;
    uint64_t nodes[KEY_TABLE_DEPTH];
    struct record_entry entry;                            /* the current one */
    char key[(size_t)KEY_TABLE_DEPTH * RECORD_PIECE + 1]; /* with NUL */
    size_t size;
};

/* Keys that begin with `prefix` and are greater than `after` ("": all). */
must_check int key_walk_open(const struct meta *meta, MDB_txn *txn, const char *prefix,
                             const char *after, struct key_walk *ret_walk, struct error *error);
/* 1 with walk->key and walk->entry.slot, 0 at the end. */
must_check int key_walk_next(struct key_walk *walk, struct error *error);
void key_walk_close(struct key_walk *walk);

#endif
