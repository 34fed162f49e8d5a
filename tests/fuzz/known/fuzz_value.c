/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads bytes as an entry of a table: its name's size, the name, the value. An accepted entry is
 * written back as the same bytes. The checksum is corrected first, otherwise little would pass it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "known/entry_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
    if (!good) {
        abort();
    }
}

static void read_value(const struct entry_name *name, const uint8_t *bytes, size_t size)
{
    struct known_object object;
    struct value again;
    const uint8_t *raw = NULL;
    size_t raw_size = 0;
    uint64_t group = 0;
    if (value_read_object(name->bytes, name->size, bytes, size, &object) == 0) {
        expect(value_make_object(name, &object, &again) == 0);
        /* Zeros may be written out. */
        expect(again.size <= size && (again.size != size || memcmp(again.bytes, bytes, size) == 0));
    }
    if (value_read_link(name->bytes, name->size, bytes, size, &group) == 0) {
        value_make_link(name, group, &again);
        expect(again.size == size && memcmp(again.bytes, bytes, size) == 0);
    }
    if (value_read_raw(name->bytes, name->size, bytes, size, &raw, &raw_size) == 0) {
        value_make_raw(name, raw, raw_size, &again);
        expect(again.size == size && memcmp(again.bytes, bytes, size) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct entry_name_parts parts;
    struct entry_name name;
    if (size < 2) {
        return 0;
    }
    name.size = bytes_get_u16(data) % (ENTRY_NAME_SIZE_MAX + 1u);
    if (size < 2 + name.size) {
        return 0;
    }
    memcpy(name.bytes, data + 2, name.size);
    if (entry_name_parse(name.bytes, name.size, &parts) == 0) {
        expect(parts.size > 0 && parts.size <= ENTRY_NAME_PIECE);
    }
    data += 2 + name.size;
    size -= 2 + name.size;
    read_value(&name, data, size);
    uint8_t *copy = malloc(size + 1);
    if (copy && size >= VALUE_HEAD) {
        memcpy(copy, data, size);
        uint32_t sum = crc32c_add(0, name.bytes, name.size);
        bytes_put_u32(copy, crc32c_add(sum, copy + VALUE_HEAD, size - VALUE_HEAD));
        read_value(&name, copy, size);
    }
    free(copy);
    return 0;
}
