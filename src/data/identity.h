/* SPDX-License-Identifier: Apache-2.0
 *
 * What tells whether an object is still the one it was: 40 bytes that the back end of its store
 * makes. All others only compare, copy and store them. Pure; any thread.
 *
 * Formats on disk hold an identity as five 64-bit words, each of them 8 of its bytes,
 * little-endian. The first two words say which object it is and stay as they are when it is written
 * to; the others are its state. Zeros: not known.
 */
#ifndef SITU_DATA_IDENTITY_H
#define SITU_DATA_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

enum { IDENTITY_WORDS = 5, IDENTITY_BYTES = IDENTITY_WORDS * 8, IDENTITY_STATE_AT = 16 };

struct identity {
    uint8_t bytes[IDENTITY_BYTES];
};

static inline struct identity identity_of_words(const uint64_t words[IDENTITY_WORDS])
{
    struct identity identity;
    for (size_t i = 0; i < IDENTITY_WORDS; i++) {
        bytes_put_u64(identity.bytes + 8 * i, words[i]);
    }
    return identity;
}

static inline uint64_t identity_word(const struct identity *identity, size_t index)
{
    return bytes_get_u64(identity->bytes + 8 * index);
}

static inline bool identity_is_same(const struct identity *a, const struct identity *b)
{
    return memcmp(a->bytes, b->bytes, IDENTITY_BYTES) == 0;
}

#endif
