/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of names.
 */
#include "cli/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int names_add(struct names *names, const char *name, size_t length)
{
    if (names->count == names->capacity) {
        size_t capacity = names->capacity ? 2 * names->capacity : 64;
        char **items = reallocarray(names->items, capacity, sizeof *items);
        if (!items) {
            return -ENOMEM;
        }
        names->items = items;
        names->capacity = capacity;
    }
    char *copy = strndup(name, length);
    if (!copy) {
        return -ENOMEM;
    }
    names->items[names->count++] = copy;
    return 0;
}

int names_read(struct names *names, FILE *stream, int delimiter)
{
    char *line = NULL;
    size_t capacity = 0;
    int result = 0;
    while (result == 0) {
        errno = 0;
        ssize_t length = getdelim(&line, &capacity, delimiter, stream);
        if (length < 0) {
            result = ferror(stream) ? -(errno ? errno : EIO) : 0;
            break;
        }
        if (length > 0 && line[length - 1] == (char)delimiter) {
            length--;
        }
        if (delimiter == '\n' && length > 0 && line[length - 1] == '\r') {
            length--;
        }
        if (length > 0) {
            result = names_add(names, line, (size_t)length);
        }
    }
    free(line);
    return result;
}

void names_done(struct names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free(names->items[i]);
    }
    free(names->items);
    *names = (struct names){0};
}
