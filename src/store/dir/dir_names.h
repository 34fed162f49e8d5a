/* SPDX-License-Identifier: Apache-2.0
 *
 * The sorted names of one directory's regular files, directories and symbolic links. A
 * directory's name has a `/` at its end, so that it sorts as in whole keys; a link's has two, so
 * that it differs from all others. Memory is bounded: of a directory with more names than fit
 * into the budget, only the first part from the requested name on is kept.
 */
#ifndef SITU_STORE_DIR_DIR_NAMES_H
#define SITU_STORE_DIR_DIR_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

/* While reading and sorting: about 1.2 million names. */
#define DIR_NAMES_BUDGET_BYTES ((size_t)64 << 20)

/* Immutable after it was read; then any thread. */
struct dir_names {
    char *text; /* owned: names, each with its NUL, in the order they were read */
    size_t text_size;
    uint32_t *starts; /* owned: offsets into text, sorted by name */
    size_t count;
    char *from;          /* owned: the names were read from here on */
    bool complete;       /* the directory has no names after the last one */
    unsigned references; /* guarded by the lock of the cache (dir_names_cache.h) */
};

/* Reads a directory's names that are not less than `from`; `fd` is at its start. 0 or a negative
 * errno. */
must_check int dir_names_read(int fd, const char *from, size_t budget_bytes,
                              struct dir_names **ret_names);

static inline const char *dir_names_at(const struct dir_names *names, size_t index)
{
    return names->text + names->starts[index];
}

static inline bool dir_names_is_link(const char *name, size_t size)
{
    return size > 2 && name[size - 1] == '/' && name[size - 2] == '/';
}

/* The index of the first name not less than `wanted`; with `beyond` of the first greater one. */
size_t dir_names_find(const struct dir_names *names, const char *wanted, bool beyond);

void dir_names_free(struct dir_names *names); /* NULL is fine */

#endif
