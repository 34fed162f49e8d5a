/* SPDX-License-Identifier: Apache-2.0
 *
 * The records of records.h: little-endian, numbers in keys big-endian.
 */
#include "index/records.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"

enum { SUM = 4, SLOT_KEY_BYTES = 1 + 4, ENTRY_KEY_MIN = 1 + 8 + 1 };

static void seal(const void *key, size_t key_size, struct record_value *value, size_t payload)
{
    uint32_t sum = crc32c_add(0, key, key_size);
    bytes_put_u32(value->bytes, crc32c_add(sum, value->bytes + SUM, payload));
    value->size = SUM + payload;
}

/* The payload where the sum is right, else NULL. */
static const uint8_t *open_value(const void *key, size_t key_size, const void *value, size_t size)
{
    const uint8_t *bytes = value;
    if (size < SUM) {
        return NULL;
    }
    uint32_t sum = crc32c_add(0, key, key_size);
    return crc32c_add(sum, bytes + SUM, size - SUM) == bytes_get_u32(bytes) ? bytes + SUM : NULL;
}

static void plain_key(enum record_space space, struct record_key *ret_key)
{
    ret_key->bytes[0] = (uint8_t)space;
    ret_key->size = 1;
}

void record_head_key(struct record_key *ret_key)
{
    plain_key(RECORD_SPACE_HEAD, ret_key);
}

void record_note_key(struct record_key *ret_key)
{
    plain_key(RECORD_SPACE_NOTE, ret_key);
}

void record_slot_key(uint32_t slot, struct record_key *ret_key)
{
    uint32_t big = htobe32(slot);
    ret_key->bytes[0] = RECORD_SPACE_SLOT;
    memcpy(ret_key->bytes + 1, &big, sizeof big);
    ret_key->size = SLOT_KEY_BYTES;
}

void record_entry_key(uint64_t node, const char *piece, size_t size, struct record_key *ret_key)
{
    ret_key->bytes[0] = RECORD_SPACE_KEY;
    bytes_put_big_u64(ret_key->bytes + 1, node);
    memcpy(ret_key->bytes + 9, piece, size);
    ret_key->size = 9 + size;
}

void record_head_encode(const struct record_head *head, struct record_value *ret_value)
{
    struct record_key key;
    uint8_t *at = ret_value->bytes + SUM;
    memset(at, 0, RECORD_HEAD_BYTES);
    bytes_put_u32(at, head->format);
    bytes_put_u32(at + 4, head->shape.dimension);
    bytes_put_u32(at + 8, (uint32_t)head->shape.metric);
    bytes_put_u64(at + 16, head->id);
    bytes_put_u64(at + 24, head->generation);
    bytes_put_u64(at + 32, head->next_number);
    bytes_put_u64(at + 40, head->next_node);
    bytes_put_u64(at + 48, head->slots);
    bytes_put_u64(at + 56, head->live);
    record_head_key(&key);
    seal(key.bytes, key.size, ret_value, RECORD_HEAD_BYTES);
}

int record_head_decode(const void *value, size_t size, struct record_head *ret_head)
{
    struct record_key key;
    record_head_key(&key);
    const uint8_t *at = open_value(key.bytes, key.size, value, size);
    if (!at || size < SUM + 4) {
        return -EBADMSG;
    }
    if (bytes_get_u32(at) > RECORDS_FORMAT) {
        return -ENOTSUP;
    }
    if (size != SUM + RECORD_HEAD_BYTES) {
        return -EBADMSG;
    }
    uint32_t metric = bytes_get_u32(at + 8);
    *ret_head = (struct record_head){
        .format = bytes_get_u32(at),
        .shape = {.dimension = bytes_get_u32(at + 4), .metric = (enum index_metric)metric},
        .id = bytes_get_u64(at + 16),
        .generation = bytes_get_u64(at + 24),
        .next_number = bytes_get_u64(at + 32),
        .next_node = bytes_get_u64(at + 40),
        .slots = bytes_get_u64(at + 48),
        .live = bytes_get_u64(at + 56),
    };
    bool good = ret_head->format == RECORDS_FORMAT && ret_head->shape.dimension > 0 &&
                ret_head->shape.dimension <= INDEX_DIMENSION_MAX && metric >= INDEX_COSINE &&
                metric <= INDEX_EUCLIDEAN && ret_head->generation > 0 &&
                ret_head->slots <= INDEX_ROWS_MAX && ret_head->live <= ret_head->slots;
    return good ? 0 : -EBADMSG;
}

void record_entry_encode(const struct record_key *key, const struct record_entry *entry,
                         struct record_value *ret_value)
{
    uint8_t *at = ret_value->bytes + SUM;
    bytes_put_u32(at, entry->slot);
    bytes_put_u32(at + 4, 0);
    bytes_put_u64(at + 8, entry->child);
    seal(key->bytes, key->size, ret_value, RECORD_ENTRY_BYTES);
}

int record_entry_decode(const void *key, size_t key_size, const void *value, size_t size,
                        struct record_entry *ret_entry)
{
    if (key_size < ENTRY_KEY_MIN || key_size > RECORD_KEY_MAX || size != SUM + RECORD_ENTRY_BYTES) {
        return -EBADMSG;
    }
    const uint8_t *at = open_value(key, key_size, value, size);
    if (!at) {
        return -EBADMSG;
    }
    ret_entry->slot = bytes_get_u32(at);
    ret_entry->child = bytes_get_u64(at + 8);
    bool whole = key_size == RECORD_KEY_MAX; /* only whole pieces go on */
    bool good = (ret_entry->slot < INDEX_ROWS_MAX || ret_entry->slot == NO_SLOT) &&
                (ret_entry->child == 0 || whole) &&
                (ret_entry->slot != NO_SLOT || ret_entry->child != 0);
    return good ? 0 : -EBADMSG;
}

void record_slot_encode(const struct record_key *key, const struct record_slot *slot,
                        struct record_value *ret_value)
{
    uint8_t *at = ret_value->bytes + SUM;
    memset(at, 0, RECORD_SLOT_BYTES);
    at[0] = slot->live;
    bytes_put_u64(at + 8, slot->live ? slot->tag : slot->freed);
    if (slot->live) {
        memcpy(at + RECORD_SLOT_BYTES, slot->key, slot->key_size);
    }
    seal(key->bytes, key->size, ret_value, RECORD_SLOT_BYTES + (slot->live ? slot->key_size : 0));
}

int record_slot_decode(const void *key, size_t key_size, const void *value, size_t size,
                       uint32_t *ret_number, struct record_slot *ret_slot)
{
    if (key_size != SLOT_KEY_BYTES || size < SUM + RECORD_SLOT_BYTES) {
        return -EBADMSG;
    }
    const uint8_t *at = open_value(key, key_size, value, size);
    size_t rest = size - SUM - RECORD_SLOT_BYTES;
    if (!at || at[0] > 1 || rest > INDEX_KEY_MAX || (rest > 0) != (at[0] == 1)) {
        return -EBADMSG;
    }
    uint32_t number;
    memcpy(&number, (const uint8_t *)key + 1, sizeof number);
    *ret_number = be32toh(number);
    uint64_t word = bytes_get_u64(at + 8);
    *ret_slot = (struct record_slot){.live = at[0] == 1};
    if (ret_slot->live) {
        ret_slot->tag = word;
        ret_slot->key = (const char *)at + RECORD_SLOT_BYTES;
        ret_slot->key_size = rest;
    } else {
        ret_slot->freed = word;
    }
    bool text = !ret_slot->live || !memchr(ret_slot->key, '\0', rest);
    return text ? 0 : -EBADMSG;
}

void record_note_encode(const void *note, size_t size, struct record_value *ret_value)
{
    struct record_key key;
    if (size > 0) {
        memcpy(ret_value->bytes + SUM, note, size);
    }
    record_note_key(&key);
    seal(key.bytes, key.size, ret_value, size);
}

int record_note_decode(const void *value, size_t size, const uint8_t **ret_note, size_t *ret_size)
{
    struct record_key key;
    record_note_key(&key);
    const uint8_t *at = open_value(key.bytes, key.size, value, size);
    if (!at || size - SUM > INDEX_NOTE_MAX) {
        return -EBADMSG;
    }
    *ret_note = at;
    *ret_size = size - SUM;
    return 0;
}
