/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands in the data file for one entry: a checksum over key and all that follows, the
 * generation of its last use, the payload. The key takes part, so that an entry which a fault has
 * put under another key is seen as well. Pure; any thread.
 */
#ifndef SITU_CACHE_RECORD_H
#define SITU_CACHE_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

enum { RECORD_HEAD = 12 };

struct record {
    uint32_t generation;
    const uint8_t *payload; /* borrowed from the bytes read */
    size_t size;
};

/* Writes the head in front of a payload that stands at bytes + RECORD_HEAD already. */
void record_seal(const void *key, size_t key_size, uint32_t generation, uint8_t *bytes,
                 size_t payload_size);

/* 0, or -EBADMSG where the bytes are not what was sealed under this key. */
must_check int record_open(const void *key, size_t key_size, const uint8_t *bytes, size_t size,
                           struct record *ret_record);

#endif
