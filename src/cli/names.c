/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of names. The bytes lie in large blocks, so that a million names cost little more than
 * themselves.
 */
#include "cli/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 256 * 1024 };

struct names_block {
    struct names_block *next; /* owned */
    char bytes[];
};

/* Room for so many bytes in the newest block, or in a new one. */
static char *take_room(struct names *names, size_t size)
{
    if (size > names->block_left) {
        size_t bytes = size > BLOCK_BYTES ? size : BLOCK_BYTES;
        struct names_block *block = malloc(sizeof *block + bytes);
        if (!block) {
            return NULL;
        }
        block->next = names->blocks;
        names->blocks = block;
        names->block_at = block->bytes;
        names->block_left = bytes;
    }
    char *room = names->block_at;
    names->block_at += size;
    names->block_left -= size;
    return room;
}

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
    char *copy = take_room(names, length + 1);
    if (!copy) {
        return -ENOMEM;
    }
    memcpy(copy, name, length);
    copy[length] = '\0';
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
    while (names->blocks) {
        struct names_block *next = names->blocks->next;
        free(names->blocks);
        names->blocks = next;
    }
    free(names->items);
    *names = (struct names){0};
}
