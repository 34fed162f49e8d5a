/* SPDX-License-Identifier: Apache-2.0
 *
 * Aligned columns on stdout while rows still come: rows wait until there are enough of them, or for
 * half a second, and columns only grow. Cells are escaped. On a terminal, text that does not fit
 * its width is cut in the middle, the longest first; elsewhere nothing is. One thread.
 */
#ifndef SITU_CLI_TABLE_H
#define SITU_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

enum { TABLE_ROWS = 64 };

struct table {
    FILE *stream;
    size_t columns;
    size_t *widths; /* owned */
    size_t *fitted; /* owned: the widths that are printed in */
    bool *right;    /* owned: columns of numbers */
    char **cells;   /* owned: of the rows that wait */
    size_t room;    /* columns of the terminal, 0 where it is none: then nothing is cut */
    size_t rows;
    size_t cell; /* next in the row under way */
    struct timespec since;
    bool failed; /* out of memory; said by table_done */
};

/* -ENOMEM. table_done in any case. */
int table_init(struct table *table, FILE *stream, size_t columns);

/* Adds the next cell of the row; after the last column the row is whole. */
void table_cell(struct table *table, const char *text);
void table_cell_number(struct table *table, const char *text); /* aligned to the right */
void table_cell_count(struct table *table, uint64_t count);    /* the same, of a number */

/* True where rows wait that should be printed by now. */
bool table_due(const struct table *table);
void table_print(struct table *table);

/* Prints what waits and frees. -ENOMEM where a cell was lost. */
int table_done(struct table *table);

#endif
