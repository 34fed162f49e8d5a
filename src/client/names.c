/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks and percent-encoding of names.
 */
#include "client/names.h"

#include <stdint.h>
#include <string.h>

static bool copy_part(char *out, const char *text, size_t length)
{
    if (length == 0 || length > LIMIT_MODEL_NAME) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c <= 0x20 || c == 0x7f || c == '/' || c == '@') {
            return false;
        }
    }
    memcpy(out, text, length);
    out[length] = '\0';
    return true;
}

int model_name_parse(const char *text, struct model_name *ret_name, struct situ_error *error)
{
    if (!text) {
        return client_fail(error, SITU_USAGE, "no model named");
    }
    struct model_name name = {.version = ""};
    size_t length = strcspn(text, "@");
    bool good = copy_part(name.name, text, length);
    if (good && text[length] == '@') {
        good = copy_part(name.version, text + length + 1, strlen(text + length + 1));
    }
    if (!good) {
        return client_fail(
            error, SITU_USAGE,
            "model '%.100s': give NAME or NAME@VERSION, each of 1 to %u bytes without "
            "blanks and slashes",
            text, LIMIT_MODEL_NAME);
    }
    *ret_name = name;
    return 0;
}

size_t name_split(const char *name, const char **ret_rest)
{
    size_t length = strcspn(name, "/");
    *ret_rest = name[length] ? name + length + 1 : name + length;
    return length;
}

/* The length of the UTF-8 sequence at `bytes`, 0 where there is none. */
static size_t sequence_length(const unsigned char *bytes)
{
    static const struct {
        unsigned char mask;
        unsigned char lead;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

    for (size_t extra = 0; extra < 4; extra++) {
        if ((bytes[0] & forms[extra].mask) != forms[extra].lead) {
            continue;
        }
        uint32_t code = bytes[0] & (unsigned char)~forms[extra].mask;
        for (size_t i = 1; i <= extra; i++) {
            if ((bytes[i] & 0xc0) != 0x80) {
                return 0;
            }
            code = code << 6 | (bytes[i] & 0x3fU);
        }
        bool surrogate = code >= 0xd800 && code <= 0xdfff;
        return code >= forms[extra].least && code <= 0x10ffff && !surrogate ? extra + 1 : 0;
    }
    return 0;
}

bool text_is_utf8(const char *text)
{
    const unsigned char *bytes = (const unsigned char *)text;
    while (*bytes) {
        size_t length = sequence_length(bytes);
        if (length == 0) {
            return false;
        }
        bytes += length;
    }
    return true;
}

void url_append(struct buffer *out, const char *text, bool path)
{
    static const char digits[] = "0123456789ABCDEF";
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     strchr("-._~", c) || (path && c == '/');
        if (plain) {
            buffer_append_char(out, (char)c);
        } else {
            char code[3] = {'%', digits[c >> 4], digits[c & 15]};
            buffer_append(out, code, sizeof code);
        }
    }
}

void url_append_query(struct buffer *out, const char *key, const char *value)
{
    bool first = !out->data || !memchr(out->data, '?', out->size);
    buffer_append_char(out, first ? '?' : '&');
    buffer_append_text(out, key);
    buffer_append_char(out, '=');
    url_append(out, value, false);
}
