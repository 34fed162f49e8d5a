/* SPDX-License-Identifier: Apache-2.0
 *
 * The check of UTF-8, by the table of well-formed byte sequences in the Unicode Standard (table
 * 3-7): only the second byte's range depends on the first.
 */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

/* The length of the sequence that starts at p, of which `left` bytes are there; 0 if ill-formed. */
static size_t sequence(const unsigned char *p, size_t left)
{
    unsigned char lead = p[0];
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    size_t length = 0;
    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xc2 && lead <= 0xdf) {
        length = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        length = 3;
        low = lead == 0xe0 ? 0xa0 : low;
        high = lead == 0xed ? 0x9f : high;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        length = 4;
        low = lead == 0xf0 ? 0x90 : low;
        high = lead == 0xf4 ? 0x8f : high;
    }
    if (length == 0 || length > left || p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

size_t utf8_length(const char *bytes, size_t left)
{
    return sequence((const unsigned char *)bytes, left);
}

bool utf8_valid(const char *bytes, size_t size)
{
    const unsigned char *p = (const unsigned char *)bytes;
    size_t at = 0;
    while (at < size) {
        uint64_t eight = 0;
        if (size - at >= sizeof eight) {
            memcpy(&eight, p + at, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                at += sizeof eight;
                continue;
            }
        }
        size_t length = sequence(p + at, size - at);
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

void utf8_clean(char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        size_t length = sequence((const unsigned char *)text, left);
        if (length == 0) {
            *text = '?';
            length = 1;
        }
        text += length;
        left -= length;
    }
}
