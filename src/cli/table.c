/* SPDX-License-Identifier: Apache-2.0
 *
 * Aligned columns.
 */
#include "cli/table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "cli/escape.h"

enum { FLUSH_MS = 500, GAP = 2 };

int table_init(struct table *table, FILE *stream, size_t columns)
{
    *table = (struct table){.stream = stream,
                            .columns = columns,
                            .widths = calloc(columns, sizeof *table->widths),
                            .right = calloc(columns, sizeof *table->right),
                            .cells = calloc(columns * TABLE_ROWS, sizeof *table->cells)};
    (void)clock_gettime(CLOCK_MONOTONIC, &table->since);
    return table->widths && table->right && table->cells ? 0 : -ENOMEM;
}

void table_cell(struct table *table, const char *text)
{
    if (!table->cells || !table->widths) {
        return;
    }
    if (table->rows == TABLE_ROWS) {
        table_print(table);
    }
    char *escaped = escape_text(text);
    table->failed |= !escaped;
    size_t width = escaped ? escape_width(escaped) : 0;
    if (width > table->widths[table->cell]) {
        table->widths[table->cell] = width;
    }
    table->cells[table->rows * table->columns + table->cell] = escaped;
    if (++table->cell == table->columns) {
        table->cell = 0;
        table->rows++;
    }
}

void table_cell_number(struct table *table, const char *text)
{
    if (table->right) {
        table->right[table->cell] = true;
    }
    table_cell(table, text);
}

void table_cell_count(struct table *table, uint64_t count)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, count);
    table_cell_number(table, text);
}

bool table_due(const struct table *table)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    long waited_ms = (long)(now.tv_sec - table->since.tv_sec) * 1000 +
                     (now.tv_nsec - table->since.tv_nsec) / 1000000;
    return table->rows >= TABLE_ROWS || (table->rows > 0 && waited_ms >= FLUSH_MS);
}

static void print_row(const struct table *table, char **cells)
{
    for (size_t i = 0; i < table->columns; i++) {
        const char *text = cells[i] ? cells[i] : "";
        size_t width = escape_width(text);
        int space = width < table->widths[i] ? (int)(table->widths[i] - width) : 0;
        bool last = i + 1 == table->columns;
        if (table->right[i]) {
            (void)fprintf(table->stream, "%*s%s", space, "", text);
        } else {
            (void)fprintf(table->stream, "%s%*s", text, last ? 0 : space, "");
        }
        (void)fprintf(table->stream, "%*s", last ? 0 : GAP, "");
    }
    (void)fputc('\n', table->stream);
}

void table_print(struct table *table)
{
    for (size_t row = 0; row < table->rows; row++) {
        char **cells = table->cells + row * table->columns;
        print_row(table, cells);
        for (size_t i = 0; i < table->columns; i++) {
            free(cells[i]);
            cells[i] = NULL;
        }
    }
    table->rows = 0;
    (void)clock_gettime(CLOCK_MONOTONIC, &table->since);
    (void)fflush(table->stream);
}

int table_done(struct table *table)
{
    bool usable = table->cells && table->widths && table->right;
    if (usable) {
        table_print(table);
        for (size_t i = 0; i < table->cell; i++) {
            free(table->cells[i]);
        }
    }
    free(table->widths);
    free(table->right);
    free(table->cells);
    int result = table->failed || !usable ? -ENOMEM : 0;
    *table = (struct table){0};
    return result;
}
