/* SPDX-License-Identifier: Apache-2.0
 *
 * Values of entries in the file, as bytes. Each begins with a CRC-32C over its name and the rest,
 * so that a value under the wrong name is found, too. Pure.
 */
#ifndef SITU_KNOWN_ENTRY_VALUE_H
#define SITU_KNOWN_ENTRY_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "known/entry_name.h"
#include "known/known.h"

enum {
    VALUE_HEAD = 4,
    VALUE_NOTE_MAX = 256,
    VALUE_OBJECT_MAX = VALUE_HEAD + 1 + IDENTITY_BYTES + 8 + 32,
    VALUE_SIZE_MAX = VALUE_HEAD + VALUE_NOTE_MAX,
};

struct value {
    size_t size;
    uint8_t bytes[VALUE_SIZE_MAX];
};

/* A state out of range is -EINVAL. */
must_check int value_make_object(const struct entry_name *name, const struct known_object *object,
                                 struct value *ret_value);
void value_make_link(const struct entry_name *name, uint64_t group, struct value *ret_value);
/* Up to VALUE_NOTE_MAX bytes: a note, or the version. */
void value_make_raw(const struct entry_name *name, const void *bytes, size_t size,
                    struct value *ret_value);

/* All: -EBADMSG where the checksum or the form is wrong. The name is as it lies in the file. */
must_check int value_read_object(const void *name, size_t name_size, const void *bytes, size_t size,
                                 struct known_object *ret_object);
must_check int value_read_link(const void *name, size_t name_size, const void *bytes, size_t size,
                               uint64_t *ret_group);
must_check int value_read_raw(const void *name, size_t name_size, const void *bytes, size_t size,
                              const uint8_t **ret_bytes, size_t *ret_size);

#endif
