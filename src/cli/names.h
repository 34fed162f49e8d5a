/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing list of names, from the command line, from stdin or from the file beside embeddings,
 * millions of them. One thread.
 */
#ifndef SITU_CLI_NAMES_H
#define SITU_CLI_NAMES_H

#include <stddef.h>
#include <stdio.h>

struct names {
    char **items; /* owned; the strings lie in the blocks */
    size_t count;
    size_t capacity;
    struct names_block *blocks; /* owned */
    char *block_at;             /* free room in the first one */
    size_t block_left;
};

/* 0 or -ENOMEM. */
int names_add(struct names *names, const char *name, size_t length);

/* Adds what stands in the stream, each name ended by `delimiter`, the last one or not; empty ones
 * are passed over, and with a line feed as the delimiter a CR before it too. 0 or a negative errno.
 */
int names_read(struct names *names, FILE *stream, int delimiter);

/* One name of a file that is to be read again, with its delimiter. Where that is a line feed, `\n`,
 * `\r` and `\\` stand for a line feed, a CR and a backslash of the name: it comes back as it was.
 */
void names_write(FILE *stream, const char *name, int delimiter);

/* As names_read, of a file of names_write. */
int names_read_escaped(struct names *names, FILE *stream, int delimiter);

void names_done(struct names *names);

#endif
