/* SPDX-License-Identifier: Apache-2.0
 *
 * A writer of compact JSON over a buffer. It puts the commas and colons itself, so that the caller
 * names members and values only:
 *
 *     struct json_writer w = JSON_WRITER(&body);
 *     json_begin_object(&w, NULL);
 *     json_put_string(&w, "name", name);
 *     json_begin_array(&w, "shape");
 *     json_put_integer(&w, NULL, 224);
 *     json_end_array(&w);
 *     json_end_object(&w);
 *
 * `key` is the member's name in an object, written as it is (a literal, or a checked name), and
 * NULL in an array and at the top. Nothing checks that objects and arrays are closed. A failed
 * allocation is seen in the buffer (buffer_ok). Any thread; a writer is not shared.
 */
#ifndef SITU_BASE_JSON_WRITE_H
#define SITU_BASE_JSON_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

struct json_writer {
    struct buffer *out; /* borrowed */
    bool comma;         /* the next member or element needs a comma before it */
};

#define JSON_WRITER(buffer) ((struct json_writer){.out = (buffer)})

void json_begin_object(struct json_writer *w, const char *key);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w, const char *key);
void json_end_array(struct json_writer *w);

/* Puts a line feed before the next element, unless it is the first. */
void json_break_line(struct json_writer *w);

/* A string; null if `text` is NULL. A byte that is not UTF-8 is written as %XX, because a message
 * may quote any bytes. For names of objects see object_name.h, which marks such bytes. */
void json_put_string(struct json_writer *w, const char *key, const char *text);
void json_put_bytes(struct json_writer *w, const char *key, const char *text, size_t size);
void json_put_bool(struct json_writer *w, const char *key, bool value);
void json_put_null(struct json_writer *w, const char *key);
void json_put_integer(struct json_writer *w, const char *key, int64_t value);
void json_put_unsigned(struct json_writer *w, const char *key, uint64_t value);
/* The shortest decimal that reads back as the same float32; null if the value is not finite. */
void json_put_float(struct json_writer *w, const char *key, float value);
/* The same with 17 digits, which read back as the same double. */
void json_put_double(struct json_writer *w, const char *key, double value);

/* A time in seconds since 1970, in UTC, in the form of RFC 3339; null for 0. */
void json_put_time(struct json_writer *w, const char *key, int64_t seconds);

/* {"code":"...","message":"..."}; null for ERROR_NONE. */
void json_put_error(struct json_writer *w, const char *key, const struct error *error);

/* Prepares for a value and returns the buffer, to which the caller appends it as JSON. */
struct buffer *json_put_raw(struct json_writer *w, const char *key);

#endif
