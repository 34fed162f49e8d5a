/* SPDX-License-Identifier: Apache-2.0
 *
 * Values, little-endian. An object is a byte of flags, its identity, and, where they are not zero,
 * slot and digest: most owners use one of them or none.
 */
#include "known/entry_value.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"

enum {
    FLAG_STATE = 0x03,
    FLAG_TRUSTED = 0x04,
    FLAG_SLOT = 0x08,
    FLAG_DIGEST = 0x10,
    FLAG_ALL = FLAG_STATE | FLAG_TRUSTED | FLAG_SLOT | FLAG_DIGEST,
    SLOT_SIZE = 8,
    DIGEST_SIZE = 32,
};

static uint32_t sum_of(const void *name, size_t name_size, const uint8_t *bytes, size_t size)
{
    return crc32c_add(crc32c_add(0, name, name_size), bytes + VALUE_HEAD, size - VALUE_HEAD);
}

static void seal(const struct entry_name *name, struct value *value)
{
    bytes_put_u32(value->bytes, sum_of(name->bytes, name->size, value->bytes, value->size));
}

int value_make_object(const struct entry_name *name, const struct known_object *object,
                      struct value *ret_value)
{
    static const uint8_t zeros[DIGEST_SIZE];
    if (object->state != KNOWN_GOOD && object->state != KNOWN_FAILED) {
        return -EINVAL;
    }
    bool has_digest = memcmp(object->digest, zeros, DIGEST_SIZE) != 0;
    uint8_t *at = ret_value->bytes + VALUE_HEAD;
    *at++ = (uint8_t)((unsigned)object->state | (object->trusted ? FLAG_TRUSTED : 0u) |
                      (object->slot != 0 ? FLAG_SLOT : 0u) | (has_digest ? FLAG_DIGEST : 0u));
    memcpy(at, object->identity.bytes, IDENTITY_BYTES);
    at += IDENTITY_BYTES;
    if (object->slot != 0) {
        bytes_put_u64(at, object->slot);
        at += SLOT_SIZE;
    }
    if (has_digest) {
        memcpy(at, object->digest, DIGEST_SIZE);
        at += DIGEST_SIZE;
    }
    ret_value->size = (size_t)(at - ret_value->bytes);
    seal(name, ret_value);
    return 0;
}

void value_make_link(const struct entry_name *name, uint64_t group, struct value *ret_value)
{
    bytes_put_u64(ret_value->bytes + VALUE_HEAD, group);
    ret_value->size = VALUE_HEAD + sizeof group;
    seal(name, ret_value);
}

void value_make_raw(const struct entry_name *name, const void *bytes, size_t size,
                    struct value *ret_value)
{
    if (size > 0) {
        memcpy(ret_value->bytes + VALUE_HEAD, bytes, size);
    }
    ret_value->size = VALUE_HEAD + size;
    seal(name, ret_value);
}

int value_read_raw(const void *name, size_t name_size, const void *bytes, size_t size,
                   const uint8_t **ret_bytes, size_t *ret_size)
{
    if (size < VALUE_HEAD || size > VALUE_SIZE_MAX ||
        bytes_get_u32(bytes) != sum_of(name, name_size, bytes, size)) {
        return -EBADMSG;
    }
    *ret_bytes = (const uint8_t *)bytes + VALUE_HEAD;
    *ret_size = size - VALUE_HEAD;
    return 0;
}

int value_read_link(const void *name, size_t name_size, const void *bytes, size_t size,
                    uint64_t *ret_group)
{
    const uint8_t *at = NULL;
    size_t left = 0;
    int r = value_read_raw(name, name_size, bytes, size, &at, &left);
    if (r < 0 || left != sizeof *ret_group) {
        return -EBADMSG;
    }
    uint64_t group = bytes_get_u64(at);
    if (group == 0 || group > ENTRY_NAME_GROUP_MAX) {
        return -EBADMSG;
    }
    *ret_group = group;
    return 0;
}

int value_read_object(const void *name, size_t name_size, const void *bytes, size_t size,
                      struct known_object *ret_object)
{
    const uint8_t *at = NULL;
    size_t left = 0;
    int r = value_read_raw(name, name_size, bytes, size, &at, &left);
    if (r < 0 || left < 1 + IDENTITY_BYTES) {
        return -EBADMSG;
    }
    unsigned flags = *at;
    unsigned state = flags & FLAG_STATE;
    size_t slot_size = flags & FLAG_SLOT ? SLOT_SIZE : 0;
    size_t digest_size = flags & FLAG_DIGEST ? DIGEST_SIZE : 0;
    if ((flags & ~(unsigned)FLAG_ALL) != 0 || (state != KNOWN_GOOD && state != KNOWN_FAILED) ||
        left != 1 + IDENTITY_BYTES + slot_size + digest_size) {
        return -EBADMSG;
    }
    at++;
    *ret_object = (struct known_object){
        .state = (enum known_state)state,
        .trusted = (flags & FLAG_TRUSTED) != 0,
    };
    memcpy(ret_object->identity.bytes, at, IDENTITY_BYTES);
    at += IDENTITY_BYTES;
    if (slot_size > 0) {
        ret_object->slot = bytes_get_u64(at);
        at += SLOT_SIZE;
    }
    if (digest_size > 0) {
        memcpy(ret_object->digest, at, DIGEST_SIZE);
    }
    return 0;
}
