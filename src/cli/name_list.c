/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of names. The bytes are in large blocks, so that a million names need little more memory
 * than their bytes.
 */
#include "cli/name_list.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 256 * 1024 };

struct name_list_block {
    struct name_list_block *next; /* owned */
    char bytes[];
};

/* Room for so many bytes in the newest block, or in a new one. */
static char *take_room(struct name_list *names, size_t size)
{
    if (size > names->block_left) {
        size_t bytes = size > BLOCK_BYTES ? size : BLOCK_BYTES;
        struct name_list_block *block = malloc(sizeof *block + bytes);
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

int name_list_add(struct name_list *names, const char *name, size_t length)
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

/* The bytes that name_list_put escapes, and the letters after the backslash. */
static const char escaped_bytes[] = "\n\r\\";
static const char escape_letters[] = "nr\\";

/* Reverses name_list_put, in place; returns the length. Any other backslash is literal. */
static size_t unescape(char *name, size_t length)
{
    size_t size = 0;
    for (size_t i = 0; i < length; i++) {
        const char *letter = NULL;
        if (name[i] == '\\' && i + 1 < length && name[i + 1] != '\0') {
            letter = strchr(escape_letters, name[i + 1]);
        }
        if (letter) {
            name[size++] = escaped_bytes[letter - escape_letters];
            i++;
        } else {
            name[size++] = name[i];
        }
    }
    return size;
}

static int read_all(struct name_list *names, FILE *stream, int delimiter, bool escaped)
{
    char *line = NULL;
    size_t capacity = 0;
    int r = 0;
    while (r == 0) {
        errno = 0;
        ssize_t length = getdelim(&line, &capacity, delimiter, stream);
        if (length < 0) {
            r = ferror(stream) ? -(errno ? errno : EIO) : 0;
            break;
        }
        if (length > 0 && line[length - 1] == (char)delimiter) {
            length--;
        }
        if (delimiter == '\n' && length > 0 && line[length - 1] == '\r') {
            length--;
        }
        if (length > 0) {
            size_t size = escaped ? unescape(line, (size_t)length) : (size_t)length;
            r = name_list_add(names, line, size);
        }
    }
    free(line);
    return r;
}

int name_list_read(struct name_list *names, FILE *stream, int delimiter)
{
    return read_all(names, stream, delimiter, false);
}

int name_list_read_escaped(struct name_list *names, FILE *stream, int delimiter)
{
    return read_all(names, stream, delimiter, delimiter == '\n');
}

void name_list_put(FILE *stream, const char *name, int delimiter)
{
    for (; *name; name++) {
        const char *byte = delimiter == '\n' ? strchr(escaped_bytes, *name) : NULL;
        if (byte) {
            (void)fputc('\\', stream);
            (void)fputc(escape_letters[byte - escaped_bytes], stream);
        } else {
            (void)fputc(*name, stream);
        }
    }
    (void)fputc(delimiter, stream);
}

void name_list_done(struct name_list *names)
{
    while (names->blocks) {
        struct name_list_block *next = names->blocks->next;
        free(names->blocks);
        names->blocks = next;
    }
    free(names->items);
    *names = (struct name_list){0};
}
