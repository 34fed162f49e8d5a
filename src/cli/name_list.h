/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing list of names, from the command line, stdin or a file of names: up to millions. One
 * thread.
 */
#ifndef SITU_CLI_NAME_LIST_H
#define SITU_CLI_NAME_LIST_H

#include <stddef.h>
#include <stdio.h>

struct name_list {
    char **items; /* owned; the strings are in the blocks */
    size_t count;
    size_t capacity;
    struct name_list_block *blocks; /* owned */
    char *block_at;                 /* free room in the first one */
    size_t block_left;
};

/* 0 or -ENOMEM. */
int name_list_add(struct name_list *names, const char *name, size_t length);

/* Adds the names in the stream, each ended by `delimiter`, the last one optionally; empty ones are
 * skipped, as is a CR before a line feed as delimiter. 0 or a negative errno. */
int name_list_read(struct name_list *names, FILE *stream, int delimiter);

/* Writes one name and its delimiter. If that is a line feed, `\n`, `\r` and `\\` are written for a
 * line feed, a CR and a backslash in the name, so that name_list_read_escaped restores it. */
void name_list_put(FILE *stream, const char *name, int delimiter);

/* As name_list_read, for a file written by name_list_put. */
int name_list_read_escaped(struct name_list *names, FILE *stream, int delimiter);

void name_list_done(struct name_list *names);

#endif
