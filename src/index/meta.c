/* SPDX-License-Identifier: Apache-2.0
 *
 * The database's life, and its records. Commits are durable: a slot that one of them frees may be
 * written over after it, so it must not come undone by a power cut.
 */
#include "index/meta.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mdb/datafile.h"
#include "mdb/files.h"

#define WHAT "the index"

enum { PATH_ROOM = 4096 };

static int meta_path(const char *directory, char path[PATH_ROOM], struct error *error)
{
    int size = snprintf(path, PATH_ROOM, "%s/meta", directory);
    return size > 0 && size < PATH_ROOM - 16
               ? 0
               : error_set(error, ERROR_MALFORMED, WHAT "'s path is too long");
}

int meta_failed(struct error *error, int code, const char *deed)
{
    return datafile_failed(error, code, WHAT, deed);
}

int meta_damaged(struct error *error)
{
    return error_set(error, ERROR_MALFORMED, WHAT "'s keys are damaged: build it anew");
}

/* The environment of a file that was looked at, or of none. */
static int map(const char *path, uint64_t limit_bytes, uint64_t needed_bytes, struct meta *meta,
               struct error *error)
{
    struct datafile_options options = {.directory = path,
                                       .what = WHAT,
                                       .limit_bytes = limit_bytes,
                                       .needed_bytes = needed_bytes,
                                       .readers = INDEX_READERS_MAX};
    int r = files_reserve_lock(path, WHAT, options.readers + 1, error);
    if (r == 0) {
        r = datafile_map(&options, &meta->env, error);
    }
    if (r < 0) {
        return r;
    }
    MDB_txn *txn = NULL;
    int code = mdb_env_set_flags(meta->env, MDB_NOMETASYNC, 0);
    if (code == 0) {
        code = mdb_txn_begin(meta->env, NULL, 0, &txn);
    }
    if (code == 0) {
        code = mdb_dbi_open(txn, NULL, 0, &meta->dbi);
        if (code == 0) {
            code = mdb_txn_commit(txn);
        } else {
            mdb_txn_abort(txn);
        }
    }
    return code == 0 ? 0 : meta_failed(error, code, "opened");
}

struct survey {
    pages_visit_fn visit;
    void *context;
    uint64_t entries;
};

static int survey_entry(void *context, const void *key, size_t key_size, const uint8_t *value,
                        size_t size)
{
    struct survey *survey = context;
    survey->entries++;
    return survey->visit ? survey->visit(survey->context, key, key_size, value, size) : 0;
}

/* 0, -ENOENT where nothing was committed, or an error. */
static int look_at(const char *path, struct survey *survey, uint64_t *ret_needed,
                   struct error *error)
{
    struct pages_summary summary;
    int r = datafile_survey(path, survey_entry, survey, &summary, error);
    if (r == 0 && survey->entries == 0) {
        r = -ENOENT;
    }
    if (r == 0) {
        *ret_needed = summary.needed_bytes;
    }
    return r;
}

int meta_open(const char *directory, uint64_t limit_bytes, pages_visit_fn visit, void *context,
              struct meta *ret_meta, struct error *error)
{
    char path[PATH_ROOM];
    struct meta made = {.lock_fd = -1};
    struct survey survey = {.visit = visit, .context = context};
    uint64_t needed = 0;
    int r = meta_path(directory, path, error);
    if (r < 0) {
        return r;
    }
    if (access(path, F_OK) < 0) {
        return error_set(error, ERROR_NOT_FOUND, "there is no index in '%.300s'",
                         error_file(directory));
    }
    r = files_lock(path, WHAT, &made.lock_fd, error);
    if (r == 0) {
        r = look_at(path, &survey, &needed, error);
    }
    if (r == -ENOENT) {
        r = error_set(error, ERROR_NOT_FOUND, "there is no index in '%.300s'",
                      error_file(directory));
    }
    if (r == 0) {
        r = map(path, needed > limit_bytes ? needed : limit_bytes, needed, &made, error);
    }
    if (r < 0) {
        meta_close(&made);
        return r;
    }
    *ret_meta = made;
    return 0;
}

static int write_head(const struct meta *meta, const struct record_head *head, struct error *error)
{
    MDB_txn *txn = NULL;
    int code = mdb_txn_begin(meta->env, NULL, 0, &txn);
    if (code != 0) {
        return meta_failed(error, code, "written");
    }
    int r = meta_put_head(meta, txn, head, error);
    if (r < 0) {
        mdb_txn_abort(txn);
        return r;
    }
    code = mdb_txn_commit(txn);
    return code == 0 ? 0 : meta_failed(error, code, "written");
}

int meta_create(const char *directory, const struct record_head *head, struct error *error)
{
    char path[PATH_ROOM];
    struct meta made = {.lock_fd = -1};
    struct survey survey = {.visit = NULL};
    uint64_t needed = 0;
    int r = meta_path(directory, path, error);
    if (r == 0) {
        r = files_lock(path, WHAT, &made.lock_fd, error);
    }
    if (r < 0) {
        return r;
    }
    r = look_at(path, &survey, &needed, error);
    if (r != -ENOENT) {
        meta_close(&made);
        return error_set(error, ERROR_CONFLICT, "there is an index in '%.300s' already",
                         error_file(directory));
    }
    r = files_remove(path, WHAT, error);
    if (r == 0) {
        r = map(path, 64 * MIB, 0, &made, error);
    }
    if (r == 0) {
        r = write_head(&made, head, error);
    }
    if (r == 0 && fsync(made.lock_fd) < 0) {
        r = meta_failed(error, errno, "synced");
    }
    meta_close(&made);
    return r;
}

void meta_close(struct meta *meta)
{
    if (meta->env) {
        mdb_env_close(meta->env);
        meta->env = NULL;
    }
    if (meta->lock_fd >= 0) {
        (void)close(take_fd(&meta->lock_fd));
    }
}

int meta_destroy(const char *directory, struct error *error)
{
    char path[PATH_ROOM];
    cleanup_fd int lock = -1;
    int r = meta_path(directory, path, error);
    if (r < 0 || (access(path, F_OK) < 0 && errno == ENOENT)) {
        return r;
    }
    r = files_lock(path, WHAT, &lock, error);
    if (r == 0) {
        r = files_remove(path, WHAT, error);
    }
    if (r == 0 && rmdir(path) < 0) {
        r = meta_failed(error, errno, "removed");
    }
    return r;
}

int meta_get(const struct meta *meta, MDB_txn *txn, const struct record_key *key,
             MDB_val *ret_value, struct error *error)
{
    struct record_key copy = *key;
    MDB_val name = {.mv_size = copy.size, .mv_data = copy.bytes};
    int code = mdb_get(txn, meta->dbi, &name, ret_value);
    if (code == MDB_NOTFOUND) {
        return -ENOENT;
    }
    return code == 0 ? 0 : meta_failed(error, code, "read");
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
    int code = mdb_put(txn, meta->dbi, &name, &data, 0);
    return code == 0 ? 0 : meta_failed(error, code, "written");
}

int meta_remove(const struct meta *meta, MDB_txn *txn, const struct record_key *key,
                struct error *error)
{
    struct record_key copy = *key;
    MDB_val name = {.mv_size = copy.size, .mv_data = copy.bytes};
    int code = mdb_del(txn, meta->dbi, &name, NULL);
    return code == 0 ? 0 : meta_failed(error, code, "written");
}

int meta_get_head(const struct meta *meta, MDB_txn *txn, struct record_head *ret_head,
                  struct error *error)
{
    struct record_key key;
    MDB_val value;
    record_head_key(&key);
    int r = meta_get(meta, txn, &key, &value, error);
    if (r == -ENOENT ||
        (r == 0 && record_head_decode(value.mv_data, value.mv_size, ret_head) < 0)) {
        return meta_damaged(error);
    }
    return r;
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
    int code = mdb_get(txn, meta->dbi, &name, &value);
    if (code == MDB_NOTFOUND ||
        (code == 0 && record_slot_decode(bytes, sizeof bytes, value.mv_data, value.mv_size, &number,
                                         ret_slot) < 0)) {
        return meta_damaged(error);
    }
    return code == 0 ? 0 : meta_failed(error, code, "read");
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
    MDB_envinfo info;
    MDB_stat stat;
    if (mdb_env_info(meta->env, &info) != 0 || mdb_env_stat(meta->env, &stat) != 0) {
        return 0;
    }
    return (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize;
}
