/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON writer.
 */
#include "base/json_write.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/utf8.h"

static void write_bytes(struct buffer *out, const char *text, size_t size)
{
    buffer_append_char(out, '"');
    size_t start = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        size_t length = c < 0x80 ? 1 : utf8_length(text + i, size - i);
        bool high_control = length == 2 && c == 0xc2 && (unsigned char)text[i + 1] < 0xa0;
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f && length > 0 && !high_control) {
            i += length - 1;
            continue;
        }
        buffer_append(out, text + start, i - start);
        if (high_control) { /* U+0080 to U+009F, which terminals may interpret */
            c = (unsigned char)text[++i];
        }
        start = i + 1;
        if (length == 0) {
            buffer_printf(out, "%%%02X", c);
        } else if (c == '"' || c == '\\') {
            buffer_append_char(out, '\\');
            buffer_append_char(out, (char)c);
        } else if (c == '\n') {
            buffer_append_text(out, "\\n");
        } else {
            buffer_printf(out, "\\u%04x", c);
        }
    }
    if (size > start) { /* `text` may be NULL if it is empty */
        buffer_append(out, text + start, size - start);
    }
    buffer_append_char(out, '"');
}

static void write_string(struct buffer *out, const char *text)
{
    write_bytes(out, text, strlen(text));
}

static void write_integer(struct buffer *out, int64_t value)
{
    buffer_printf(out, "%" PRId64, value);
}

/* printf would not write these as JSON that reads back the same: -0 would read as an integer. */
static bool write_special(struct buffer *out, double value)
{
    bool minus_zero = value == 0 && signbit(value);
    if (isfinite(value) && !minus_zero) {
        return false;
    }
    buffer_append_text(out, minus_zero ? "-0.0" : "null");
    return true;
}

static void write_float(struct buffer *out, float value)
{
    if (write_special(out, (double)value)) {
        return;
    }
    char text[32];
    for (int digits = 6; digits <= 9; digits++) {
        int length = snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (length > 0 && (digits == 9 || strtof(text, NULL) == value)) {
            buffer_append(out, text, (size_t)length);
            return;
        }
    }
}

static void write_double(struct buffer *out, double value)
{
    if (write_special(out, value)) {
        return;
    }
    char text[40];
    int length = snprintf(text, sizeof text, "%.17g", value);
    if (length > 0) {
        buffer_append(out, text, (size_t)length);
    }
}

/* The comma and the key before a value. */
static void begin_value(struct json_writer *w, const char *key)
{
    if (w->comma) {
        buffer_append_char(w->out, ',');
    }
    w->comma = true;
    if (key) {
        buffer_append_char(w->out, '"');
        buffer_append_text(w->out, key);
        buffer_append(w->out, "\":", 2);
    }
}

static void begin_level(struct json_writer *w, const char *key, char bracket)
{
    begin_value(w, key);
    buffer_append_char(w->out, bracket);
    w->comma = false;
}

static void end_level(struct json_writer *w, char bracket)
{
    buffer_append_char(w->out, bracket);
    w->comma = true;
}

void json_begin_object(struct json_writer *w, const char *key)
{
    begin_level(w, key, '{');
}

void json_end_object(struct json_writer *w)
{
    end_level(w, '}');
}

void json_begin_array(struct json_writer *w, const char *key)
{
    begin_level(w, key, '[');
}

void json_end_array(struct json_writer *w)
{
    end_level(w, ']');
}

void json_break_line(struct json_writer *w)
{
    if (w->comma) {
        buffer_append_text(w->out, ",\n");
        w->comma = false;
    }
}

void json_put_string(struct json_writer *w, const char *key, const char *text)
{
    begin_value(w, key);
    if (text) {
        write_string(w->out, text);
    } else {
        buffer_append_text(w->out, "null");
    }
}

void json_put_bytes(struct json_writer *w, const char *key, const char *text, size_t size)
{
    begin_value(w, key);
    write_bytes(w->out, text, size);
}

void json_put_bool(struct json_writer *w, const char *key, bool value)
{
    begin_value(w, key);
    buffer_append_text(w->out, value ? "true" : "false");
}

void json_put_null(struct json_writer *w, const char *key)
{
    begin_value(w, key);
    buffer_append_text(w->out, "null");
}

void json_put_integer(struct json_writer *w, const char *key, int64_t value)
{
    begin_value(w, key);
    write_integer(w->out, value);
}

void json_put_unsigned(struct json_writer *w, const char *key, uint64_t value)
{
    begin_value(w, key);
    buffer_printf(w->out, "%" PRIu64, value);
}

void json_put_float(struct json_writer *w, const char *key, float value)
{
    begin_value(w, key);
    write_float(w->out, value);
}

void json_put_double(struct json_writer *w, const char *key, double value)
{
    begin_value(w, key);
    write_double(w->out, value);
}

void json_put_time(struct json_writer *w, const char *key, int64_t seconds)
{
    char text[40] = "";
    time_t when = (time_t)seconds;
    struct tm parts;
    bool known = seconds != 0 && gmtime_r(&when, &parts) &&
                 strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) > 0;
    json_put_string(w, key, known ? text : NULL);
}

void json_put_error(struct json_writer *w, const char *key, const struct error *error)
{
    if (error->code == ERROR_NONE) {
        json_put_null(w, key);
        return;
    }
    json_begin_object(w, key);
    json_put_string(w, "code", error_code_name(error->code));
    json_put_string(w, "message", error->message);
    json_end_object(w);
}

struct buffer *json_put_raw(struct json_writer *w, const char *key)
{
    begin_value(w, key);
    return w->out;
}
