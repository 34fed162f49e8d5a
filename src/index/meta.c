/* SPDX-License-Identifier: Apache-2.0
 *
 * The database's life, and its records. Commits are durable: a slot that a commit frees may be
 * overwritten after it, so no power cut may undo the commit.
 */
#include "index/meta.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WHAT "the index"

enum { PATH_ROOM = 4096 };

static int meta_path(const char *directory, char path[PATH_ROOM], struct error *error)
{
    int size = snprintf(path, PATH_ROOM, "%s/meta", directory);
    return size > 0 && size < PATH_ROOM - 16
               ? 0
               : error_set(error, ERROR_MALFORMED, WHAT "'s path is too long");
}

int meta_failed(const struct meta *meta, int code, const char *deed, struct error *error)
{
    return datafile_failed(&meta->file, code, deed, error);
}

int meta_damaged(struct error *error)
{
    return error_set(error, ERROR_MALFORMED, WHAT "'s keys are damaged: build it anew");
}

static int init(const char *directory, struct meta *meta, struct error *error)
{
    char path[PATH_ROOM];
    const struct datafile_options options = {
        .directory = path, .what = WHAT, .readers = INDEX_READERS_MAX, .durable = true};
    int r = meta_path(directory, path, error);
    return r == 0 ? datafile_init(&meta->file, &options, error) : r;
}

static int not_there(const char *directory, struct error *error)
{
    return error_set(error, ERROR_NOT_FOUND, "there is no index in '%.300s'",
                     error_file(directory));
}

int meta_open(const char *directory, uint64_t limit_bytes, pages_visit_fn visit, void *context,
              struct meta *meta, struct error *error)
{
    int r = init(directory, meta, error);
    if (r < 0) {
        return r;
    }
    if (access(meta->file.directory, F_OK) < 0) {
        return not_there(directory, error);
    }
    r = datafile_lock(&meta->file, error);
    if (r < 0) {
        return r;
    }
    r = datafile_survey(&meta->file, visit, context, error);
    if (r < 0) {
        return r == -ENOENT ? not_there(directory, error) : r;
    }
    return datafile_map(&meta->file, limit_bytes, NULL, error);
}

static int visit_nothing(void *context, const void *key, size_t key_size, const uint8_t *value,
                         size_t size)
{
    (void)context;
    (void)key;
    (void)key_size;
    (void)value;
    (void)size;
    return 0;
}

static int create(const char *directory, const struct record_head *head, struct meta *meta,
                  struct error *error)
{
    struct record_key key;
    struct record_value value;
    int r = init(directory, meta, error);
    if (r < 0) {
        return r;
    }
    r = datafile_lock(&meta->file, error);
    if (r < 0) {
        return r;
    }
    if (datafile_survey(&meta->file, visit_nothing, NULL, error) != -ENOENT) {
        return error_set(error, ERROR_CONFLICT, "there is an index in '%.300s' already",
                         error_file(directory));
    }
    record_head_key(&key);
    record_head_encode(head, &value);
    const struct datafile_entry first = {
        .name = {.mv_size = key.size, .mv_data = key.bytes},
        .value = {.mv_size = value.size, .mv_data = value.bytes},
    };
    r = datafile_map(&meta->file, 64 * MIB, &first, error);
    if (r < 0) {
        return r;
    }
    return fsync(meta->file.lock_fd) < 0 ? meta_failed(meta, errno, "synced", error) : 0;
}

int meta_create(const char *directory, const struct record_head *head, struct error *error)
{
    struct meta meta = {.file = {.env = NULL}};
    int r = create(directory, head, &meta, error);
    meta_close(&meta);
    return r;
}

void meta_close(struct meta *meta)
{
    datafile_done(&meta->file);
}

int meta_destroy(const char *directory, struct error *error)
{
    char path[PATH_ROOM];
    int r = meta_path(directory, path, error);
    return r == 0 ? datafile_destroy(path, WHAT, error) : r;
}

int meta_get(const struct meta *meta, MDB_txn *txn, const struct record_key *key,
             MDB_val *ret_value, struct error *error)
{
    struct record_key copy = *key;
    MDB_val name = {.mv_size = copy.size, .mv_data = copy.bytes};
    int code = mdb_get(txn, meta->file.dbi, &name, ret_value);
    if (code == MDB_NOTFOUND) {
        return -ENOENT;
    }
    return code == 0 ? 0 : meta_failed(meta, code, "read", error);
}

int meta_put(const struct meta *meta, MDB_txn *txn, const struct record_key *key,
             const struct record_value *value, struct error *error)
{
    union {
        const uint8_t *from;
        void *data;
    } name_bytes = {.from = key->bytes}, value_bytes = {.from = value->bytes};
    MDB_val name = {.mv_size = key->size, .mv_data = name_bytes.data};
    MDB_val data = {.mv_size = value->size, .mv_data = value_bytes.data};
    int code = mdb_put(txn, meta->file.dbi, &name, &data, 0);
    return code == 0 ? 0 : meta_failed(meta, code, "written", error);
}

int meta_remove(const struct meta *meta, MDB_txn *txn, const struct record_key *key,
                struct error *error)
{
    struct record_key copy = *key;
    MDB_val name = {.mv_size = copy.size, .mv_data = copy.bytes};
    int code = mdb_del(txn, meta->file.dbi, &name, NULL);
    return code == 0 ? 0 : meta_failed(meta, code, "written", error);
}

int meta_get_head(const struct meta *meta, MDB_txn *txn, struct record_head *ret_head,
                  struct error *error)
{
    struct record_key key;
    MDB_val value;
    record_head_key(&key);
    int r = meta_get(meta, txn, &key, &value, error);
    if (r < 0 && r != -ENOENT) {
        return r;
    }
    return r < 0 || record_head_decode(value.mv_data, value.mv_size, ret_head) < 0
               ? meta_damaged(error)
               : 0;
}

int meta_put_head(const struct meta *meta, MDB_txn *txn, const struct record_head *head,
                  struct error *error)
{
    struct record_key key;
    struct record_value value;
    record_head_key(&key);
    record_head_encode(head, &value);
    return meta_put(meta, txn, &key, &value, error);
}

int meta_get_slot(const struct meta *meta, MDB_txn *txn, uint32_t slot,
                  struct record_slot *ret_slot, struct error *error)
{
    uint8_t bytes[1 + sizeof slot];
    uint32_t big = htobe32(slot);
    bytes[0] = RECORD_SPACE_SLOT;
    memcpy(bytes + 1, &big, sizeof big);
    MDB_val name = {.mv_size = sizeof bytes, .mv_data = bytes};
    MDB_val value;
    uint32_t number;
    int code = mdb_get(txn, meta->file.dbi, &name, &value);
    if (code != 0 && code != MDB_NOTFOUND) {
        return meta_failed(meta, code, "read", error);
    }
    return code == MDB_NOTFOUND || record_slot_decode(bytes, sizeof bytes, value.mv_data,
                                                      value.mv_size, &number, ret_slot) < 0
               ? meta_damaged(error)
               : 0;
}

int meta_put_slot(const struct meta *meta, MDB_txn *txn, uint32_t slot,
                  const struct record_slot *record, struct error *error)
{
    struct record_key key;
    struct record_value value;
    record_slot_key(slot, &key);
    record_slot_encode(&key, record, &value);
    return meta_put(meta, txn, &key, &value, error);
}

uint64_t meta_used_bytes(const struct meta *meta)
{
    return datafile_size(&meta->file).file_bytes;
}
