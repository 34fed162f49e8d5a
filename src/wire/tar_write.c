/* SPDX-License-Identifier: Apache-2.0
 *
 * The tar writer: header blocks, padding and the end.
 */
#include <stdio.h>
#include <string.h>

#include "wire/tar.h"

static const char zeros[TAR_BLOCK];

/* POSIX.1-1988 ustar; every member is text, the struct is one block. */
struct ustar {
    char name[100];
    char mode[8];
    char uid[8];
    char gid[8];
    char size[12];
    char mtime[12];
    char checksum[8];
    char type;
    char link[100];
    char magic[6];
    char version[2];
    char user[32];
    char group[32];
    char major[8];
    char minor[8];
    char prefix[155];
    char rest[12];
};
_Static_assert(sizeof(struct ustar) == TAR_BLOCK, "a ustar header is one block");

static void write_octal(char *field, size_t size, uint64_t value)
{
    field[size - 1] = '\0';
    for (size_t i = size - 1; i-- > 0;) {
        field[i] = (char)('0' + (value & 7));
        value >>= 3;
    }
}

static void write_block(struct buffer *out, struct ustar *header, char type, uint64_t size)
{
    write_octal(header->mode, sizeof header->mode, type == '5' ? 0755 : 0644);
    write_octal(header->uid, sizeof header->uid, 0);
    write_octal(header->gid, sizeof header->gid, 0);
    write_octal(header->size, sizeof header->size, size);
    write_octal(header->mtime, sizeof header->mtime, 0);
    header->type = type;
    memcpy(header->magic, "ustar", sizeof header->magic);
    memcpy(header->version, "00", sizeof header->version);
    memset(header->checksum, ' ', sizeof header->checksum);
    const unsigned char *bytes = (const unsigned char *)header;
    uint64_t sum = 0;
    for (size_t i = 0; i < sizeof *header; i++) {
        sum += bytes[i];
    }
    write_octal(header->checksum, sizeof header->checksum - 1, sum);
    buffer_append(out, header, sizeof *header);
}

/* Splits at the last slash that leaves both parts short enough; false if there is none. */
static bool split_path(const char *path, struct ustar *header)
{
    size_t length = strlen(path);
    if (length <= sizeof header->name) {
        memcpy(header->name, path, length);
        return true;
    }
    for (size_t i = length; i-- > 1;) {
        size_t rest = length - i - 1;
        if (path[i] == '/' && i <= sizeof header->prefix && rest <= sizeof header->name) {
            memcpy(header->prefix, path, i);
            memcpy(header->name, path + i + 1, rest);
            return true;
        }
    }
    return false;
}

/* "LENGTH path=...\n", where LENGTH counts its own digits. */
static void write_pax(struct buffer *out, const char *path)
{
    size_t body = strlen(" path=\n") + strlen(path);
    size_t length = body + 1;
    for (int round = 0; round < 3; round++) {
        char digits[24];
        int count = snprintf(digits, sizeof digits, "%zu", length);
        length = body + (count > 0 ? (size_t)count : 0);
    }
    struct ustar header = {.name = "pax-header"};
    write_block(out, &header, 'x', length);
    buffer_printf(out, "%zu path=%s\n", length, path);
    tar_write_padding(out, length);
}

int tar_write_header(struct buffer *out, const struct tar_entry *entry, struct error *error)
{
    struct ustar header = {.name = ""};
    if (!tar_path_ok(entry->path)) {
        return error_set(error, ERROR_MALFORMED, "'%.200s' cannot stand in an archive",
                         entry->path);
    }
    if (entry->size_bytes >= UINT64_C(1) << 33) {
        return error_set(error, ERROR_TOO_LARGE, "'%.200s' is too large for an archive",
                         entry->path);
    }
    if (!split_path(entry->path, &header)) {
        write_pax(out, entry->path);
        memcpy(header.name, entry->path, sizeof header.name);
    }
    write_block(out, &header, entry->directory ? '5' : '0',
                entry->directory ? 0 : entry->size_bytes);
    return buffer_ok(out) < 0 ? error_memory(error, "an archive") : 0;
}

void tar_write_padding(struct buffer *out, uint64_t size_bytes)
{
    buffer_append(out, zeros, (size_t)((TAR_BLOCK - size_bytes % TAR_BLOCK) % TAR_BLOCK));
}

void tar_write_end(struct buffer *out)
{
    buffer_append(out, zeros, sizeof zeros);
    buffer_append(out, zeros, sizeof zeros);
}
