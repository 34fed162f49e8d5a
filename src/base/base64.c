/* SPDX-License-Identifier: Apache-2.0
 *
 * Base64, four characters at a time.
 */
#include "base/base64.h"

#include <errno.h>
#include <stdint.h>

/* A digit's value plus one; 0 for any other character. */
static const uint8_t digits[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

/* `count` digits as a number of 6 * count bits; -EINVAL for any other character. */
static int32_t read_digits(const unsigned char *text, unsigned count)
{
    uint32_t bits = 0;
    uint8_t worst = UINT8_MAX;
    for (unsigned i = 0; i < count; i++) {
        uint8_t digit = digits[text[i]];
        worst = digit < worst ? digit : worst;
        bits = bits << 6 | (uint32_t)((digit - 1) & 0x3f);
    }
    return worst == 0 ? -EINVAL : (int32_t)bits;
}

int base64_decode(const char *text, size_t text_size, void *bytes, size_t *ret_size)
{
    const unsigned char *in = (const unsigned char *)text;
    unsigned char *out = bytes;
    if (text_size % 4 != 0) {
        return -EINVAL;
    }
    unsigned padding = 0;
    if (text_size > 0 && in[text_size - 1] == '=') {
        padding = in[text_size - 2] == '=' ? 2 : 1;
    }
    const unsigned char *end = in + text_size - (padding > 0 ? 4 : 0);
    for (; in < end; in += 4) {
        int32_t bits = read_digits(in, 4);
        if (bits < 0) {
            return -EINVAL;
        }
        *out++ = (unsigned char)(bits >> 16);
        *out++ = (unsigned char)(bits >> 8);
        *out++ = (unsigned char)bits;
    }
    if (padding > 0) {
        int32_t bits = read_digits(in, 4 - padding);
        int left_over = padding == 1 ? 2 : 4; /* bits */
        if (bits < 0 || (bits & ((1 << left_over) - 1)) != 0) {
            return -EINVAL;
        }
        bits >>= left_over;
        if (padding == 1) {
            *out++ = (unsigned char)(bits >> 8);
        }
        *out++ = (unsigned char)bits;
    }
    *ret_size = (size_t)(out - (unsigned char *)bytes);
    return 0;
}

void base64_write(struct buffer *out, const void *bytes, size_t size)
{
    enum { PADDING = 64 };
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    const uint8_t *in = bytes;
    size_t length = (size + 2) / 3 * 4;
    char *to = buffer_reserve(out, length);
    if (!to) {
        return;
    }
    for (size_t at = 0; at < size; at += 3) {
        size_t left = size - at;
        uint32_t bits = (uint32_t)in[at] << 16 | (left > 1 ? (uint32_t)in[at + 1] << 8 : 0) |
                        (left > 2 ? in[at + 2] : 0);
        *to++ = letters[bits >> 18];
        *to++ = letters[bits >> 12 & 0x3f];
        *to++ = letters[left > 1 ? bits >> 6 & 0x3f : PADDING];
        *to++ = letters[left > 2 ? bits & 0x3f : PADDING];
    }
    out->size += length;
}
