/* SPDX-License-Identifier: Apache-2.0
 *
 * Untrusted text on a terminal, in CSV and in JSON.
 */
#include "cli/escape.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

/* The length of the UTF-8 sequence at `at`; 0 if it is invalid or a control character (C0, DEL,
 * C1). Overlong forms do not matter, as nothing is decoded here. */
static size_t plain_length(const unsigned char *at)
{
    if (at[0] < 0x80) {
        return at[0] >= 0x20 && at[0] != 0x7f;
    }
    size_t length = at[0] >= 0xf0 && at[0] <= 0xf4  ? 4
                    : at[0] >= 0xe0 && at[0] < 0xf0 ? 3
                    : at[0] >= 0xc2 && at[0] < 0xe0 ? 2
                                                    : 0;
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return at[0] == 0xc2 && at[1] < 0xa0 ? 0 : length;
}

/* Writes one character, escaped or not, of at most 4 bytes; returns how many bytes it was made of.
 */
static size_t escape_one(const char *text, char out[5])
{
    const unsigned char *at = (const unsigned char *)text;
    size_t length = plain_length(at);
    if (length > 0) {
        memcpy(out, text, length);
        out[length] = '\0';
        return length;
    }
    if (*at == '\n' || *at == '\t') {
        (void)snprintf(out, 5, "\\%c", *at == '\n' ? 'n' : 't');
    } else {
        (void)snprintf(out, 5, "\\x%02x", *at);
    }
    return 1;
}

char *escape_text(const char *text)
{
    char *escaped = malloc(4 * strlen(text) + 1);
    if (!escaped) {
        return NULL;
    }
    size_t size = 0;
    char one[5];
    while (*text) {
        text += escape_one(text, one);
        size_t length = strlen(one);
        memcpy(escaped + size, one, length);
        size += length;
    }
    escaped[size] = '\0';
    return escaped;
}

void escape_print(FILE *stream, const char *text)
{
    char one[5];
    while (*text) {
        text += escape_one(text, one);
        (void)fputs(one, stream);
    }
}

size_t escape_width(const char *escaped)
{
    size_t width = 0;
    mbstate_t state = {0};
    size_t left = strlen(escaped);
    while (left > 0) {
        wchar_t c;
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): the state is not shared */
        size_t length = mbrtowc(&c, escaped, left, &state);
        if (length == 0 || length > left) {
            /* Not a UTF-8 locale: count the bytes that start a character. */
            width += ((unsigned char)*escaped & 0xc0) != 0x80;
            length = 1;
            state = (mbstate_t){0};
        } else {
            int columns = wcwidth(c);
            width += columns > 0 ? (size_t)columns : 0;
        }
        escaped += length;
        left -= length;
    }
    return width;
}

static bool has_controls(const char *text)
{
    while (*text) {
        size_t length = plain_length((const unsigned char *)text);
        if (length == 0) {
            return true;
        }
        text += length;
    }
    return false;
}

void escape_print_csv(FILE *stream, const char *text)
{
    if (has_controls(text) && isatty(fileno(stream))) {
        (void)fputc('"', stream);
        escape_print(stream, text);
        (void)fputc('"', stream);
        return;
    }
    if (!strpbrk(text, ",\"\r\n")) {
        (void)fputs(text, stream);
        return;
    }
    (void)fputc('"', stream);
    for (; *text; text++) {
        if (*text == '"') {
            (void)fputc('"', stream);
        }
        (void)fputc(*text, stream);
    }
    (void)fputc('"', stream);
}

void escape_print_json_object(FILE *stream, const char *text, const char *raw_name)
{
    (void)fputs("\"object\":", stream);
    escape_print_json(stream, text);
    (void)fputs(strcmp(text, raw_name) != 0 ? ",\"encoded\":true" : "", stream);
}

void escape_print_json(FILE *stream, const char *text)
{
    (void)fputc('"', stream);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            (void)fprintf(stream, "\\%c", c);
        } else if (c < 0x20 || c == 0x7f) {
            (void)fprintf(stream, "\\u%04x", c);
        } else if (c == 0xc2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xa0) {
            (void)fprintf(stream, "\\u%04x", (unsigned char)*++text); /* C1 */
        } else {
            (void)fputc(c, stream);
        }
    }
    (void)fputc('"', stream);
}
