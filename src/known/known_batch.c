/* SPDX-License-Identifier: Apache-2.0
 *
 * Batches: changes gather as records in one block of memory and are applied in their order by one
 * transaction. The one writing thread of a table runs it.
 */
#include "known/known.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "known/known_state.h"

enum { ALIGNMENT = 8 };

/* One change; the key with its NUL follows, padded to ALIGNMENT. */
struct change {
    bool remove;
    uint16_t key_size;
    struct known_object object;
};

struct known_batch {
    struct known *known; /* borrowed */
    uint8_t *changes;    /* owned */
    size_t size_bytes;
    size_t capacity;
    size_t count;
};

/* A commit in progress. */
struct writing {
    struct known *known;
    MDB_txn *txn;
    uint64_t next_group;
    int64_t added;
};

int known_batch_new(struct known *known, struct known_batch **ret_batch)
{
    struct known_batch *batch = calloc(1, sizeof *batch);
    if (!batch) {
        return -ENOMEM;
    }
    batch->known = known;
    *ret_batch = batch;
    return 0;
}

void known_batch_free(struct known_batch *batch)
{
    if (batch) {
        free(batch->changes);
        free(batch);
    }
}

size_t known_batch_size(const struct known_batch *batch)
{
    return batch->count;
}

static int append(struct known_batch *batch, const char *key, struct change *change)
{
    size_t key_size = strnlen(key, LIMIT_KEY_BYTES + 1);
    if (key_size == 0 || key_size > LIMIT_KEY_BYTES) {
        return -EINVAL;
    }
    size_t needed = batch->size_bytes + bytes_align(sizeof *change + key_size + 1, ALIGNMENT);
    if (needed > batch->capacity) {
        size_t capacity = needed + needed / 2 + 1024;
        uint8_t *changes = realloc(batch->changes, capacity);
        if (!changes) {
            return -ENOMEM;
        }
        batch->changes = changes;
        batch->capacity = capacity;
    }
    change->key_size = (uint16_t)key_size;
    uint8_t *at = batch->changes + batch->size_bytes;
    memcpy(at, change, sizeof *change);
    memcpy(at + sizeof *change, key, key_size + 1);
    batch->size_bytes = needed;
    batch->count++;
    return 0;
}

int known_batch_put(struct known_batch *batch, const char *key, const struct known_object *object)
{
    struct change change = {.object = *object};
    if (object->state != KNOWN_GOOD && object->state != KNOWN_FAILED) {
        return -EINVAL;
    }
    return append(batch, key, &change);
}

int known_batch_remove(struct known_batch *batch, const char *key)
{
    struct change change = {.remove = true};
    return append(batch, key, &change);
}

/* ---- commit; all return LMDB's code ---- */

static int put_entry(const struct writing *writing, struct entry_name *name, struct value *value,
                     unsigned flags)
{
    MDB_val key = {.mv_size = name->size, .mv_data = name->bytes};
    MDB_val data = {.mv_size = value->size, .mv_data = value->bytes};
    return mdb_put(writing->txn, writing->known->file.dbi, &key, &data, flags);
}

/* The group behind a link. MDB_NOTFOUND where there is no link. */
static int get_link(const struct writing *writing, struct entry_name *name, uint64_t *ret_group)
{
    MDB_val key = {.mv_size = name->size, .mv_data = name->bytes};
    MDB_val data;
    int code = mdb_get(writing->txn, writing->known->file.dbi, &key, &data);
    if (code != 0) {
        return code;
    }
    return value_read_link(name->bytes, name->size, data.mv_data, data.mv_size, ret_group) < 0
               ? MDB_CORRUPTED
               : 0;
}

static int apply_put(struct writing *writing, const char *key, const struct known_object *object)
{
    struct entry_name name;
    struct value value;
    uint64_t group = 0;
    while (entry_name_make(group, key, &name)) {
        int code = get_link(writing, &name, &group);
        if (code == MDB_NOTFOUND) {
            group = writing->next_group++;
            value_make_link(&name, group, &value);
            code = put_entry(writing, &name, &value, 0);
        }
        if (code != 0) {
            return code;
        }
        key += ENTRY_NAME_PIECE;
    }
    if (value_make_object(&name, object, &value) < 0) {
        return EINVAL;
    }
    int code = put_entry(writing, &name, &value, MDB_NOOVERWRITE);
    if (code == MDB_KEYEXIST) {
        return put_entry(writing, &name, &value, 0);
    }
    writing->added += code == 0;
    return code;
}

static int group_is_empty(MDB_cursor *cursor, uint64_t group, bool *ret_empty)
{
    struct entry_name head;
    size_t size = entry_name_make_group(group, &head);
    MDB_val key = {.mv_size = size, .mv_data = head.bytes};
    MDB_val data;
    int code = mdb_cursor_get(cursor, &key, &data, MDB_SET_RANGE);
    *ret_empty = code != 0 || key.mv_size < size || memcmp(key.mv_data, head.bytes, size) != 0;
    return code == MDB_NOTFOUND ? 0 : code;
}

static int remove_entry(const struct writing *writing, struct entry_name *name)
{
    MDB_val key = {.mv_size = name->size, .mv_data = name->bytes};
    return mdb_del(writing->txn, writing->known->file.dbi, &key, NULL);
}

/* Removes the links whose groups have become empty, the deepest first. */
static int remove_links(const struct writing *writing, struct entry_name *names,
                        const uint64_t *groups, size_t depth)
{
    MDB_cursor *cursor = NULL;
    bool empty = true;
    int code = mdb_cursor_open(writing->txn, writing->known->file.dbi, &cursor);
    if (code != 0) {
        return code;
    }
    for (size_t i = depth; code == 0 && empty && i > 0; i--) {
        code = group_is_empty(cursor, groups[i - 1], &empty);
        if (code == 0 && empty) {
            code = remove_entry(writing, &names[i - 1]);
        }
    }
    mdb_cursor_close(cursor);
    return code;
}

static int apply_remove(struct writing *writing, const char *key)
{
    struct entry_name names[ENTRY_NAME_LEVELS];
    uint64_t groups[ENTRY_NAME_LEVELS];
    uint64_t group = 0;
    size_t depth = 0;
    while (entry_name_make(group, key, &names[depth])) {
        int code = get_link(writing, &names[depth], &group);
        if (code != 0) {
            return code == MDB_NOTFOUND ? 0 : code;
        }
        groups[depth++] = group;
        key += ENTRY_NAME_PIECE;
    }
    int code = remove_entry(writing, &names[depth]);
    if (code != 0) {
        return code == MDB_NOTFOUND ? 0 : code;
    }
    writing->added--;
    return depth > 0 ? remove_links(writing, names, groups, depth) : 0;
}

static int apply(struct writing *writing, const struct known_batch *batch)
{
    const uint8_t *at = batch->changes;
    int code = 0;
    for (size_t i = 0; code == 0 && i < batch->count; i++) {
        struct change change;
        memcpy(&change, at, sizeof change);
        const char *key = (const char *)at + sizeof change;
        code = change.remove ? apply_remove(writing, key) : apply_put(writing, key, &change.object);
        at += bytes_align(sizeof change + change.key_size + 1, ALIGNMENT);
    }
    return code;
}

static int put_note(const struct writing *writing, const void *note, size_t size)
{
    struct entry_name name;
    struct value value;
    entry_name_make_own("note", &name);
    value_make_raw(&name, note, size, &value);
    return put_entry(writing, &name, &value, 0);
}

int known_batch_commit(struct known_batch *batch, const void *note, size_t note_size,
                       struct error *error)
{
    struct known *known = batch->known;
    struct writing writing = {.known = known, .next_group = known->next_group};
    if (note_size > VALUE_NOTE_MAX) {
        return error_set(error, ERROR_TOO_LARGE, "a note of more than 256 bytes");
    }
    if (batch->count == 0 && !note) {
        return 0;
    }
    int code = mdb_txn_begin(known->file.env, NULL, 0, &writing.txn);
    if (code == 0) {
        code = apply(&writing, batch);
        if (code == 0 && note) {
            code = put_note(&writing, note, note_size);
        }
        if (code == 0) {
            code = mdb_txn_commit(writing.txn);
        } else {
            mdb_txn_abort(writing.txn);
        }
    }
    if (code == MDB_CORRUPTED) {
        return known_damaged(error);
    }
    if (code == EIO && datafile_disk_is_full(&known->file)) {
        code = ENOSPC;
    }
    if (code != 0) {
        return datafile_failed(&known->file, code, "written", error);
    }
    known->next_group = writing.next_group;
    (void)atomic_fetch_add(&known->count, (uint64_t)writing.added);
    batch->size_bytes = 0;
    batch->count = 0;
    return 0;
}
