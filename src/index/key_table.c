/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of key_table.h. A node without entries is removed from its parent.
 */
#include "index/key_table.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

int key_of(const char *text, struct key *ret_key, struct error *error)
{
    size_t size = strnlen(text, INDEX_KEY_MAX + 1);
    if (size == 0) {
        return error_set(error, ERROR_MALFORMED, "an index's key must not be empty");
    }
    if (size > INDEX_KEY_MAX) {
        return error_set(error, ERROR_MALFORMED, "the key is longer than %u bytes: '%.64s...'",
                         INDEX_KEY_MAX, text);
    }
    *ret_key = (struct key){.bytes = text, .size = size};
    return 0;
}

static size_t piece_size(const struct key *key, size_t at)
{
    size_t rest = key->size - at;
    return rest < RECORD_PIECE ? rest : RECORD_PIECE;
}

/* 0, or -ENOENT without a message. */
static int get_entry(const struct meta *meta, MDB_txn *txn, const struct record_key *name,
                     struct record_entry *ret_entry, struct error *error)
{
    MDB_val value;
    int r = meta_get(meta, txn, name, &value, error);
    if (r == 0 &&
        record_entry_decode(name->bytes, name->size, value.mv_data, value.mv_size, ret_entry) < 0) {
        return meta_damaged(error);
    }
    return r;
}

static int put_entry(const struct meta *meta, MDB_txn *txn, const struct record_key *name,
                     const struct record_entry *entry, struct error *error)
{
    struct record_value value;
    record_entry_encode(name, entry, &value);
    return meta_put(meta, txn, name, &value, error);
}

int key_table_find(const struct meta *meta, MDB_txn *txn, const struct key *key, uint32_t *ret_slot,
                   struct error *error)
{
    uint64_t node = 0;
    for (size_t at = 0;; at += RECORD_PIECE) {
        struct record_key name;
        struct record_entry entry = {.slot = NO_SLOT};
        record_entry_key(node, key->bytes + at, piece_size(key, at), &name);
        int r = get_entry(meta, txn, &name, &entry, error);
        if (r < 0) {
            return r;
        }
        bool last = at + RECORD_PIECE >= key->size;
        if (last ? entry.slot == NO_SLOT : entry.child == 0) {
            return -ENOENT;
        }
        if (last) {
            *ret_slot = entry.slot;
            return 0;
        }
        node = entry.child;
    }
}

int key_table_set(const struct meta *meta, MDB_txn *txn, const struct key *key, uint32_t slot,
                  uint64_t *next_node, struct error *error)
{
    uint64_t node = 0;
    for (size_t at = 0;; at += RECORD_PIECE) {
        struct record_key name;
        struct record_entry entry = {.slot = NO_SLOT};
        record_entry_key(node, key->bytes + at, piece_size(key, at), &name);
        int r = get_entry(meta, txn, &name, &entry, error);
        if (r < 0 && r != -ENOENT) {
            return r;
        }
        if (at + RECORD_PIECE >= key->size) {
            entry.slot = slot;
            return put_entry(meta, txn, &name, &entry, error);
        }
        if (entry.child == 0) {
            entry.child = (*next_node)++;
            r = put_entry(meta, txn, &name, &entry, error);
            if (r < 0) {
                return r;
            }
        }
        node = entry.child;
    }
}

/* 1 where the node has an entry, else 0. */
static int has_entries(const struct meta *meta, MDB_txn *txn, uint64_t node, struct error *error)
{
    struct record_key name;
    MDB_cursor *cursor = NULL;
    int code = mdb_cursor_open(txn, meta->file.dbi, &cursor);
    if (code != 0) {
        return meta_failed(meta, code, "read", error);
    }
    record_entry_key(node, "", 0, &name);
    MDB_val found = {.mv_size = name.size, .mv_data = name.bytes};
    MDB_val value;
    code = mdb_cursor_get(cursor, &found, &value, MDB_SET_RANGE);
    bool has =
        code == 0 && found.mv_size > name.size && memcmp(found.mv_data, name.bytes, name.size) == 0;
    mdb_cursor_close(cursor);
    return code == 0 || code == MDB_NOTFOUND ? has : meta_failed(meta, code, "read", error);
}

/* Removes the slot, or the child, from an entry, and the entry itself where nothing is left
 * (*ret_gone). */
static int reduce(const struct meta *meta, MDB_txn *txn, const struct record_key *name, bool child,
                  bool *ret_gone, struct error *error)
{
    struct record_entry entry = {.slot = NO_SLOT};
    int r = get_entry(meta, txn, name, &entry, error);
    if (r < 0) {
        return r == -ENOENT ? meta_damaged(error) : r;
    }
    if (child) {
        entry.child = 0;
    } else {
        entry.slot = NO_SLOT;
    }
    *ret_gone = entry.child == 0 && entry.slot == NO_SLOT;
    return *ret_gone ? meta_remove(meta, txn, name, error)
                     : put_entry(meta, txn, name, &entry, error);
}

int key_table_unset(const struct meta *meta, MDB_txn *txn, const struct key *key,
                    struct error *error)
{
    struct record_key names[KEY_TABLE_DEPTH];
    uint64_t nodes[KEY_TABLE_DEPTH] = {0};
    unsigned depth = 0;
    for (;; depth++) {
        size_t at = (size_t)depth * RECORD_PIECE;
        record_entry_key(nodes[depth], key->bytes + at, piece_size(key, at), &names[depth]);
        if (at + RECORD_PIECE >= key->size) {
            break;
        }
        struct record_entry entry = {.slot = NO_SLOT};
        int r = get_entry(meta, txn, &names[depth], &entry, error);
        if (r < 0 || entry.child == 0) {
            return r < 0 && r != -ENOENT ? r : meta_damaged(error);
        }
        nodes[depth + 1] = entry.child;
    }
    bool gone = false;
    int r = reduce(meta, txn, &names[depth], false, &gone, error);
    while (r == 0 && gone && depth > 0) {
        r = has_entries(meta, txn, nodes[depth], error);
        if (r != 0) {
            return r < 0 ? r : 0;
        }
        depth--;
        r = reduce(meta, txn, &names[depth], true, &gone, error);
    }
    return r;
}

int key_walk_open(const struct meta *meta, MDB_txn *txn, const char *prefix, const char *after,
                  struct key_walk *ret_walk, struct error *error)
{
    *ret_walk = (struct key_walk){.meta = meta, .prefix = prefix, .after = after};
    int code = mdb_cursor_open(txn, meta->file.dbi, &ret_walk->cursor);
    return code == 0 ? 0 : meta_failed(meta, code, "read", error);
}

void key_walk_close(struct key_walk *walk)
{
    if (walk->cursor) {
        mdb_cursor_close(walk->cursor);
        walk->cursor = NULL;
    }
}

/* Moves the cursor; 1 where it is then at an entry of the current node, otherwise 0. */
static int move(struct key_walk *walk, const struct record_key *to, MDB_cursor_op how)
{
    struct record_key copy;
    MDB_val name = {.mv_size = 0};
    MDB_val value;
    if (to) {
        copy = *to;
        name = (MDB_val){.mv_size = copy.size, .mv_data = copy.bytes};
    }
    int code = mdb_cursor_get(walk->cursor, &name, &value, how);
    if (code == MDB_NOTFOUND) {
        return 0;
    }
    if (code != 0) {
        return meta_failed(walk->meta, code, "read", walk->error);
    }
    struct record_key node;
    record_entry_key(walk->nodes[walk->depth], "", 0, &node);
    if (name.mv_size <= node.size || memcmp(name.mv_data, node.bytes, node.size) != 0) {
        return 0;
    }
    if (record_entry_decode(name.mv_data, name.mv_size, value.mv_data, value.mv_size,
                            &walk->entry) < 0) {
        return meta_damaged(walk->error);
    }
    size_t at = (size_t)walk->depth * RECORD_PIECE;
    size_t size = name.mv_size - node.size;
    memcpy(walk->key + at, (const char *)name.mv_data + node.size, size);
    walk->size = at + size;
    walk->key[walk->size] = '\0';
    return 1;
}

static int enter_child(struct key_walk *walk)
{
    if (walk->depth + 1 == KEY_TABLE_DEPTH) {
        return meta_damaged(walk->error);
    }
    walk->nodes[++walk->depth] = walk->entry.child;
    return 0;
}

/* From the end of a node to the entry behind its parent's. */
static int leave_node(struct key_walk *walk)
{
    struct record_key parent;
    walk->depth--;
    record_entry_key(walk->nodes[walk->depth], walk->key + (size_t)walk->depth * RECORD_PIECE,
                     RECORD_PIECE, &parent);
    int r = move(walk, &parent, MDB_SET_KEY);
    if (r < 0) {
        return r;
    }
    return r == 1 ? move(walk, NULL, MDB_NEXT) : meta_damaged(walk->error);
}

static int leave_nodes(struct key_walk *walk)
{
    int r = 0;
    while (r == 0 && walk->depth > 0) {
        r = leave_node(walk);
    }
    return r;
}

static int enter_first(struct key_walk *walk)
{
    struct record_key first;
    int r = enter_child(walk);
    if (r < 0) {
        return r;
    }
    record_entry_key(walk->nodes[walk->depth], "", 0, &first);
    return move(walk, &first, MDB_SET_RANGE);
}

static int advance(struct key_walk *walk)
{
    int r = walk->entry.child != 0 ? enter_first(walk) : move(walk, NULL, MDB_NEXT);
    return r == 0 ? leave_nodes(walk) : r;
}

/* To the first entry from `key` on, or behind it. */
static int seek(struct key_walk *walk, const struct key *key, bool behind)
{
    for (;;) {
        struct record_key name;
        size_t at = (size_t)walk->depth * RECORD_PIECE;
        size_t size = piece_size(key, at);
        record_entry_key(walk->nodes[walk->depth], key->bytes + at, size, &name);
        int r = move(walk, &name, MDB_SET_RANGE);
        if (r <= 0) {
            return r < 0 ? r : leave_nodes(walk);
        }
        if (walk->size != at + size || memcmp(walk->key + at, key->bytes + at, size) != 0) {
            return 1;
        }
        if (at + size == key->size) {
            return behind ? advance(walk) : 1;
        }
        if (walk->entry.child == 0) {
            return advance(walk);
        }
        r = enter_child(walk);
        if (r < 0) {
            return r;
        }
    }
}

static int start(struct key_walk *walk)
{
    struct key prefix = {.bytes = walk->prefix, .size = strnlen(walk->prefix, INDEX_KEY_MAX + 1)};
    /* Behind a text longer than any key is behind its beginning. */
    struct key after = {.bytes = walk->after, .size = strnlen(walk->after, INDEX_KEY_MAX)};
    walk->started = true;
    if (prefix.size > INDEX_KEY_MAX) {
        return 0;
    }
    bool behind = after.size > 0 && strcmp(walk->after, walk->prefix) >= 0;
    return seek(walk, behind ? &after : &prefix, behind);
}

int key_walk_next(struct key_walk *walk, struct error *error)
{
    walk->error = error;
    int r = walk->started ? advance(walk) : start(walk);
    while (r == 1 && walk->entry.slot == NO_SLOT) {
        r = advance(walk);
    }
    if (r == 1 && strncmp(walk->key, walk->prefix, strlen(walk->prefix)) != 0) {
        return 0;
    }
    return r;
}
