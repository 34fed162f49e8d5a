/* SPDX-License-Identifier: Apache-2.0
 *
 * Records of the meta database, with valid checksums over any bytes: reading stays within them, and
 * an accepted record is written as the same bytes again. Input: size of the key, key, value.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "index/records.h"

enum { SUM = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

static void check_slot(const uint8_t *key, size_t key_size, const uint8_t *value, size_t size)
{
    struct record_key name;
    struct record_value again;
    struct record_slot slot;
    uint32_t number;
    if (record_slot_decode(key, key_size, value, size, &number, &slot) == 0) {
        if (key[0] != RECORD_SPACE_SLOT) {
            return; /* a reader has checked this */
        }
        record_slot_key(number, &name);
        require(name.size == key_size && memcmp(name.bytes, key, key_size) == 0);
        record_slot_encode(&name, &slot, &again);
        require(again.size == size && (!slot.live || slot.key_size > 0));
        require(!slot.live || memcmp(again.bytes + SUM + RECORD_SLOT_BYTES,
                                     value + SUM + RECORD_SLOT_BYTES, slot.key_size) == 0);
    }
}

static void check_entry(const uint8_t *key, size_t key_size, const uint8_t *value, size_t size)
{
    struct record_key name;
    struct record_value again;
    struct record_entry entry;
    struct record_entry same;
    if (record_entry_decode(key, key_size, value, size, &entry) == 0) {
        name.size = key_size;
        memcpy(name.bytes, key, key_size);
        record_entry_encode(&name, &entry, &again);
        require(record_entry_decode(key, key_size, again.bytes, again.size, &same) == 0);
        require(same.slot == entry.slot && same.child == entry.child);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct record_head head;
    const uint8_t *note;
    size_t note_size;
    uint8_t value[2048];
    if (size < 1 || size < 1u + data[0] || size - 1 - data[0] > sizeof value - SUM) {
        return 0;
    }
    const uint8_t *key = data + 1;
    size_t key_size = data[0];
    size_t payload = size - 1 - key_size;
    memcpy(value + SUM, key + key_size, payload);
    bytes_put_u32(value, crc32c_add(crc32c_add(0, key, key_size), value + SUM, payload));
    check_slot(key, key_size, value, SUM + payload);
    check_entry(key, key_size, value, SUM + payload);
    if (key_size == 1 && record_head_decode(value, SUM + payload, &head) == 0) {
        require(head.shape.dimension > 0 && head.live <= head.slots);
    }
    if (key_size == 1 && record_note_decode(value, SUM + payload, &note, &note_size) == 0) {
        require(note_size <= INDEX_NOTE_MAX && note + note_size <= value + SUM + payload);
    }
    return 0;
}
