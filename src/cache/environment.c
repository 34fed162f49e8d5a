/* SPDX-License-Identifier: Apache-2.0
 *
 * Checking, opening and setting aside the file. Runs in cache_open, then in the writer thread only.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "cache/lmdb_state.h"
#include "cache/record.h"

/* What the check of a file finds. */
struct survey {
    struct lmdb_map *map;
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

static void reset_account(struct lmdb_map *map)
{
    memset(&map->account, 0, sizeof map->account);
    uses_init(&map->account.uses, map_capacity(map), 1);
}

/* Looks at the file that is there. 0: it can be used; -ENOENT: a new one is to be made, since there
 * is none or it is above a limit that was lowered; -EBADMSG: damaged, or not ours; others: cannot
 * be used now. */
static int survey_file(struct lmdb_map *map, struct error *error)
{
    struct survey survey = {.map = map};
    reset_account(map);
    int r = datafile_survey(&map->file, survey_entry, &survey, error);
    if (r < 0) {
        return r;
    }
    if (survey.format != FORMAT) {
        (void)error_set(error, ERROR_IO,
                        survey.format > FORMAT ? "the data file is of a newer format"
                                               : "the data file has no version");
        return -EBADMSG;
    }
    if (map->file.needed_bytes > map->limit_bytes) {
        map_report(map, CACHE_EVENT_CLEARED,
                   "the result cache is begun afresh: its limit was lowered");
        return datafile_clear(&map->file, error) < 0 ? -EIO : -ENOENT;
    }
    map->account.content_entries = survey.content_entries;
    map->account.answer_entries = survey.answer_entries;
    add_to(&map->damaged, survey.damaged);
    return 0;
}

/* Maps the file, which begins with the version where it is new. */
static int map_file(struct lmdb_map *map, struct error *error)
{
    char name[] = VERSION_KEY;
    uint8_t record[RECORD_HEAD + 4];
    bytes_put_u32(record + RECORD_HEAD, FORMAT);
    record_seal(name, sizeof name - 1, 0, record, 4);
    const struct datafile_entry version = {
        .name = {.mv_size = sizeof name - 1, .mv_data = name},
        .value = {.mv_size = sizeof record, .mv_data = record},
    };
    return datafile_map(&map->file, map->limit_bytes, &version, error);
}

void environment_set_aside(struct lmdb_map *map, const char *why)
{
    struct error error = {.code = ERROR_NONE};
    if (datafile_set_aside(&map->file, &error) < 0) {
        map_report(map, CACHE_EVENT_OFF, "%s", error.message);
        return;
    }
    add_to(&map->set_aside, 1);
    map_report(map, CACHE_EVENT_SET_ASIDE, "the result cache is set aside: %.400s", why);
}

/* Locks the directory and checks the file in it, or sets that aside. */
static int look_at_file(struct lmdb_map *map, bool afresh, struct error *error)
{
    struct error why = {.code = ERROR_NONE};
    int r = datafile_lock(&map->file, error);
    if (r < 0) {
        return r;
    }
    if (afresh) {
        reset_account(map);
        return datafile_clear(&map->file, error);
    }
    r = survey_file(map, &why);
    if (r == -EBADMSG) {
        environment_set_aside(map, why.message);
        reset_account(map);
        return datafile_lock(&map->file, error);
    }
    return r < 0 && r != -ENOENT ? error_set(error, why.code, "%s", why.message) : 0;
}

int environment_open(struct lmdb_map *map, bool afresh, struct error *error)
{
    int r = look_at_file(map, afresh, error);
    if (r == 0) {
        r = map_file(map, error);
    }
    if (r < 0) {
        datafile_close(&map->file);
        return r;
    }
    atomic_store(&map->broken, false);
    atomic_store(&map->generation, map->account.uses.current);
    return 0;
}
