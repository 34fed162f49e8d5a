/* SPDX-License-Identifier: Apache-2.0
 *
 * The environment's life: check, open, close, set aside. Runs in cache_open and then in the
 * writer thread only.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "cache/lmdb_state.h"
#include "cache/record.h"
#include "mdb/datafile.h"
#include "mdb/files.h"

#define WHAT "the result cache"

/* What the check of a file finds. */
struct survey {
    struct lmdb_map *map;
    uint64_t entries; /* of any kind */
    uint64_t content_entries;
    uint64_t answer_entries;
    uint64_t damaged;
    uint32_t format; /* 0: not found */
};

void map_report(const struct lmdb_map *map, enum cache_event event, const char *format, ...)
{
    if (map->options.report) {
        char message[ERROR_MESSAGE_SIZE];
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(message, sizeof message, format, arguments);
        va_end(arguments);
        map->options.report(map->options.report_context, event, message);
    }
}

uint64_t map_cost(const struct lmdb_map *map, size_t key_size, size_t record_size)
{
    uint64_t pages = pages_overflow_bytes(map->page_size, key_size, record_size);
    uint64_t node = 10 + key_size + (pages > 0 ? 8 : record_size);
    return pages + node * 5 / 3;
}

uint64_t map_capacity(const struct lmdb_map *map)
{
    return map->limit_bytes / 20 * 17;
}

static int survey_entry(void *context, const void *key, size_t key_size, const uint8_t *value,
                        size_t size)
{
    struct survey *survey = context;
    struct lmdb_map *map = survey->map;
    struct record record;
    const uint8_t *space = key;
    survey->entries++;
    if (record_open(key, key_size, value, size, &record) < 0) {
        survey->damaged++;
        uses_add(&map->account.uses, 0, map_cost(map, key_size, size));
        return 0;
    }
    if (key_size == sizeof VERSION_KEY - 1 && memcmp(key, VERSION_KEY, key_size) == 0) {
        survey->format = record.size == 4 ? bytes_get_u32(record.payload) : UINT32_MAX;
        return 0;
    }
    survey->content_entries += *space == MAP_CONTENT;
    survey->answer_entries += *space == MAP_ANSWER;
    uses_advance(&map->account.uses, record.generation);
    uses_add(&map->account.uses, record.generation, map_cost(map, key_size, size));
    return 0;
}

/* Looks at the file that is there. 0 and the bytes that it must have; -ENOENT: there is none, or a
 * smaller limit wants a new one; -EBADMSG: damaged, or not ours; others: cannot be used now. */
static int survey_file(struct lmdb_map *map, uint64_t *ret_needed_bytes, struct error *error)
{
    struct survey survey = {.map = map};
    struct pages_summary summary;
    int r = datafile_survey(map->directory, survey_entry, &survey, &summary, error);
    if (r < 0) {
        return r;
    }
    if (survey.entries == 0) {
        return -ENOENT; /* ended between making the file and its first commit */
    }
    if (survey.format != FORMAT) {
        (void)error_set(error, ERROR_IO,
                        survey.format > FORMAT ? "the data file is of a newer format"
                                               : "the data file has no version");
        return -EBADMSG;
    }
    if (summary.needed_bytes > map->limit_bytes) {
        map_report(map, CACHE_EVENT_CLEARED,
                   "the result cache is begun afresh: its limit was lowered");
        return files_remove(map->directory, WHAT, error) < 0 ? -EIO : -ENOENT;
    }
    *ret_needed_bytes = summary.needed_bytes;
    map->account.content_entries = survey.content_entries;
    map->account.answer_entries = survey.answer_entries;
    add_to(&map->damaged, survey.damaged);
    return 0;
}

static int put_version(MDB_txn *txn, MDB_dbi dbi)
{
    uint8_t record[RECORD_HEAD + 4];
    char name[] = VERSION_KEY;
    bytes_put_u32(record + RECORD_HEAD, FORMAT);
    record_seal(name, sizeof name - 1, 0, record, 4);
    MDB_val key = {.mv_size = sizeof name - 1, .mv_data = name};
    MDB_val value = {.mv_size = sizeof record, .mv_data = record};
    return mdb_put(txn, dbi, &key, &value, 0);
}

/* The handle of the one database, and its version where the file is new. */
static int open_database(MDB_env *env, bool is_new, MDB_dbi *ret_dbi)
{
    MDB_txn *txn = NULL;
    int code = mdb_txn_begin(env, NULL, 0, &txn);
    if (code != 0) {
        return code;
    }
    code = mdb_dbi_open(txn, NULL, 0, ret_dbi);
    if (code == 0 && is_new) {
        code = put_version(txn, *ret_dbi);
    }
    if (code != 0) {
        mdb_txn_abort(txn);
        return code;
    }
    return mdb_txn_commit(txn);
}

static int map_file(struct lmdb_map *map, uint64_t needed_bytes, struct error *error)
{
    MDB_env *env = NULL;
    MDB_dbi dbi = 0;
    const struct datafile_options options = {
        .directory = map->directory,
        .what = WHAT,
        .limit_bytes = map->limit_bytes,
        .needed_bytes = needed_bytes,
        .readers = map->options.readers,
    };
    int r = datafile_map(&options, &env, error);
    if (r < 0) {
        return r;
    }
    int code = open_database(env, needed_bytes == 0, &dbi);
    if (code != 0) {
        mdb_env_close(env);
        return datafile_failed(error, code, WHAT, "opened");
    }
    HOLD(&map->lock);
    map->env = env;
    map->dbi = dbi;
    map->exchanging = false;
    return 0;
}

void environment_set_aside(struct lmdb_map *map, const char *why)
{
    struct error error = {.code = ERROR_NONE};
    if (files_set_aside(map->directory, WHAT, &error) < 0) {
        map_report(map, CACHE_EVENT_OFF, "%s", error.message);
        return;
    }
    add_to(&map->set_aside, 1);
    map_report(map, CACHE_EVENT_SET_ASIDE, "the result cache is set aside: %.400s", why);
}

int environment_open(struct lmdb_map *map, bool afresh, struct error *error)
{
    struct error why = {.code = ERROR_NONE};
    uint64_t needed_bytes = 0;
    memset(&map->account, 0, sizeof map->account);
    uses_init(&map->account.uses, map_capacity(map), 1);

    cleanup_fd int lock = -1;
    int r = files_lock(map->directory, WHAT, &lock, error);
    if (r == 0 && afresh) {
        r = files_remove(map->directory, WHAT, error);
    }
    if (r < 0) {
        return r;
    }
    r = survey_file(map, &needed_bytes, &why);
    if (r == -EBADMSG) {
        environment_set_aside(map, why.message);
        memset(&map->account, 0, sizeof map->account);
        uses_init(&map->account.uses, map_capacity(map), 1);
        (void)close(take_fd(&lock));
        r = files_lock(map->directory, WHAT, &lock, error);
        if (r < 0) {
            return r;
        }
        r = -ENOENT;
    }
    bool is_new = r == -ENOENT;
    if (!is_new && r < 0) {
        return error_set(error, why.code, "%s", why.message);
    }
    r = is_new ? files_remove(map->directory, WHAT, error) : 0;
    if (r == 0) {
        r = files_reserve_lock(map->directory, WHAT, map->options.readers + 1, error);
    }
    if (r == 0) {
        r = map_file(map, needed_bytes, error);
    }
    if (r < 0) {
        return r;
    }
    map->directory_fd = take_fd(&lock);
    atomic_store(&map->broken, false);
    atomic_store(&map->generation, map->account.uses.current);
    return 0;
}

void environment_close(struct lmdb_map *map)
{
    {
        HOLD(&map->lock);
        map->exchanging = true;
    }
    readers_drop(map);
    HOLD(&map->lock);
    if (map->env) {
        mdb_env_close(map->env);
        map->env = NULL;
    }
    if (map->directory_fd >= 0) {
        (void)close(take_fd(&map->directory_fd));
    }
}
