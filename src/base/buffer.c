/* SPDX-License-Identifier: Apache-2.0
 *
 * The growing byte buffer.
 */
#include "base/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_done(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = BUFFER_INIT;
}

void buffer_clear(struct buffer *buffer)
{
    buffer->size = 0;
}

char *buffer_reserve(struct buffer *buffer, size_t extra)
{
    if (buffer->failed) {
        return NULL;
    }
    if (extra > SIZE_MAX / 2 - buffer->size) {
        buffer->failed = true;
        return NULL;
    }
    size_t wanted = buffer->size + extra;
    if (wanted > buffer->capacity) {
        size_t capacity = buffer->capacity ? buffer->capacity : 256;
        while (capacity < wanted) {
            capacity *= 2;
        }
        char *data = realloc(buffer->data, capacity);
        if (!data) {
            buffer->failed = true;
            return NULL;
        }
        buffer->data = data;
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->size;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t size)
{
    if (size == 0) {
        return;
    }
    char *room = buffer_reserve(buffer, size);
    if (room) {
        memcpy(room, bytes, size);
        buffer->size += size;
    }
}

void buffer_append_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

void buffer_append_char(struct buffer *buffer, char c)
{
    buffer_append(buffer, &c, 1);
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_list again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int needed = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (needed < 0) {
        buffer->failed = true;
    } else {
        size_t length = (size_t)needed;
        char *room = buffer_reserve(buffer, length + 1);
        if (room && vsnprintf(room, length + 1, format, again) == needed) {
            buffer->size += length;
        }
    }
    va_end(again);
}

const char *buffer_text(struct buffer *buffer)
{
    char *end = buffer_reserve(buffer, 1);
    if (!end) {
        return NULL;
    }
    *end = '\0';
    return buffer->data;
}

int buffer_ok(const struct buffer *buffer)
{
    return buffer->failed ? -ENOMEM : 0;
}
