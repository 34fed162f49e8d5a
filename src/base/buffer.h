/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing byte buffer. After an allocation failure it stays `failed`: appends do nothing, and
 * buffer_ok() at the end reports it. Not shared between threads.
 */
#ifndef SITU_BASE_BUFFER_H
#define SITU_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *data; /* owned; NULL while empty */
    size_t size;
    size_t capacity;
    bool failed;
};

#define BUFFER_INIT ((struct buffer){0})

void buffer_done(struct buffer *buffer);
void buffer_clear(struct buffer *buffer); /* size 0, memory kept */

/* Makes room for `extra` more bytes and returns its start, or NULL; `size` does not change. */
char *buffer_reserve(struct buffer *buffer, size_t extra);

void buffer_append(struct buffer *buffer, const void *bytes, size_t size);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_char(struct buffer *buffer, char c);
void buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Puts a NUL after the last byte, not counted in `size`. Returns the text, or NULL after a failure.
 */
const char *buffer_text(struct buffer *buffer);

/* 0, or -ENOMEM if any append failed. */
int buffer_ok(const struct buffer *buffer);

static inline void cleanup_buffer_function(struct buffer *buffer)
{
    buffer_done(buffer);
}
#define cleanup_buffer __attribute__((cleanup(cleanup_buffer_function)))

#endif
