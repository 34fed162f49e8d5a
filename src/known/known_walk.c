/* SPDX-License-Identifier: Apache-2.0
 *
 * Walks: a cursor for each level of pieces (entry_name.h); the upper ones remain at the links that
 * lead to the level below. A walk belongs to one thread at a time.
 */
#include "known/known.h"

#include <errno.h>
#include <string.h>

#include "base/limits.h"
#include "known/known_state.h"

enum { RENEW_AFTER = 4096 };

struct level {
    MDB_cursor *cursor; /* owned; NULL until it is needed */
    uint64_t group;
    size_t base;  /* bytes of the key that come from the levels above */
    bool pending; /* the cursor's entry is the next one; otherwise the one behind it */
    bool ended;
};

struct known_walk {
    struct known *known; /* borrowed */
    MDB_txn *txn;        /* owned */
    struct level levels[ENTRY_NAME_LEVELS];
    size_t depth; /* levels in use */
    bool ended;
    unsigned given; /* keys since the last renewal */
    size_t prefix_size;
    char prefix[LIMIT_KEY_BYTES + 1];
    char key[LIMIT_KEY_BYTES + 1];
};

/* Puts a level's cursor before the first entry whose key is not below `rest`, or is above it.
 * Returns LMDB's code; *ret_group is that of the link that `rest` lies behind, or 0. */
static int level_seek(struct known_walk *walk, struct level *level, const char *rest,
                      bool inclusive, uint64_t *ret_group)
{
    struct entry_name name;
    bool link = entry_name_make(level->group, rest, &name);
    MDB_val key = {.mv_size = name.size, .mv_data = name.bytes};
    MDB_val value;
    int code = 0;
    *ret_group = 0;
    if (!level->cursor) {
        code = mdb_cursor_open(walk->txn, walk->known->file.dbi, &level->cursor);
    }
    if (code == 0) {
        code = mdb_cursor_get(level->cursor, &key, &value, MDB_SET_RANGE);
    }
    level->ended = code == MDB_NOTFOUND;
    level->pending = true;
    if (code != 0) {
        return level->ended ? 0 : code;
    }
    if (key.mv_size != name.size || memcmp(key.mv_data, name.bytes, name.size) != 0) {
        return 0;
    }
    if (!link) {
        level->pending = inclusive;
        return 0;
    }
    level->pending = false;
    return value_read_link(name.bytes, name.size, value.mv_data, value.mv_size, ret_group) < 0
               ? MDB_CORRUPTED
               : 0;
}

/* Adds a level for a group. */
static int push(struct known_walk *walk, uint64_t group, size_t base)
{
    if (walk->depth == ENTRY_NAME_LEVELS) {
        return MDB_CORRUPTED;
    }
    struct level *level = &walk->levels[walk->depth++];
    level->group = group;
    level->base = base;
    return 0;
}

static int seek(struct known_walk *walk, const char *bound, bool inclusive)
{
    uint64_t group = 0;
    walk->depth = 0;
    do {
        size_t base = walk->depth * ENTRY_NAME_PIECE;
        int code = push(walk, group, base);
        if (code != 0) {
            return code;
        }
        code = level_seek(walk, &walk->levels[walk->depth - 1], bound + base, inclusive, &group);
        if (code != 0) {
            return code;
        }
        if (group != 0 && base + ENTRY_NAME_PIECE > LIMIT_KEY_BYTES) {
            return MDB_CORRUPTED;
        }
        if (group != 0) {
            memcpy(walk->key + base, bound + base, ENTRY_NAME_PIECE);
        }
    } while (group != 0);
    return 0;
}

/* Moves on to the last commit, so that the pages of the older state can be reused. */
static int renew(struct known_walk *walk)
{
    char last[LIMIT_KEY_BYTES + 1];
    memcpy(last, walk->key, sizeof last);
    walk->given = 0;
    mdb_txn_reset(walk->txn);
    int code = mdb_txn_renew(walk->txn);
    for (size_t i = 0; code == 0 && i < ENTRY_NAME_LEVELS; i++) {
        if (walk->levels[i].cursor) {
            code = mdb_cursor_renew(walk->txn, walk->levels[i].cursor);
        }
    }
    return code == 0 ? seek(walk, last, false) : code;
}

/* The next entry of the deepest level. False at its end. */
static int level_next(struct level *level, MDB_val *ret_name, MDB_val *ret_value,
                      struct entry_name_parts *ret_parts, bool *ret_more)
{
    *ret_more = false;
    if (level->ended) {
        return 0;
    }
    MDB_cursor_op op = level->pending ? MDB_GET_CURRENT : MDB_NEXT;
    int code = mdb_cursor_get(level->cursor, ret_name, ret_value, op);
    level->pending = false;
    if (code != 0) {
        level->ended = code == MDB_NOTFOUND;
        return level->ended ? 0 : code;
    }
    if (entry_name_parse(ret_name->mv_data, ret_name->mv_size, ret_parts) < 0) {
        return MDB_CORRUPTED;
    }
    level->ended = ret_parts->kind == ENTRY_NAME_OWN || ret_parts->group != level->group;
    *ret_more = !level->ended;
    return 0;
}

/* Goes down a link. */
static int follow(struct known_walk *walk, const MDB_val *name, const MDB_val *value, size_t base)
{
    uint64_t group = 0;
    if (value_read_link(name->mv_data, name->mv_size, value->mv_data, value->mv_size, &group) < 0) {
        return MDB_CORRUPTED;
    }
    int code = push(walk, group, base);
    return code == 0 ? level_seek(walk, &walk->levels[walk->depth - 1], "", true, &group) : code;
}

/* *ret_found false at the end of the walk. */
static int find_next(struct known_walk *walk, struct known_object *ret_object, bool *ret_found)
{
    *ret_found = false;
    while (walk->depth > 0) {
        struct level *level = &walk->levels[walk->depth - 1];
        struct entry_name_parts parts;
        MDB_val name;
        MDB_val value;
        bool more = false;
        int code = level_next(level, &name, &value, &parts, &more);
        if (code != 0) {
            return code;
        }
        if (!more) {
            walk->depth--;
            continue;
        }
        size_t end = level->base + parts.size;
        if (end > LIMIT_KEY_BYTES) {
            return MDB_CORRUPTED;
        }
        memcpy(walk->key + level->base, parts.piece, parts.size);
        walk->key[end] = '\0';
        if (parts.kind == ENTRY_NAME_OBJECT) {
            *ret_found = true;
            return value_read_object(name.mv_data, name.mv_size, value.mv_data, value.mv_size,
                                     ret_object) < 0
                       ? MDB_CORRUPTED
                       : 0;
        }
        code = follow(walk, &name, &value, end);
        if (code != 0) {
            return code;
        }
    }
    return 0;
}

static int fail(const struct known_walk *walk, int code, struct error *error)
{
    return code == MDB_CORRUPTED ? known_damaged(error)
                                 : datafile_failed(&walk->known->file, code, "read", error);
}

int known_walk_next(struct known_walk *walk, const char **ret_key, struct known_object *ret_object,
                    struct error *error)
{
    bool found = false;
    int code = 0;
    if (walk->ended) {
        return 0;
    }
    if (walk->given == RENEW_AFTER) {
        code = renew(walk);
    }
    if (code == 0) {
        code = find_next(walk, ret_object, &found);
    }
    if (code != 0) {
        walk->ended = true;
        return fail(walk, code, error);
    }
    if (!found || strncmp(walk->key, walk->prefix, walk->prefix_size) != 0) {
        walk->ended = true;
        return 0;
    }
    walk->given++;
    *ret_key = walk->key;
    return 1;
}

int known_walk_new(struct known *known, const char *prefix, const char *after,
                   struct known_walk **ret_walk, struct error *error)
{
    struct known_walk *walk = calloc(1, sizeof *walk);
    if (!walk) {
        return error_memory(error, WHAT);
    }
    walk->known = known;
    walk->prefix_size = strnlen(prefix, LIMIT_KEY_BYTES + 1);
    if (walk->prefix_size > LIMIT_KEY_BYTES) {
        walk->ended = true; /* no key is so long */
        *ret_walk = walk;
        return 0;
    }
    memcpy(walk->prefix, prefix, walk->prefix_size);
    int r = known_read(known, &walk->txn, error);
    if (r == 0) {
        bool behind = strcmp(after, prefix) >= 0 && after[0] != '\0';
        int code = seek(walk, behind ? after : prefix, !behind);
        r = code == 0 ? 0 : fail(walk, code, error);
    }
    if (r < 0) {
        known_walk_free(walk);
        return r;
    }
    *ret_walk = walk;
    return 0;
}

void known_walk_free(struct known_walk *walk)
{
    if (!walk) {
        return;
    }
    for (size_t i = 0; i < ENTRY_NAME_LEVELS; i++) {
        if (walk->levels[i].cursor) {
            mdb_cursor_close(walk->levels[i].cursor);
        }
    }
    if (walk->txn) {
        readers_give(&walk->known->file.readers, walk->txn);
    }
    free(walk);
}
