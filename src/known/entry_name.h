/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of entries in the file. LMDB's keys have at most 511 bytes, objects' 1,024, and a walk must
 * give these in exact order of their bytes. So a key is cut into pieces of 500 bytes:
 *
 *     'k' PIECE               an object whose key is one piece
 *     'k' PIECE(500) NUL      a link: the group (a number) of all longer keys that begin so
 *     'l' GROUP PIECE         an object within a group, the rest of its key (GROUP big-endian)
 *     'l' GROUP PIECE(500) NUL  a link within a group
 *     NUL WORD                the table's own: "version", "note"
 *
 * A key has no NUL, so a link is directly behind the key that is just its piece, and before any
 * other that is greater: where its group belongs. Pure.
 */
#ifndef SITU_KNOWN_ENTRY_NAME_H
#define SITU_KNOWN_ENTRY_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

enum {
    ENTRY_NAME_PIECE = 500,
    ENTRY_NAME_LEVELS = 3, /* 500 + 500 + 24 */
    ENTRY_NAME_SIZE_MAX = 1 + 8 + ENTRY_NAME_PIECE + 1,
};

#define ENTRY_NAME_GROUP_MAX (UINT64_C(1) << 62)

struct entry_name {
    size_t size;
    uint8_t bytes[ENTRY_NAME_SIZE_MAX];
};

/* The entry of a key's rest within a group (0: the whole key): of the object itself where it is one
 * piece, otherwise of the link. Returns true for a link; the rest behind it begins at
 * ENTRY_NAME_PIECE.
 */
bool entry_name_make(uint64_t group, const char *rest, struct entry_name *ret_name);
/* "version" or "note". */
void entry_name_make_own(const char *word, struct entry_name *ret_name);
/* The beginning of all names of a group. */
size_t entry_name_make_group(uint64_t group, struct entry_name *ret_name);

enum entry_name_kind { ENTRY_NAME_OWN, ENTRY_NAME_OBJECT, ENTRY_NAME_LINK };

struct entry_name_parts {
    enum entry_name_kind kind;
    uint64_t group;
    const char *piece; /* borrowed; of ENTRY_NAME_OWN the word. Not terminated */
    size_t size;
};

/* -EBADMSG for anything else. */
must_check int entry_name_parse(const void *bytes, size_t size, struct entry_name_parts *ret_parts);

#endif
