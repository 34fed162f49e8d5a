/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks and percent-encoding of names.
 */
#include "client/name_check.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"

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

bool text_is_utf8(const char *text)
{
    return utf8_valid(text, strlen(text));
}

int name_read(const struct json *node, const char *member, struct pool *pool, const char **ret_name,
              struct situ_error *error)
{
    int r = object_name_read(node, member, pool, ret_name);
    if (r == -ENOMEM) {
        return client_fail_memory(error);
    }
    return r ? client_fail(error, SITU_PROTOCOL, "the array gives a name that cannot be read") : 0;
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
