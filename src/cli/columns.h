/* SPDX-License-Identifier: Apache-2.0
 *
 * Aligned columns on stdout while rows still come: rows wait until there are enough of them, or for
 * half a second, and columns only grow. Cells are escaped. On a terminal, text that does not fit
 * its width is cut in the middle, the longest first; elsewhere nothing is. One thread.
 */
#ifndef SITU_CLI_COLUMNS_H
#define SITU_CLI_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { TABLE_ROWS = 64 };

struct columns {
    FILE *stream;
    size_t columns;
    size_t *widths; /* owned */
    size_t *fitted; /* owned: the widths that are printed in */
    bool *right;    /* owned: columns of numbers */
    char **cells;   /* owned: of the rows that wait */
    size_t room;    /* columns of the terminal, 0 where it is none: then nothing is cut */
    size_t rows;
    size_t cell;      /* next in the row under way */
    int64_t since_ns; /* clock_now_ns() when the last rows were printed */
    bool failed;      /* out of memory; said by columns_done */
};

/* -ENOMEM. columns_done in any case. */
int columns_init(struct columns *table, FILE *stream, size_t columns);

/* The same on stdout, with a row of heads. */
int columns_begin(struct columns *table, const char *const *heads, size_t count);

/* Adds the next cell of the row; after the last column the row is whole. */
void columns_cell(struct columns *table, const char *text);
void columns_cell_number(struct columns *table, const char *text); /* aligned to the right */
void columns_cell_count(struct columns *table, uint64_t count);    /* the same, of a number */

/* True where rows wait that should be printed by now. */
bool columns_due(const struct columns *table);
void columns_print(struct columns *table);

/* Prints what waits and frees. -ENOMEM where a cell was lost. */
int columns_done(struct columns *table);

#endif
