/* SPDX-License-Identifier: Apache-2.0
 *
 * The sorted names of one directory: those of its regular files, directories and symbolic links. A
 * directory's name stands with `/` behind it: so it sorts as it does within whole keys; a link's
 * with two, so that it is no other's. Memory is bounded: of a directory with more names than a
 * budget holds, only the first part from the place that was asked for is kept.
 */
#ifndef SITU_STORE_DIR_DIR_NAMES_H
#define SITU_STORE_DIR_DIR_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

#define DIR_NAMES_BUDGET_BYTES                                                                     \
    ((size_t)64 << 20) /* while reading and sorting: about 1.2 million                             \
                        */

/* Immutable once read; then any thread. */
struct dir_names {
    char *text; /* owned: names, each with its NUL, in the order they were read */
    size_t text_size;
    uint32_t *starts; /* owned: offsets into text, sorted by name */
    size_t count;
    char *from;          /* owned: the smallest name that could be in here */
    bool complete;       /* no name of the directory comes after the last one */
    unsigned references; /* of dir_names_cache.h, guarded by its lock */
};

/* Reads the names not less than `from` out of a directory (open for reading, at its start).
 * Negative errno. */
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

/* The index of the first name not less than `wanted`; with `beyond` the first greater one. */
size_t dir_names_find(const struct dir_names *names, const char *wanted, bool beyond);

void dir_names_free(struct dir_names *names); /* NULL is fine */

#endif
