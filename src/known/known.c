/* SPDX-License-Identifier: Apache-2.0
 *
 * A table's life and lookups. At the start the whole file is looked at, and every entry in it:
 * damage is found before anything is answered. Any thread.
 */
#include "known/known.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "known/state.h"
#include "mdb/datafile.h"
#include "mdb/files.h"

enum { FORMAT = 1 };

#define LIMIT_DEFAULT (UINT64_C(16) << 30)
#define LIMIT_MIN (UINT64_C(1) << 20)

/* What the look at the file finds. */
struct survey {
    uint64_t entries; /* of any kind */
    uint64_t objects;
    uint64_t last_group;
    uint32_t format; /* 0: not found */
};

static bool is_word(const struct name_parts *parts, const char *word)
{
    return parts->size == strlen(word) && memcmp(parts->piece, word, parts->size) == 0;
}

static int survey_own(struct survey *survey, const struct name_parts *parts, const uint8_t *bytes,
                      size_t size)
{
    if (is_word(parts, "version")) {
        survey->format = size == sizeof survey->format ? bytes_get_u32(bytes) : UINT32_MAX;
        return 0;
    }
    return is_word(parts, "note") ? 0 : -EBADMSG;
}

static int survey_entry(void *context, const void *name, size_t name_size, const uint8_t *value,
                        size_t size)
{
    struct survey *survey = context;
    struct known_object object;
    struct name_parts parts;
    const uint8_t *bytes = NULL;
    uint64_t group = 0;
    int r = name_parse(name, name_size, &parts);
    survey->entries++;
    if (r < 0) {
        return r;
    }
    switch (parts.kind) {
    case NAME_OWN:
        r = value_read_raw(name, name_size, value, size, &bytes, &size);
        return r < 0 ? r : survey_own(survey, &parts, bytes, size);
    case NAME_LINK:
        r = value_read_link(name, name_size, value, size, &group);
        break;
    case NAME_OBJECT:
        r = value_read_object(name, name_size, value, size, &object);
        survey->objects++;
        break;
    }
    group = group > parts.group ? group : parts.group;
    survey->last_group = group > survey->last_group ? group : survey->last_group;
    return r;
}

/* 0 and the bytes that the file must have, 0 where it is to be made; ERROR_MALFORMED... */
static int look_at_file(const char *directory, struct survey *survey, uint64_t *ret_needed_bytes,
                        struct error *error)
{
    struct pages_summary summary;
    struct error why = {.code = ERROR_NONE};
    int r = datafile_survey(directory, survey_entry, survey, &summary, &why);
    if (r == -EBADMSG) {
        return error_set(error, ERROR_MALFORMED, WHAT " in '%.200s' is damaged: %.200s", directory,
                         why.code == ERROR_NONE ? "an entry's checksum" : why.message);
    }
    if (r == -ENOENT || (r == 0 && survey->entries == 0)) {
        *ret_needed_bytes = 0;
        return 0;
    }
    if (r < 0) {
        return error_set(error, why.code, WHAT " cannot be opened: %.300s", why.message);
    }
    if (survey->format != FORMAT) {
        return error_set(error, ERROR_MALFORMED, WHAT " in '%.200s' is of %s format", directory,
                         survey->format > FORMAT ? "a newer" : "no");
    }
    *ret_needed_bytes = summary.needed_bytes;
    return 0;
}

static int put_version(MDB_txn *txn, MDB_dbi dbi)
{
    struct name name;
    struct value value;
    uint8_t format[4];
    bytes_put_u32(format, FORMAT);
    name_make_own("version", &name);
    value_make_raw(&name, format, sizeof format, &value);
    MDB_val key = {.mv_size = name.size, .mv_data = name.bytes};
    MDB_val data = {.mv_size = value.size, .mv_data = value.bytes};
    return mdb_put(txn, dbi, &key, &data, 0);
}

static int open_database(struct known *known, bool is_new)
{
    MDB_txn *txn = NULL;
    int code = mdb_txn_begin(known->env, NULL, 0, &txn);
    if (code != 0) {
        return code;
    }
    code = mdb_dbi_open(txn, NULL, 0, &known->dbi);
    if (code == 0 && is_new) {
        code = put_version(txn, known->dbi);
    }
    if (code != 0) {
        mdb_txn_abort(txn);
        return code;
    }
    return mdb_txn_commit(txn);
}

/* The file, checked and mapped, into a table that has its lock. */
static int open_file(struct known *known, const char *directory, uint64_t limit_bytes,
                     struct error *error)
{
    struct survey survey = {.entries = 0};
    uint64_t needed = 0;
    uint64_t limit = limit_bytes == 0 ? LIMIT_DEFAULT : limit_bytes;
    int r = look_at_file(directory, &survey, &needed, error);
    if (r == 0 && needed == 0) {
        r = files_remove(directory, WHAT, error);
    }
    if (r == 0) {
        r = files_reserve_lock(directory, WHAT, READERS + 1, error);
    }
    if (r < 0) {
        return r;
    }
    limit = limit < LIMIT_MIN ? LIMIT_MIN : limit;
    limit -= limit % (uint64_t)sysconf(_SC_PAGESIZE);
    const struct datafile_options options = {
        .directory = directory,
        .what = WHAT,
        .limit_bytes = limit < needed ? needed : limit,
        .needed_bytes = needed,
        .readers = READERS,
    };
    r = datafile_map(&options, &known->env, error);
    if (r < 0) {
        return r;
    }
    int code = open_database(known, needed == 0);
    if (code != 0) {
        return datafile_failed(error, code, WHAT, "opened");
    }
    known->next_group = survey.last_group + 1;
    atomic_init(&known->count, survey.objects);
    return 0;
}

int known_open(const char *directory, uint64_t limit_bytes, struct known **ret_known,
               struct error *error)
{
    struct known *known = calloc(1, sizeof *known);
    if (!known) {
        return error_memory(error, WHAT);
    }
    known->directory_fd = -1;
    (void)pthread_mutex_init(&known->lock, NULL);
    int r = files_lock(directory, WHAT, &known->directory_fd, error);
    if (r == 0) {
        r = open_file(known, directory, limit_bytes, error);
    }
    if (r < 0) {
        known_close(known);
        return r;
    }
    *ret_known = known;
    return 0;
}

void known_close(struct known *known)
{
    if (!known) {
        return;
    }
    while (known->idle_count > 0) {
        mdb_txn_abort(known->idle[--known->idle_count]);
    }
    if (known->env) {
        (void)mdb_env_sync(known->env, 1);
        mdb_env_close(known->env);
    }
    if (known->directory_fd >= 0) {
        (void)close(known->directory_fd);
    }
    (void)pthread_mutex_destroy(&known->lock);
    free(known);
}

int known_sync(struct known *known, struct error *error)
{
    int code = mdb_env_sync(known->env, 1);
    return code == 0 ? 0 : datafile_failed(error, code, WHAT, "synced");
}

int known_remove(const char *directory, struct error *error)
{
    if (access(directory, F_OK) < 0 && errno == ENOENT) {
        return 0;
    }
    cleanup_fd int lock = -1;
    int r = files_lock(directory, WHAT, &lock, error);
    if (r == 0) {
        r = files_remove(directory, WHAT, error);
    }
    if (r == 0 && rmdir(directory) < 0 && errno != ENOENT) {
        return datafile_failed(error, errno, WHAT, "removed");
    }
    return r;
}

int known_damaged(struct error *error)
{
    return error_set(error, ERROR_MALFORMED,
                     WHAT " has been damaged since it was opened: open it anew");
}

/* ---- lookups ---- */

static MDB_txn *take_idle(struct known *known)
{
    HOLD(&known->lock);
    return known->idle_count > 0 ? known->idle[--known->idle_count] : NULL;
}

int known_reader_take(struct known *known, MDB_txn **ret_txn, struct error *error)
{
    MDB_txn *txn = take_idle(known);
    int code = txn ? mdb_txn_renew(txn) : mdb_txn_begin(known->env, NULL, MDB_RDONLY, &txn);
    if (code != 0) {
        mdb_txn_abort(txn);
        return datafile_failed(error, code, WHAT, "read");
    }
    *ret_txn = txn;
    return 0;
}

void known_reader_give(struct known *known, MDB_txn *txn)
{
    mdb_txn_reset(txn);
    {
        HOLD(&known->lock);
        if (known->idle_count < IDLE_READERS) {
            known->idle[known->idle_count++] = take_ptr(txn);
        }
    }
    mdb_txn_abort(txn);
}

/* Follows the links to the entry that is the object's. LMDB's code, MDB_NOTFOUND among them. */
static int find(struct known *known, MDB_txn *txn, const char *key, struct known_object *ret_object)
{
    uint64_t group = 0;
    for (;;) {
        struct name name;
        bool link = name_make(group, key, &name);
        MDB_val at = {.mv_size = name.size, .mv_data = name.bytes};
        MDB_val value;
        int code = mdb_get(txn, known->dbi, &at, &value);
        if (code != 0) {
            return code;
        }
        if (!link) {
            return value_read_object(name.bytes, name.size, value.mv_data, value.mv_size,
                                     ret_object) < 0
                       ? MDB_CORRUPTED
                       : 0;
        }
        if (value_read_link(name.bytes, name.size, value.mv_data, value.mv_size, &group) < 0) {
            return MDB_CORRUPTED;
        }
        key += NAME_PIECE;
    }
}

int known_get(struct known *known, const char *key, bool *ret_found,
              struct known_object *ret_object, struct error *error)
{
    MDB_txn *txn = NULL;
    if (key[0] == '\0' || strnlen(key, LIMIT_KEY_BYTES + 1) > LIMIT_KEY_BYTES) {
        *ret_found = false;
        return 0;
    }
    int r = known_reader_take(known, &txn, error);
    if (r < 0) {
        return r;
    }
    int code = find(known, txn, key, ret_object);
    known_reader_give(known, txn);
    if (code == MDB_CORRUPTED) {
        return known_damaged(error);
    }
    if (code != 0 && code != MDB_NOTFOUND) {
        return datafile_failed(error, code, WHAT, "read");
    }
    *ret_found = code == 0;
    return 0;
}

int known_note(struct known *known, void *note, size_t capacity, size_t *ret_size,
               struct error *error)
{
    struct name name;
    MDB_txn *txn = NULL;
    MDB_val value;
    const uint8_t *bytes = NULL;
    size_t size = 0;
    int r = known_reader_take(known, &txn, error);
    if (r < 0) {
        return r;
    }
    name_make_own("note", &name);
    MDB_val at = {.mv_size = name.size, .mv_data = name.bytes};
    int code = mdb_get(txn, known->dbi, &at, &value);
    if (code == 0) {
        r = value_read_raw(name.bytes, name.size, value.mv_data, value.mv_size, &bytes, &size);
    }
    if (code == 0 && r == 0 && size > 0) {
        memcpy(note, bytes, size < capacity ? size : capacity);
    }
    known_reader_give(known, txn);
    if (r < 0) {
        return known_damaged(error);
    }
    if (code != 0 && code != MDB_NOTFOUND) {
        return datafile_failed(error, code, WHAT, "read");
    }
    *ret_size = size < capacity ? size : capacity;
    return 0;
}

uint64_t known_count(struct known *known)
{
    return atomic_load(&known->count);
}
