/* SPDX-License-Identifier: Apache-2.0
 *
 * The chunks of a PNG file, see png_chunks.h. Runs wherever the PNG decoder runs.
 */
#include "media/png/png_chunks.h"

#include <string.h>

#include <zlib.h>

#include "media/exif.h"

enum {
    CHUNK_OVERHEAD = 12, /* length, name and checksum */
    IHDR_SIZE = 13,
    COLOUR_GREY = 0,
    COLOUR_RGB = 2,
    COLOUR_PALETTE = 3,
    TEXT_SIZE_MAX = 1 << 20, /* of an inflated text; Pillow's limit */
    RAW_PROFILE_LINES = 3,   /* before the hexadecimal digits: empty, name, length */
};

#define NAME(a, b, c, d)                                                                           \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

enum chunk_name {
    CHUNK_IHDR = NAME('I', 'H', 'D', 'R'),
    CHUNK_PLTE = NAME('P', 'L', 'T', 'E'),
    CHUNK_IDAT = NAME('I', 'D', 'A', 'T'),
    CHUNK_IEND = NAME('I', 'E', 'N', 'D'),
    CHUNK_TRNS = NAME('t', 'R', 'N', 'S'),
    CHUNK_GAMA = NAME('g', 'A', 'M', 'A'),
    CHUNK_SRGB = NAME('s', 'R', 'G', 'B'),
    CHUNK_PHYS = NAME('p', 'H', 'Y', 's'),
    CHUNK_ACTL = NAME('a', 'c', 'T', 'L'),
    CHUNK_FCTL = NAME('f', 'c', 'T', 'L'),
    CHUNK_FDAT = NAME('f', 'd', 'A', 'T'),
    CHUNK_EXIF = NAME('e', 'X', 'I', 'f'),
    CHUNK_TEXT = NAME('t', 'E', 'X', 't'),
    CHUNK_ZTXT = NAME('z', 'T', 'X', 't'),
    CHUNK_ITXT = NAME('i', 'T', 'X', 't'),
};

struct chunk {
    uint32_t name;
    const uint8_t *body;
    size_t size; /* as the chunk states; may reach beyond the file */
    size_t at;   /* of the chunk's first byte */
};

/* The metadata so far; before and after the image data. */
struct metadata {
    const uint8_t *exif; /* borrowed */
    size_t exif_size;
    uint32_t raw_profile; /* exif_orientation() of it; 0: none seen */
    uint32_t xmp;         /* 0: none seen */
};

static uint32_t read_32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool is_name_byte(uint8_t byte)
{
    uint8_t letter = byte | 0x20;
    return (letter >= 'a' && letter <= 'z') || (byte >= '0' && byte <= '9') || byte == '_';
}

/* The chunk at `at`; false where the file ends before it or there is no valid name. */
static bool chunk_at(const uint8_t *bytes, size_t size, size_t at, struct chunk *chunk)
{
    if (at > size || size - at < 8) {
        return false;
    }
    const uint8_t *name = bytes + at + 4;
    *chunk = (struct chunk){
        .name = read_32(name), .body = bytes + at + 8, .size = read_32(bytes + at), .at = at};
    return is_name_byte(name[0]) && is_name_byte(name[1]) && is_name_byte(name[2]) &&
           is_name_byte(name[3]);
}

static size_t chunk_end(const struct chunk *chunk)
{
    return chunk->at + CHUNK_OVERHEAD + chunk->size;
}

static bool is_body_whole(const struct chunk *chunk, size_t size)
{
    return chunk->size <= size - chunk->at - 8;
}

static bool is_checksum_right(const struct chunk *chunk, size_t size)
{
    if (chunk_end(chunk) > size) {
        return false;
    }
    return crc32_z(0, chunk->body - 4, chunk->size + 4) == read_32(chunk->body + chunk->size);
}

/* Bodies too short for what Pillow reads from them; it then fails. */
static bool is_body_usable(const struct chunk *chunk, const struct png_chunks *chunks)
{
    switch (chunk->name) {
    case CHUNK_IHDR:
        return chunk->size >= IHDR_SIZE && chunk->body[11] == 0;
    case CHUNK_TRNS:
        if (chunks->colour_type == COLOUR_GREY) {
            return chunk->size >= 2;
        }
        return chunks->colour_type != COLOUR_RGB || chunk->size >= 6;
    case CHUNK_GAMA:
    case CHUNK_FDAT:
        return chunk->size >= 4;
    case CHUNK_SRGB:
        return chunk->size >= 1;
    case CHUNK_PHYS:
        return chunk->size >= 9;
    case CHUNK_ACTL:
        return chunk->size >= 8;
    case CHUNK_FCTL:
        return chunk->size >= 26;
    default:
        return true;
    }
}

/* The bytes after the keyword's NUL where the keyword is `key`; otherwise NULL. */
static const uint8_t *text_after(const struct chunk *chunk, const char *key, size_t *ret_size)
{
    size_t length = strlen(key) + 1;
    if (chunk->size < length || memcmp(chunk->body, key, length) != 0) {
        return NULL;
    }
    *ret_size = chunk->size - length;
    return chunk->body + length;
}

/* Inflates into a new buffer of at most TEXT_SIZE_MAX; NULL where that fails. */
static uint8_t *inflate_text(const uint8_t *bytes, size_t size, size_t *ret_size)
{
    uLongf capacity = TEXT_SIZE_MAX;
    uint8_t *text = malloc(capacity);
    if (text && uncompress(text, &capacity, bytes, size) != Z_OK) {
        free(text);
        text = NULL;
    }
    *ret_size = capacity;
    return text;
}

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    uint8_t letter = byte | 0x20;
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* "\nexif\n 1234\n45786966..." as ImageMagick writes it; 1 where it is invalid. */
static uint32_t raw_profile_orientation(const uint8_t *text, size_t size)
{
    size_t at = 0;
    for (unsigned line = 0; line < RAW_PROFILE_LINES; line++) {
        const uint8_t *end = at < size ? memchr(text + at, '\n', size - at) : NULL;
        if (!end) {
            return 1;
        }
        at = (size_t)(end - text) + 1;
    }
    cleanup_free uint8_t *profile = malloc((size - at) / 2 + 1);
    if (!profile) {
        return 1;
    }
    size_t digits = 0;
    for (; at < size; at++) {
        int digit = hex_digit(text[at]);
        if (digit < 0) {
            continue;
        }
        if (digits % 2 == 0) {
            profile[digits / 2] = (uint8_t)(digit << 4);
        } else {
            profile[digits / 2] |= (uint8_t)digit;
        }
        digits++;
    }
    uint32_t orientation = digits >= 2 ? exif_orientation(profile, digits / 2) : 0;
    return orientation ? orientation : 1;
}

static void read_xmp(const struct chunk *chunk, struct metadata *metadata)
{
    size_t size = 0;
    const uint8_t *text = text_after(chunk, "XML:com.adobe.xmp", &size);
    if (!text || size < 2) {
        return;
    }
    bool compressed = text[0] != 0;
    bool known = !compressed || text[1] == 0;
    text += 2;
    size -= 2;
    for (unsigned field = 0; field < 2; field++) { /* language and translated keyword */
        const uint8_t *end = memchr(text, 0, size);
        if (!end || !known) {
            return;
        }
        size -= (size_t)(end - text) + 1;
        text = end + 1;
    }
    cleanup_free uint8_t *inflated = NULL;
    if (compressed) {
        inflated = inflate_text(text, size, &size);
        text = inflated;
    }
    if (text) {
        metadata->xmp = exif_xmp_orientation(text, size);
    }
}

static void read_raw_profile(const struct chunk *chunk, struct metadata *metadata)
{
    size_t size = 0;
    const uint8_t *text = text_after(chunk, "Raw profile type exif", &size);
    if (!text) {
        return;
    }
    if (chunk->name == CHUNK_TEXT) {
        metadata->raw_profile = raw_profile_orientation(text, size);
    } else if (size > 1) {
        cleanup_free uint8_t *inflated = inflate_text(text + 1, size - 1, &size);
        metadata->raw_profile = inflated ? raw_profile_orientation(inflated, size) : 0;
    }
}

static void read_metadata(const struct chunk *chunk, struct metadata *metadata)
{
    size_t size = 0;
    const uint8_t *text = NULL;
    switch (chunk->name) {
    case CHUNK_EXIF:
        metadata->exif = chunk->body;
        metadata->exif_size = chunk->size;
        break;
    case CHUNK_TEXT:
        text = text_after(chunk, "exif", &size);
        if (text) {
            metadata->exif = text;
            metadata->exif_size = size;
        }
        read_raw_profile(chunk, metadata);
        break;
    case CHUNK_ZTXT:
        read_raw_profile(chunk, metadata);
        break;
    case CHUNK_ITXT:
        read_xmp(chunk, metadata);
        break;
    default:
        break;
    }
}

static uint32_t metadata_orientation(const struct metadata *metadata)
{
    uint32_t orientation = metadata->raw_profile;
    if (metadata->exif) {
        orientation =
            metadata->exif_size ? exif_orientation(metadata->exif, metadata->exif_size) : 0;
    }
    if (!orientation) {
        orientation = metadata->xmp;
    }
    return orientation ? orientation : 1;
}

static int refuse(const struct chunk *chunk, const char *why, struct error *error)
{
    return error_set(error, ERROR_UNDECODABLE, "PNG file: chunk %c%c%c%c at byte %zu %s",
                     (int)(chunk->name >> 24), (int)(chunk->name >> 16 & 255),
                     (int)(chunk->name >> 8 & 255), (int)(chunk->name & 255), chunk->at, why);
}

/* The first frame of an animation must be the image itself: otherwise Pillow shows a part of it. */
static bool is_frame_whole(const struct chunk *chunk, const struct png_chunks *chunks)
{
    return read_32(chunk->body + 4) == chunks->width &&
           read_32(chunk->body + 8) == chunks->height && read_32(chunk->body + 12) == 0 &&
           read_32(chunk->body + 16) == 0;
}

static int head_chunk(const struct chunk *chunk, struct png_chunks *chunks, struct error *error)
{
    switch (chunk->name) {
    case CHUNK_IHDR:
        chunks->width = read_32(chunk->body);
        chunks->height = read_32(chunk->body + 4);
        chunks->depth = chunk->body[8];
        chunks->colour_type = chunk->body[9];
        chunks->interlaced = chunk->body[12] != 0;
        return 0;
    case CHUNK_PLTE:
        if (chunks->colour_type != COLOUR_PALETTE) {
            return 0;
        }
        if (chunk->size > PNG_PALETTE_BYTES) {
            return refuse(chunk, "has more than 256 colours", error);
        }
        chunks->palette = chunk->body;
        chunks->palette_size = chunk->size;
        return 0;
    case CHUNK_TRNS:
        chunks->transparency = chunk->body;
        chunks->transparency_size = chunk->size;
        return 0;
    case CHUNK_FCTL:
        return is_frame_whole(chunk, chunks) ? 0 : refuse(chunk, "is not the whole image", error);
    case CHUNK_IEND:
    case CHUNK_FDAT:
        return refuse(chunk, "comes before image data", error);
    default:
        return 0;
    }
}

/* Up to the first IDAT. */
static int read_head(const uint8_t *bytes, size_t size, struct png_chunks *chunks,
                     struct metadata *metadata, bool *ret_animated, struct error *error)
{
    size_t at = PNG_SIGNATURE_SIZE;
    for (;;) {
        struct chunk chunk;
        if (!chunk_at(bytes, size, at, &chunk)) {
            return error_set(error, ERROR_UNDECODABLE, "PNG file ends before its image data");
        }
        if (chunk.name == CHUNK_IDAT) {
            chunks->data_begin = at;
            return 0;
        }
        if (!is_checksum_right(&chunk, size)) {
            return refuse(&chunk, "has a wrong checksum or is cut", error);
        }
        if (!is_body_usable(&chunk, chunks)) {
            return refuse(&chunk, "is too short or wrong", error);
        }
        int r = head_chunk(&chunk, chunks, error);
        if (r < 0) {
            return r;
        }
        *ret_animated = *ret_animated || chunk.name == CHUNK_ACTL;
        read_metadata(&chunk, metadata);
        at = chunk_end(&chunk);
    }
}

static void read_data(const uint8_t *bytes, size_t size, struct png_chunks *chunks)
{
    size_t at = chunks->data_begin;
    struct chunk chunk;
    while (chunk_at(bytes, size, at, &chunk) && chunk.name == CHUNK_IDAT) {
        if (chunk_end(&chunk) > size) {
            size_t present = size - at - 8;
            chunks->data_size += chunk.size < present ? chunk.size : present;
            chunks->data_end = size;
            return;
        }
        chunks->data_size += chunk.size;
        at = chunk_end(&chunk);
    }
    chunks->data_end = at;
    chunks->data_whole = chunk_at(bytes, size, at, &chunk);
}

/* After the image data Pillow reads text, and fails only on what it cannot read. */
static int read_tail(const uint8_t *bytes, size_t size, const struct png_chunks *chunks,
                     bool animated, struct metadata *metadata, struct error *error)
{
    size_t at = chunks->data_end;
    struct chunk chunk;
    while (chunk_at(bytes, size, at, &chunk) && chunk.name != CHUNK_IEND &&
           !(animated && chunk.name == CHUNK_FCTL)) {
        if (!is_body_whole(&chunk, size)) {
            return refuse(&chunk, "is cut by the file's end", error);
        }
        if (!is_body_usable(&chunk, chunks)) {
            return refuse(&chunk, "is too short or wrong", error);
        }
        read_metadata(&chunk, metadata);
        at = chunk_end(&chunk);
    }
    return 0;
}

int png_chunks_read(const uint8_t *bytes, size_t size, struct png_chunks *ret_chunks,
                    struct error *error)
{
    struct png_chunks chunks = {0};
    struct metadata before = {0};
    bool animated = false;
    int r = read_head(bytes, size, &chunks, &before, &animated, error);
    if (r < 0) {
        return r;
    }
    read_data(bytes, size, &chunks);
    struct metadata all = before;
    r = read_tail(bytes, size, &chunks, animated, &all, error);
    if (r < 0) {
        return r;
    }
    /* Pillow looks for EXIF after the data only where there is none before. */
    chunks.orientation = metadata_orientation(before.exif ? &before : &all);
    *ret_chunks = chunks;
    return 0;
}

size_t png_chunks_piece(const uint8_t *bytes, const struct png_chunks *chunks,
                        struct png_data *place, size_t size, const uint8_t **ret_piece)
{
    while (place->left == 0) {
        struct chunk chunk;
        if (!chunk_at(bytes, chunks->data_end, place->chunk, &chunk)) {
            return 0;
        }
        size_t present = chunks->data_end - chunk.at - 8;
        place->at = chunk.at + 8;
        place->left = chunk.size < present ? chunk.size : present;
        place->chunk = chunk_end(&chunk);
    }
    size_t count = place->left < size ? place->left : size;
    *ret_piece = bytes + place->at;
    place->at += count;
    place->left -= count;
    return count;
}

size_t png_chunks_data(const uint8_t *bytes, const struct png_chunks *chunks,
                       struct png_data *place, uint8_t *to, size_t size)
{
    size_t done = 0;
    while (done < size) {
        const uint8_t *piece = NULL;
        size_t count = png_chunks_piece(bytes, chunks, place, size - done, &piece);
        if (count == 0) {
            break;
        }
        memcpy(to + done, piece, count);
        done += count;
    }
    return done;
}

bool png_chunks_intact(const uint8_t *bytes, const struct png_chunks *chunks, size_t from)
{
    size_t at = chunks->data_begin;
    while (at < chunks->data_end) {
        struct chunk chunk;
        if (!chunk_at(bytes, chunks->data_end, at, &chunk)) {
            return false;
        }
        if (chunk_end(&chunk) > from && !is_checksum_right(&chunk, chunks->data_end)) {
            return false;
        }
        at = chunk_end(&chunk);
    }
    return true;
}
