/* SPDX-License-Identifier: Apache-2.0
 *
 * A table's life and lookups. Opening checks the whole file and every entry in it, so that damage
 * is found before the first lookup. Any thread.
 */
#include "known/known.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/limits.h"
#include "known/known_state.h"

enum { FORMAT = 1, READERS = 254 };

#define LIMIT_DEFAULT (UINT64_C(16) << 30)
#define LIMIT_MIN (UINT64_C(1) << 20)

/* What the check of the file finds. */
struct survey {
    uint64_t objects;
    uint64_t last_group;
    uint32_t format; /* 0: not found */
};

static bool is_word(const struct entry_name_parts *parts, const char *word)
{
    return parts->size == strlen(word) && memcmp(parts->piece, word, parts->size) == 0;
}

static int survey_own(struct survey *survey, const struct entry_name_parts *parts,
                      const uint8_t *bytes, size_t size)
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
    struct entry_name_parts parts;
    const uint8_t *bytes = NULL;
    uint64_t group = 0;
    int r = entry_name_parse(name, name_size, &parts);
    if (r < 0) {
        return r;
    }
    switch (parts.kind) {
    case ENTRY_NAME_OWN:
        r = value_read_raw(name, name_size, value, size, &bytes, &size);
        return r < 0 ? r : survey_own(survey, &parts, bytes, size);
    case ENTRY_NAME_LINK:
        r = value_read_link(name, name_size, value, size, &group);
        break;
    case ENTRY_NAME_OBJECT:
        r = value_read_object(name, name_size, value, size, &object);
        survey->objects++;
        break;
    }
    group = group > parts.group ? group : parts.group;
    survey->last_group = group > survey->last_group ? group : survey->last_group;
    return r;
}

/* 0 where there is a file, or a new one is to be made; ERROR_MALFORMED... */
static int look_at_file(struct datafile *file, struct survey *survey, struct error *error)
{
    struct error why = {.code = ERROR_NONE};
    int r = datafile_survey(file, survey_entry, survey, &why);
    if (r == -EBADMSG) {
        return error_set(error, ERROR_MALFORMED, WHAT " in '%.200s' is damaged: %.200s",
                         file->directory, why.message);
    }
    if (r == -ENOENT) {
        return 0;
    }
    if (r < 0) {
        return error_set(error, why.code, WHAT " cannot be opened: %.300s", why.message);
    }
    if (survey->format != FORMAT) {
        return error_set(error, ERROR_MALFORMED, WHAT " in '%.200s' is of %s format",
                         file->directory, survey->format > FORMAT ? "a newer" : "no");
    }
    return 0;
}

/* Maps the file, which begins with the version where it is new. */
static int map_file(struct datafile *file, uint64_t limit_bytes, struct error *error)
{
    struct entry_name name;
    struct value value;
    uint8_t format[4];
    bytes_put_u32(format, FORMAT);
    entry_name_make_own("version", &name);
    value_make_raw(&name, format, sizeof format, &value);
    const struct datafile_entry version = {
        .name = {.mv_size = name.size, .mv_data = name.bytes},
        .value = {.mv_size = value.size, .mv_data = value.bytes},
    };
    uint64_t limit = limit_bytes == 0 ? LIMIT_DEFAULT : limit_bytes;
    limit = limit < LIMIT_MIN ? LIMIT_MIN : limit;
    limit -= limit % (uint64_t)sysconf(_SC_PAGESIZE);
    return datafile_map(file, limit, &version, error);
}

static int open_all(struct known *known, const char *directory, uint64_t limit_bytes,
                    struct error *error)
{
    const struct datafile_options options = {
        .directory = directory, .what = WHAT, .readers = READERS};
    struct survey survey = {.objects = 0};
    int r = datafile_init(&known->file, &options, error);
    if (r < 0) {
        return r;
    }
    r = datafile_lock(&known->file, error);
    if (r < 0) {
        return r;
    }
    r = look_at_file(&known->file, &survey, error);
    if (r < 0) {
        return r;
    }
    known->next_group = survey.last_group + 1;
    atomic_init(&known->count, survey.objects);
    return map_file(&known->file, limit_bytes, error);
}

int known_open(const char *directory, uint64_t limit_bytes, struct known **ret_known,
               struct error *error)
{
    struct known *known = calloc(1, sizeof *known);
    if (!known) {
        return error_memory(error, WHAT);
    }
    int r = open_all(known, directory, limit_bytes, error);
    if (r < 0) {
        known_close(known);
        return r;
    }
    *ret_known = known;
    return 0;
}

void known_close(struct known *known)
{
    if (known) {
        if (known->file.env) {
            (void)!datafile_sync(&known->file, NULL);
        }
        datafile_done(&known->file);
        free(known);
    }
}

int known_remove(const char *directory, struct error *error)
{
    return datafile_destroy(directory, WHAT, error);
}

int known_damaged(struct error *error)
{
    return error_set(error, ERROR_MALFORMED,
                     WHAT " has been damaged since it was opened: open it anew");
}

/* ---- lookups ---- */

int known_read(struct known *known, MDB_txn **ret_txn, struct error *error)
{
    int code = readers_take(&known->file.readers, ret_txn);
    return code == 0 ? 0 : datafile_failed(&known->file, code, "read", error);
}

/* Follows the links to the object's entry. LMDB's code, which may be MDB_NOTFOUND. */
static int find(struct known *known, MDB_txn *txn, const char *key, struct known_object *ret_object)
{
    uint64_t group = 0;
    for (;;) {
        struct entry_name name;
        bool link = entry_name_make(group, key, &name);
        MDB_val at = {.mv_size = name.size, .mv_data = name.bytes};
        MDB_val value;
        int code = mdb_get(txn, known->file.dbi, &at, &value);
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
        key += ENTRY_NAME_PIECE;
    }
}

/* Ends a read with LMDB's result `code`. That there is no such entry is no fault. */
static int end_read(struct known *known, MDB_txn *txn, int code, struct error *error)
{
    readers_give(&known->file.readers, txn);
    if (code == MDB_CORRUPTED) {
        return known_damaged(error);
    }
    if (code != 0 && code != MDB_NOTFOUND) {
        return datafile_failed(&known->file, code, "read", error);
    }
    return 0;
}

int known_get(struct known *known, const char *key, bool *ret_found,
              struct known_object *ret_object, struct error *error)
{
    MDB_txn *txn = NULL;
    if (key[0] == '\0' || strnlen(key, LIMIT_KEY_BYTES + 1) > LIMIT_KEY_BYTES) {
        *ret_found = false;
        return 0;
    }
    int r = known_read(known, &txn, error);
    if (r < 0) {
        return r;
    }
    int code = find(known, txn, key, ret_object);
    r = end_read(known, txn, code, error);
    if (r == 0) {
        *ret_found = code == 0;
    }
    return r;
}

int known_note(struct known *known, void *note, size_t capacity, size_t *ret_size,
               struct error *error)
{
    struct entry_name name;
    MDB_txn *txn = NULL;
    MDB_val value;
    const uint8_t *bytes = NULL;
    size_t size = 0;
    int r = known_read(known, &txn, error);
    if (r < 0) {
        return r;
    }
    entry_name_make_own("note", &name);
    MDB_val at = {.mv_size = name.size, .mv_data = name.bytes};
    int code = mdb_get(txn, known->file.dbi, &at, &value);
    if (code == 0 &&
        value_read_raw(name.bytes, name.size, value.mv_data, value.mv_size, &bytes, &size) < 0) {
        code = MDB_CORRUPTED;
    }
    size = size < capacity ? size : capacity;
    if (size > 0) {
        memcpy(note, bytes, size);
    }
    r = end_read(known, txn, code, error);
    if (r == 0) {
        *ret_size = size;
    }
    return r;
}

uint64_t known_count(struct known *known)
{
    return atomic_load(&known->count);
}
