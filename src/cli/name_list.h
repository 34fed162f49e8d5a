/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing list of names, from the command line, from stdin or from the file beside embeddings,
 * millions of them. One thread.
 */
#ifndef SITU_CLI_NAME_LIST_H
#define SITU_CLI_NAME_LIST_H

#include <stddef.h>
#include <stdio.h>

struct name_list {
    char **items; /* owned; the strings lie in the blocks */
    size_t count;
    size_t capacity;
    struct name_list_block *blocks; /* owned */
    char *block_at;                 /* free room in the first one */
    size_t block_left;
};

/* 0 or -ENOMEM. */
int name_list_add(struct name_list *names, const char *name, size_t length);

/* Adds what stands in the stream, each name ended by `delimiter`, the last one or not; empty ones
 * are passed over, and with a line feed as the delimiter a CR before it too. 0 or a negative errno.
 */
int name_list_read(struct name_list *names, FILE *stream, int delimiter);

/* One name of a file that is to be read again, with its delimiter. Where that is a line feed, `\n`,
 * `\r` and `\\` stand for a line feed, a CR and a backslash of the name: it comes back as it was.
 */
void name_list_put(FILE *stream, const char *name, int delimiter);

/* As name_list_read, of a file of name_list_put. */
int name_list_read_escaped(struct name_list *names, FILE *stream, int delimiter);

void name_list_done(struct name_list *names);

#endif
