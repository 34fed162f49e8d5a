/* SPDX-License-Identifier: Apache-2.0
 *
 * A checksum written as blanks.
 */
#include "base/seal.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/crc32c.h"

enum { BITS = 32 };

/* The highest bit is first. */
static char blank_of(uint32_t sum, int place)
{
    return sum >> (BITS - 1 - place) & 1 ? '\t' : ' ';
}

void seal_append(struct buffer *text)
{
    uint32_t sum = crc32c_add(0, text->data ? text->data : "", text->size);
    for (int place = 0; place < BITS; place++) {
        buffer_append_char(text, blank_of(sum, place));
    }
    buffer_append_char(text, '\n');
}

/* Whether the text ends with a seal, damaged or not. No other text ends with so many blanks. */
static bool has_seal(const struct buffer *text)
{
    for (size_t i = 1; i <= SEAL_SIZE; i++) {
        if (i > text->size) {
            return false;
        }
        char c = text->data[text->size - i];
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
            return false;
        }
    }
    return true;
}

int seal_take(struct buffer *text)
{
    if (!has_seal(text)) {
        return 0;
    }
    text->size -= SEAL_SIZE;
    const char *at = text->data + text->size;
    uint32_t sum = crc32c_add(0, text->data, text->size);
    for (int place = 0; place < BITS; place++) {
        if (at[place] != blank_of(sum, place)) {
            return -EBADMSG;
        }
    }
    return at[BITS] == '\n' ? 0 : -EBADMSG;
}
