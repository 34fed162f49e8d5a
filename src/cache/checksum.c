/* SPDX-License-Identifier: Apache-2.0
 *
 * The polynomial of checksum.h by Horner's rule. A prime of the form 2^n - 1 reduces by adding the
 * high bits to the low ones.
 */
#include "cache/checksum.h"

#include "base/bytes.h"

#define FIELD ((UINT64_C(1) << 61) - 1)
#define POINT UINT64_C(0x11d5c8f9e36a7b43) /* any large number below the prime */
#define WORD_MASK ((UINT64_C(1) << 56) - 1)

enum { WORD_BYTES = 7 };

static uint64_t step(uint64_t sum, uint64_t word)
{
    unsigned __int128 product = (unsigned __int128)sum * POINT + word;
    uint64_t folded = ((uint64_t)product & FIELD) + (uint64_t)(product >> 61);
    return (folded & FIELD) + (folded >> 61);
}

uint64_t checksum_add(uint64_t sum, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    sum = step(sum, size + 1);
    for (; size >= 8; size -= WORD_BYTES, at += WORD_BYTES) {
        sum = step(sum, bytes_get_u64(at) & WORD_MASK);
    }
    uint8_t rest[8] = {0};
    memcpy(rest, at, size);
    sum = step(sum, bytes_get_u64(rest));
    return sum >= FIELD ? sum - FIELD : sum;
}
