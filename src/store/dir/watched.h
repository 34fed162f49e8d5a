/* SPDX-License-Identifier: Apache-2.0
 *
 * The directories of a watch: the kernel's number and the path of each. Used by
 * one thread at a time.
 */
#ifndef SITU_STORE_DIR_WATCHED_H
#define SITU_STORE_DIR_WATCHED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct watched {
    struct watched_directory {
        int number;
        char *path;  /* owned; beneath the root, with a `/` at its end; "" for the root */
    } * directories; /* owned; sorted by number */
    size_t count;
    size_t capacity;
    size_t path_bytes;
};

void watched_done(struct watched *watched);

/* Adds a directory, or sets the new path of a known one. -ENOMEM. */
must_check int watched_set(struct watched *watched, int number, const char *path);

/* The path, borrowed until the next change, or NULL. */
const char *watched_find(const struct watched *watched, int number);
bool watched_has(const struct watched *watched, const char *path);

void watched_remove(struct watched *watched, int number);

/* Removes a directory and all below; calls `removed` with the number of each. */
void watched_remove_below(struct watched *watched, const char *path,
                          void (*removed)(void *context, int number), void *context);

#endif
