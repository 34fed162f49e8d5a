/* SPDX-License-Identifier: Apache-2.0
 *
 * Aligned columns of rows that arrive over time: rows are held until there are enough of them, or
 * for half a second, and columns only grow. Cells are escaped. On a terminal, text that exceeds the
 * width is cut in the middle, the longest first; elsewhere nothing is cut. One thread.
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
    size_t *fitted; /* owned: the printed widths */
    bool *right;    /* owned: columns of numbers */
    char **cells;   /* owned: of the held rows */
    size_t room;    /* width of the terminal; 0: not a terminal, nothing is cut */
    size_t rows;
    size_t cell;      /* next in the present row */
    int64_t since_ns; /* clock_now_ns() when the last rows were printed */
    bool failed;      /* out of memory; returned by columns_done */
};

/* -ENOMEM. Call columns_done in any case. */
int columns_init(struct columns *table, FILE *stream, size_t columns);

/* The same on stdout, with a header row. */
int columns_begin(struct columns *table, const char *const *heads, size_t count);

/* Adds the next cell; the last column completes the row. */
void columns_cell(struct columns *table, const char *text);
void columns_cell_number(struct columns *table, const char *text); /* aligned to the right */
void columns_cell_count(struct columns *table, uint64_t count);    /* the same, of a number */

/* True if held rows are due to be printed. */
bool columns_due(const struct columns *table);
void columns_print(struct columns *table);

/* Prints held rows and frees. -ENOMEM if a cell was lost. */
int columns_done(struct columns *table);

#endif
