/* SPDX-License-Identifier: Apache-2.0
 *
 * Aligned columns.
 */
#include "cli/columns.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/escape.h"

enum { FLUSH_MS = 500, GAP = 2, LEAST_WIDTH = 12 };

static const char dots[] = {'.', '.'};

/* The width of the terminal that `stream` writes to; 0: it is not a terminal. */
static size_t terminal_width(FILE *stream)
{
    struct winsize size = {.ws_col = 0};
    int fd = fileno(stream);
    return isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static bool is_usable(const struct columns *table)
{
    return table->widths && table->fitted && table->right && table->cells;
}

int columns_init(struct columns *table, FILE *stream, size_t columns)
{
    *table = (struct columns){.stream = stream,
                              .columns = columns,
                              .widths = calloc(columns, sizeof *table->widths),
                              .fitted = calloc(columns, sizeof *table->fitted),
                              .right = calloc(columns, sizeof *table->right),
                              .cells = calloc(columns * TABLE_ROWS, sizeof *table->cells)};
    table->room = terminal_width(stream);
    table->since_ns = clock_now_ns();
    return is_usable(table) ? 0 : -ENOMEM;
}

void columns_cell(struct columns *table, const char *text)
{
    if (!is_usable(table)) {
        return;
    }
    if (table->rows == TABLE_ROWS) {
        columns_print(table);
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

int columns_begin(struct columns *table, const char *const *heads, size_t count)
{
    int r = columns_init(table, stdout, count);
    for (size_t i = 0; i < count; i++) {
        columns_cell(table, heads[i]);
    }
    return r;
}

void columns_cell_number(struct columns *table, const char *text)
{
    if (table->right) {
        table->right[table->cell] = true;
    }
    columns_cell(table, text);
}

void columns_cell_count(struct columns *table, uint64_t count)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, count);
    columns_cell_number(table, text);
}

bool columns_due(const struct columns *table)
{
    return table->rows >= TABLE_ROWS ||
           (table->rows > 0 && clock_now_ns() - table->since_ns >= FLUSH_MS * NS_PER_MS);
}

/* Narrows the widest text columns until the rows fit. Numbers are not cut, and no column becomes
 * narrower than LEAST_WIDTH. */
static void fit(struct columns *table)
{
    size_t total = GAP * (table->columns - 1);
    for (size_t i = 0; i < table->columns; i++) {
        table->fitted[i] = table->widths[i];
        total += table->widths[i];
    }
    for (; table->room > 0 && total > table->room; total--) {
        size_t widest = table->columns;
        for (size_t i = 0; i < table->columns; i++) {
            if (!table->right[i] && table->fitted[i] > LEAST_WIDTH &&
                (widest == table->columns || table->fitted[i] > table->fitted[widest])) {
                widest = i;
            }
        }
        if (widest == table->columns) {
            return;
        }
        table->fitted[widest]--;
    }
}

/* The length of the longest prefix of an escaped text that is at most `width` columns wide. */
static size_t begin_of(const char *text, size_t width)
{
    size_t length = 0;
    while (text[length]) {
        char one[5] = {text[length]};
        size_t size = 1;
        while (size < 4 && ((unsigned char)text[length + size] & 0xc0) == 0x80) {
            one[size] = text[length + size];
            size++;
        }
        size_t wide = escape_width(one);
        if (wide > width) {
            break;
        }
        width -= wide;
        length += size;
    }
    return length;
}

/* Cuts a text that is wider than `width`, in place: two dots replace its middle, since names differ
 * at their ends. */
static void cut_middle(char *text, size_t width)
{
    size_t whole = escape_width(text);
    if (whole <= width || width < LEAST_WIDTH) {
        return;
    }
    size_t room = width - sizeof dots;
    size_t begin = begin_of(text, room / 3);
    /* A character two columns wide may have to be dropped. */
    size_t drop = whole - (room - room / 3);
    size_t end = begin_of(text, drop);
    if (escape_width(text + end) > room - room / 3) {
        end = begin_of(text, drop + 1);
    }
    memcpy(text + begin, dots, sizeof dots);
    memmove(text + begin + sizeof dots, text + end, strlen(text + end) + 1);
}

/* Prints at most *left columns of a text and subtracts them. */
static void put(FILE *stream, const char *text, size_t *left)
{
    size_t width = escape_width(text);
    size_t length = width <= *left ? strlen(text) : begin_of(text, *left);
    (void)fwrite(text, 1, length, stream);
    *left -= width <= *left ? width : *left;
}

static void put_space(FILE *stream, size_t columns, size_t *left)
{
    columns = columns < *left ? columns : *left;
    (void)fprintf(stream, "%*s", (int)columns, "");
    *left -= columns;
}

static void print_row(const struct columns *table, char **cells)
{
    size_t left = table->room > 0 ? table->room : SIZE_MAX;
    for (size_t i = 0; i < table->columns; i++) {
        if (cells[i]) {
            cut_middle(cells[i], table->fitted[i]);
        }
        const char *text = cells[i] ? cells[i] : "";
        size_t width = escape_width(text);
        size_t space = width < table->fitted[i] ? table->fitted[i] - width : 0;
        put_space(table->stream, table->right[i] ? space : 0, &left);
        put(table->stream, text, &left);
        if (i + 1 < table->columns) {
            put_space(table->stream, (table->right[i] ? 0 : space) + GAP, &left);
        }
    }
    (void)fputc('\n', table->stream);
}

void columns_print(struct columns *table)
{
    fit(table);
    for (size_t row = 0; row < table->rows; row++) {
        char **cells = table->cells + row * table->columns;
        print_row(table, cells);
        for (size_t i = 0; i < table->columns; i++) {
            free(cells[i]);
            cells[i] = NULL;
        }
    }
    table->rows = 0;
    table->since_ns = clock_now_ns();
    (void)fflush(table->stream);
}

int columns_done(struct columns *table)
{
    bool usable = is_usable(table);
    if (usable) {
        columns_print(table);
        for (size_t i = 0; i < table->cell; i++) {
            free(table->cells[i]);
        }
    }
    free(table->widths);
    free(table->fitted);
    free(table->right);
    free(table->cells);
    int r = table->failed || !usable ? -ENOMEM : 0;
    *table = (struct columns){0};
    return r;
}
