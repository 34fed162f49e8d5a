/* SPDX-License-Identifier: Apache-2.0
 *
 * The form of an entry in the data file: a checksum over key and all that follows, the generation
 * of its last use, the payload. The key is included, so that an entry under a wrong key is detected
 * as well. Pure; any thread.
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

/* Writes the head before a payload that is at bytes + RECORD_HEAD already. */
void record_seal(const void *key, size_t key_size, uint32_t generation, uint8_t *bytes,
                 size_t payload_size);

/* 0, or -EBADMSG where the bytes are not what was sealed under this key. */
must_check int record_open(const void *key, size_t key_size, const uint8_t *bytes, size_t size,
                           struct record *ret_record);

#endif
