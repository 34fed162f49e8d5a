/* SPDX-License-Identifier: Apache-2.0
 *
 * Splits a request target into path and query parameters, percent-decoded strictly. A malformed
 * escape is an error and not a literal, so that no two spellings of a wrong name mean the same
 * object.
 */
#include "http/target.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

/* Appends the decoded bytes of [at, end) and a NUL. */
static int decode_part(const char *at, const char *end, bool plus_is_space, struct buffer *text,
                       struct error *error)
{
    while (at < end) {
        if (*at != '%') {
            char c = *at++;
            if (c == '+' && plus_is_space) {
                c = ' ';
            }
            buffer_append_char(text, c);
            continue;
        }
        int high = (end - at >= 3) ? hex_digit(at[1]) : -1;
        int low = (end - at >= 3) ? hex_digit(at[2]) : -1;
        if (high < 0 || low < 0) {
            return error_set(error, ERROR_MALFORMED,
                             "the request target has a '%%' without two hexadecimal digits");
        }
        if (high == 0 && low == 0) {
            return error_set(error, ERROR_MALFORMED, "the request target holds a NUL byte (%%00)");
        }
        buffer_append_char(text, (char)(high * 16 + low));
        at += 3;
    }
    buffer_append_char(text, '\0');
    return 0;
}

/* Where the path begins, after scheme and authority of the absolute form; NULL if there is none. */
static const char *find_path(const char *raw)
{
    if (raw[0] == '/') {
        return raw;
    }
    size_t scheme = 0;
    if (strncasecmp(raw, "http://", 7) == 0) {
        scheme = 7;
    } else if (strncasecmp(raw, "https://", 8) == 0) {
        scheme = 8;
    } else {
        return NULL;
    }
    const char *path = raw + scheme + strcspn(raw + scheme, "/?");
    return *path == '/' ? path : NULL;
}

static int decode_query(const char *at, struct buffer *text, struct target *target,
                        struct error *error)
{
    while (*at) {
        const char *end = at + strcspn(at, "&");
        const char *equals = memchr(at, '=', (size_t)(end - at));
        const char *name_end = equals ? equals : end;
        if (end > at) {
            int r = decode_part(at, name_end, true, text, error);
            if (r == 0) {
                r = decode_part(equals ? equals + 1 : end, end, true, text, error);
            }
            if (r < 0) {
                return r;
            }
            target->query_pairs++;
        }
        at = *end ? end + 1 : end;
    }
    return 0;
}

int target_decode(const char *raw, struct buffer *text, struct target *ret_target,
                  struct error *error)
{
    const char *path = find_path(raw);
    if (!path) {
        return error_set(error, ERROR_MALFORMED, "the request target must begin with '/'");
    }
    struct target target = {.path = text->size};
    const char *question = path + strcspn(path, "?");
    int r = decode_part(path, question, false, text, error);
    if (r < 0) {
        return r;
    }
    target.query = text->size;
    if (*question) {
        r = decode_query(question + 1, text, &target, error);
        if (r < 0) {
            return r;
        }
    }
    if (buffer_ok(text) < 0) {
        return error_memory(error, "the request target");
    }
    *ret_target = target;
    return 0;
}

const char *target_query(const struct buffer *text, const struct target *target, const char *name)
{
    if (target->query_pairs == 0) {
        return NULL;
    }
    const char *at = text->data + target->query;
    for (size_t i = 0; i < target->query_pairs; i++) {
        const char *value = at + strlen(at) + 1;
        if (strcmp(at, name) == 0) {
            return value;
        }
        at = value + strlen(value) + 1;
    }
    return NULL;
}
