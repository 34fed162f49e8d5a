/* SPDX-License-Identifier: Apache-2.0
 *
 * Sealing and opening of records: 8 bytes of checksum, 4 of generation, the payload, little-endian.
 */
#include "cache/record.h"

#include <errno.h>

#include "base/bytes.h"
#include "cache/checksum.h"

enum { SUM_SIZE = 8 };

static uint64_t record_sum(const void *key, size_t key_size, const uint8_t *bytes, size_t size)
{
    return checksum_add(checksum_add(0, key, key_size), bytes + SUM_SIZE, size - SUM_SIZE);
}

void record_seal(const void *key, size_t key_size, uint32_t generation, uint8_t *bytes,
                 size_t payload_size)
{
    bytes_put_u32(bytes + SUM_SIZE, generation);
    bytes_put_u64(bytes, record_sum(key, key_size, bytes, RECORD_HEAD + payload_size));
}

int record_open(const void *key, size_t key_size, const uint8_t *bytes, size_t size,
                struct record *ret_record)
{
    if (size < RECORD_HEAD || bytes_get_u64(bytes) != record_sum(key, key_size, bytes, size)) {
        return -EBADMSG;
    }
    ret_record->generation = bytes_get_u32(bytes + SUM_SIZE);
    ret_record->payload = bytes + RECORD_HEAD;
    ret_record->size = size - RECORD_HEAD;
    return 0;
}
