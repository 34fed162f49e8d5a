/* SPDX-License-Identifier: Apache-2.0
 *
 * Percent-encoding.
 */
#include "client/url.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json_write.h"
#include "client/plain_numbers.h"

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

void url_append_number(struct buffer *out, const char *key, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    url_append_query(out, key, text);
}

int url_append_real(struct buffer *out, const char *key, double value, struct situ_error *error)
{
    cleanup_buffer struct buffer number = BUFFER_INIT;
    struct plain_numbers plain;
    if (plain_numbers_begin(&plain)) {
        return client_fail_memory(error);
    }
    json_put_double(&JSON_WRITER(&number), NULL, value);
    plain_numbers_end(&plain);
    const char *text = buffer_text(&number);
    if (!text) {
        return client_fail_memory(error);
    }
    url_append_query(out, key, text);
    return 0;
}
