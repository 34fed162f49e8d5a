/* SPDX-License-Identifier: Apache-2.0
 *
 * Orientation out of EXIF (a TIFF directory) and XMP, as Pillow 9.4 finds it; see exif.h. Runs
 * wherever a decoder runs.
 */
#include "media/exif.h"

#include <stdbool.h>
#include <string.h>

enum {
    TAG_ORIENTATION = 274,
    HEADER_SIZE = 8,
    ENTRY_SIZE = 12,
};

enum tiff_type {
    TYPE_BYTE = 1,
    TYPE_SHORT = 3,
    TYPE_LONG = 4,
    TYPE_SIGNED_BYTE = 6,
    TYPE_SIGNED_SHORT = 8,
    TYPE_SIGNED_LONG = 9,
    TYPE_IFD = 13,
};

struct tiff {
    const uint8_t *bytes;
    size_t size;
    bool big_endian;
};

static uint32_t tiff_16(const struct tiff *tiff, size_t at)
{
    const uint8_t *b = tiff->bytes + at;
    return tiff->big_endian ? (uint32_t)b[0] << 8 | b[1] : (uint32_t)b[1] << 8 | b[0];
}

static uint32_t tiff_32(const struct tiff *tiff, size_t at)
{
    uint32_t first = tiff_16(tiff, at);
    uint32_t second = tiff_16(tiff, at + 2);
    return tiff->big_endian ? first << 16 | second : second << 16 | first;
}

static bool tiff_open(struct tiff *tiff, const uint8_t *bytes, size_t size)
{
    static const uint8_t prefix[6] = "Exif\0";
    if (size >= sizeof(prefix) && memcmp(bytes, prefix, sizeof(prefix)) == 0) {
        bytes += sizeof(prefix);
        size -= sizeof(prefix);
    }
    *tiff = (struct tiff){.bytes = bytes, .size = size};
    if (size < HEADER_SIZE) {
        return false;
    }
    /* Pillow also takes a header whose two bytes of 42 are swapped. */
    tiff->big_endian = bytes[0] == 'M';
    bool letters = bytes[0] == bytes[1] && (bytes[0] == 'M' || bytes[0] == 'I');
    bool magic = (bytes[2] == 42 && bytes[3] == 0) || (bytes[2] == 0 && bytes[3] == 42);
    return letters && magic;
}

/* Bytes of one value; 0 for a type that Pillow does not read. */
static uint32_t unit_size(uint32_t type)
{
    static const uint8_t sizes[] = {
        [1] = 1, [2] = 1, [3] = 2,  [4] = 4,  [5] = 8,  [6] = 1,  [7] = 1,
        [8] = 2, [9] = 4, [10] = 8, [11] = 4, [12] = 8, [13] = 4, [16] = 8};
    return type < sizeof(sizes) ? sizes[type] : 0;
}

/* The first value of an entry as Pillow compares it with 1..8; 0 for other values. */
static uint32_t entry_value(const struct tiff *tiff, size_t at, uint32_t type)
{
    uint32_t value = 0;
    switch (type) {
    case TYPE_SHORT:
    case TYPE_SIGNED_SHORT:
        value = tiff_16(tiff, at);
        break;
    case TYPE_LONG:
    case TYPE_SIGNED_LONG:
    case TYPE_IFD:
        value = tiff_32(tiff, at);
        break;
    case TYPE_SIGNED_BYTE:
        value = tiff->bytes[at];
        break;
    default: /* TYPE_BYTE among them, which Pillow leaves as a byte string */
        break;
    }
    return value >= 1 && value <= 8 ? value : 0;
}

uint32_t exif_orientation(const uint8_t *bytes, size_t size)
{
    struct tiff tiff;
    if (!tiff_open(&tiff, bytes, size)) {
        return 1;
    }
    uint32_t found = 0;
    size_t at = tiff_32(&tiff, 4);
    if (at > tiff.size || tiff.size - at < 2) {
        return 0;
    }
    uint32_t entries = tiff_16(&tiff, at);
    at += 2;
    for (uint32_t i = 0; i < entries && tiff.size - at >= ENTRY_SIZE; i++, at += ENTRY_SIZE) {
        uint32_t type = tiff_16(&tiff, at + 2);
        uint64_t total = (uint64_t)tiff_32(&tiff, at + 4) * unit_size(type);
        size_t data = at + 8;
        if (total > 4) {
            data = tiff_32(&tiff, data);
            if (data > tiff.size || total > tiff.size - data) {
                break; /* Pillow keeps what it has read before */
            }
        }
        if (tiff_16(&tiff, at) == TAG_ORIENTATION && total > 0) {
            uint32_t value = entry_value(&tiff, data, type);
            found = value ? value : 1;
        }
    }
    return found;
}

uint32_t exif_xmp_orientation(const uint8_t *bytes, size_t size)
{
    static const char key[] = "tiff:Orientation";
    size_t at = 0;
    while (at < size) {
        const uint8_t *found = memmem(bytes + at, size - at, key, sizeof(key) - 1);
        if (!found) {
            break;
        }
        at = (size_t)(found - bytes) + sizeof(key) - 1;
        size_t quote = 0;
        if (size - at >= 2 && bytes[at] == '=' && bytes[at + 1] == '"') {
            quote = 2;
        } else if (size - at >= 1 && bytes[at] == '>') {
            quote = 1;
        }
        if (quote && size - at > quote && bytes[at + quote] >= '0' && bytes[at + quote] <= '9') {
            uint32_t value = (uint32_t)(bytes[at + quote] - '0');
            return value >= 1 && value <= 8 ? value : 1;
        }
    }
    return 0;
}
