/* SPDX-License-Identifier: Apache-2.0
 *
 * The tar reader: a state machine over 512-byte blocks that arrive in pieces of any size.
 */
#include "wire/tar.h"

#include <errno.h>
#include <string.h>

/* Fields of a ustar header block: offset and size. */
enum {
    NAME_AT = 0,
    NAME_SIZE = 100,
    SIZE_AT = 124,
    SIZE_SIZE = 12,
    CHECKSUM_AT = 148,
    CHECKSUM_SIZE = 8,
    TYPE_AT = 156,
    MAGIC_AT = 257,
    PREFIX_AT = 345,
    PREFIX_SIZE = 155,
};

void tar_reader_init(struct tar_reader *reader, const struct tar_receiver *receiver, void *context,
                     uint64_t limit_bytes, unsigned limit_entries)
{
    *reader = (struct tar_reader){
        .receiver = receiver,
        .context = context,
        .bytes_left = limit_bytes,
        .entries_left = limit_entries,
        .headers_left = limit_entries < UINT32_MAX / 8 ? 3 * limit_entries + 16 : UINT32_MAX};
}

bool tar_path_ok(const char *path)
{
    size_t length = strlen(path);
    if (length < 1 || length >= TAR_PATH_SIZE) {
        return false;
    }
    size_t start = 0;
    for (size_t i = 0; i <= length; i++) {
        unsigned char c = (unsigned char)path[i];
        if (c == '/' || c == '\0') {
            size_t size = i - start;
            if (size == 0 || (size <= 2 && strncmp(path + start, "..", size) == 0)) {
                return false;
            }
            start = i + 1;
        } else if (c < 0x20 || c == 0x7f) {
            return false;
        }
    }
    return true;
}

/* Octal digits, with spaces or NULs around them; false for anything else, also for base-256. */
static bool parse_octal(const char *field, size_t size, uint64_t *ret_value)
{
    size_t i = 0;
    uint64_t value = 0;
    while (i < size && field[i] == ' ') {
        i++;
    }
    size_t first = i;
    for (; i < size && field[i] >= '0' && field[i] <= '7'; i++) {
        value = value * 8 + (uint64_t)(field[i] - '0');
    }
    if (i == first) {
        return false;
    }
    for (; i < size; i++) {
        if (field[i] != ' ' && field[i] != '\0') {
            return false;
        }
    }
    *ret_value = value;
    return true;
}

static bool checksum_ok(const char *block)
{
    uint64_t stated = 0;
    uint64_t sum = 0;
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        bool blank = i >= CHECKSUM_AT && i < CHECKSUM_AT + CHECKSUM_SIZE;
        sum += blank ? ' ' : (unsigned char)block[i];
    }
    return parse_octal(block + CHECKSUM_AT, CHECKSUM_SIZE, &stated) && stated == sum;
}

static bool all_zero(const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

/* prefix/name, or the long name from a header before. */
static void read_path(struct tar_reader *reader)
{
    if (reader->has_path) {
        memcpy(reader->path, reader->long_path, sizeof reader->path);
        return;
    }
    size_t used = 0;
    const char *prefix = reader->block + PREFIX_AT;
    size_t prefix_size = strnlen(prefix, PREFIX_SIZE);
    if (memcmp(reader->block + MAGIC_AT, "ustar\0", 6) == 0 && prefix_size > 0) {
        memcpy(reader->path, prefix, prefix_size);
        used = prefix_size;
        reader->path[used++] = '/';
    }
    const char *name = reader->block + NAME_AT;
    size_t name_size = strnlen(name, NAME_SIZE);
    memcpy(reader->path + used, name, name_size);
    reader->path[used + name_size] = '\0';
}

/* Removes `./` at the start and `/` at the end, in place. True if nothing is left: the root itself.
 */
static bool trim_path(char *path, bool *ret_directory)
{
    char *start = path;
    while (start[0] == '.' && start[1] == '/') {
        start += 2;
        start += strspn(start, "/");
    }
    size_t length = strlen(start);
    while (length > 1 && start[length - 1] == '/') {
        length--;
        *ret_directory = true;
    }
    memmove(path, start, length);
    path[length] = '\0';
    return length == 0 || strcmp(path, ".") == 0;
}

static void expect(struct tar_reader *reader, enum tar_state state, uint64_t size)
{
    reader->left = size;
    reader->padding = (unsigned)((TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK);
    reader->state = state;
    reader->filled = 0;
}

static int begin_entry(struct tar_reader *reader, bool directory, uint64_t size,
                       struct error *error)
{
    if (reader->entries_left == 0) {
        return error_set(error, ERROR_TOO_LARGE, "the archive has too many files");
    }
    reader->entries_left--;
    if (size > reader->bytes_left) {
        return error_set(error, ERROR_TOO_LARGE,
                         "the archive's files are above the limit, at '%.200s'", reader->path);
    }
    reader->bytes_left -= size;
    const struct tar_entry entry = {reader->path, directory, size};
    int r = reader->receiver->begin(reader->context, &entry, error);
    if (r < 0 || directory) {
        return r;
    }
    expect(reader, TAR_DATA, size);
    if (size == 0) {
        reader->state = TAR_HEADER;
        return reader->receiver->end(reader->context, error);
    }
    return 0;
}

static int read_entry(struct tar_reader *reader, char type, uint64_t size, struct error *error)
{
    bool directory = type == '5';
    read_path(reader);
    reader->has_path = false;
    if (reader->has_size) {
        size = reader->pax_size;
        reader->has_size = false;
    }
    bool root = trim_path(reader->path, &directory);
    if (type != '0' && type != '\0' && type != '7' && type != '5') {
        return error_set(error, ERROR_MALFORMED,
                         "the archive has '%.200s', which is neither a regular file nor a "
                         "directory (type '%c')",
                         reader->path, type >= ' ' && type <= '~' ? type : '?');
    }
    if (directory && size != 0) {
        return error_set(error, ERROR_MALFORMED, "the archive's directory '%.200s' has content",
                         reader->path);
    }
    if (root && directory) {
        return 0;
    }
    if (!tar_path_ok(reader->path)) {
        return error_set(error, ERROR_MALFORMED,
                         "the archive has a name that does not stay inside the package, or is too "
                         "long");
    }
    return begin_entry(reader, directory, size, error);
}

/* A header that describes the next one. */
static int read_extra(struct tar_reader *reader, char type, uint64_t size, struct error *error)
{
    if (size > TAR_EXTRA_SIZE) {
        return error_set(error, ERROR_TOO_LARGE, "the archive has an extended header too long");
    }
    reader->extra_type = type;
    expect(reader, type == 'g' ? TAR_SKIP : TAR_EXTRA, size);
    if (size == 0) {
        reader->state = TAR_HEADER;
    }
    return 0;
}

static int read_header(struct tar_reader *reader, struct error *error)
{
    reader->filled = 0;
    const char *block = reader->block;
    if (all_zero(block, TAR_BLOCK)) {
        reader->zero_blocks++;
        reader->state = reader->zero_blocks >= 2 ? TAR_END : TAR_HEADER;
        return 0;
    }
    if (reader->zero_blocks > 0) {
        return error_set(error, ERROR_MALFORMED, "the archive goes on behind its end");
    }
    if (reader->headers_left-- == 0) {
        return error_set(error, ERROR_TOO_LARGE, "the archive has too many headers");
    }
    if (!checksum_ok(block)) {
        return error_set(error, ERROR_MALFORMED,
                         "the archive has a header with a wrong checksum; a model package is sent "
                         "as an uncompressed tar");
    }
    uint64_t size = 0;
    if (!parse_octal(block + SIZE_AT, SIZE_SIZE, &size)) {
        return error_set(error, ERROR_MALFORMED, "the archive has a header with a size unknown");
    }
    char type = block[TYPE_AT];
    if (type == 'x' || type == 'g' || type == 'L') {
        return read_extra(reader, type, size, error);
    }
    return read_entry(reader, type, size, error);
}

static int keep_path(struct tar_reader *reader, const char *path, size_t size, struct error *error)
{
    if (size >= TAR_PATH_SIZE || memchr(path, '\0', size)) {
        return error_set(error, ERROR_MALFORMED, "the archive has a name too long, or with a NUL");
    }
    memcpy(reader->long_path, path, size);
    reader->long_path[size] = '\0';
    reader->has_path = true;
    return 0;
}

static int keep_size(struct tar_reader *reader, const char *digits, size_t size,
                     struct error *error)
{
    uint64_t value = 0;
    bool ok = size > 0 && size <= 18;
    for (size_t i = 0; ok && i < size; i++) {
        ok = digits[i] >= '0' && digits[i] <= '9';
        value = value * 10 + (uint64_t)(unsigned char)(digits[i] - '0');
    }
    if (!ok) {
        return error_set(error, ERROR_MALFORMED, "the archive has a header with a size unknown");
    }
    reader->pax_size = value;
    reader->has_size = true;
    return 0;
}

/* A pax record is "LENGTH KEY=VALUE\n"; LENGTH counts the whole record. */
static int read_record(struct tar_reader *reader, const char *record, size_t room,
                       size_t *ret_length, struct error *error)
{
    size_t length = 0;
    size_t at = 0;
    for (; at < room && at < 5 && record[at] >= '0' && record[at] <= '9'; at++) {
        length = length * 10 + (size_t)(record[at] - '0');
    }
    if (at == 0 || at >= room || record[at] != ' ' || length > room || length < at + 3 ||
        record[length - 1] != '\n') {
        return error_set(error, ERROR_MALFORMED, "the archive has a broken pax header");
    }
    const char *key = record + at + 1;
    size_t size = length - at - 2; /* without the space and the line feed */
    *ret_length = length;
    if (size > 5 && memcmp(key, "path=", 5) == 0) {
        return keep_path(reader, key + 5, size - 5, error);
    }
    if (size > 5 && memcmp(key, "size=", 5) == 0) {
        return keep_size(reader, key + 5, size - 5, error);
    }
    if (size > 11 && memcmp(key, "GNU.sparse.", 11) == 0) {
        return error_set(error, ERROR_MALFORMED, "the archive has a sparse file");
    }
    return 0;
}

static int finish_extra(struct tar_reader *reader, struct error *error)
{
    if (reader->extra_type == 'L') {
        size_t size = strnlen(reader->extra, reader->filled);
        return keep_path(reader, reader->extra, size, error);
    }
    for (size_t at = 0; at < reader->filled;) {
        size_t length = 0;
        int r = read_record(reader, reader->extra + at, reader->filled - at, &length, error);
        if (r < 0) {
            return r;
        }
        at += length;
    }
    return 0;
}

/* Takes the bytes of the current content; *ret_taken of `size`. */
static int take_content(struct tar_reader *reader, const char *bytes, size_t size,
                        size_t *ret_taken, struct error *error)
{
    size_t take = size < reader->left ? size : (size_t)reader->left;
    int r = 0;
    *ret_taken = take;
    if (reader->state == TAR_DATA) {
        r = reader->receiver->data(reader->context, bytes, take, error);
    } else if (reader->state == TAR_EXTRA) {
        memcpy(reader->extra + reader->filled, bytes, take);
        reader->filled += take;
    }
    reader->left -= take;
    if (r < 0 || reader->left > 0) {
        return r;
    }
    enum tar_state done = reader->state;
    reader->state = reader->padding > 0 ? TAR_PADDING : TAR_HEADER;
    if (done == TAR_DATA) {
        r = reader->receiver->end(reader->context, error);
    } else if (done == TAR_EXTRA) {
        r = finish_extra(reader, error);
    }
    reader->filled = 0;
    return r;
}

static int take_some(struct tar_reader *reader, const char *bytes, size_t size, size_t *ret_taken,
                     struct error *error)
{
    switch (reader->state) {
    case TAR_HEADER: {
        size_t room = TAR_BLOCK - reader->filled;
        size_t take = size < room ? size : room;
        memcpy(reader->block + reader->filled, bytes, take);
        reader->filled += take;
        *ret_taken = take;
        return reader->filled == TAR_BLOCK ? read_header(reader, error) : 0;
    }
    case TAR_DATA:
    case TAR_EXTRA:
    case TAR_SKIP:
        return take_content(reader, bytes, size, ret_taken, error);
    case TAR_PADDING: {
        size_t take = size < reader->padding ? size : reader->padding;
        reader->padding -= (unsigned)take;
        reader->state = reader->padding > 0 ? TAR_PADDING : TAR_HEADER;
        *ret_taken = take;
        return 0;
    }
    case TAR_END:
        *ret_taken = size;
        if (!all_zero(bytes, size)) {
            return error_set(error, ERROR_MALFORMED, "the archive goes on behind its end");
        }
        return 0;
    }
    return error_set(error, ERROR_INTERNAL, "the tar reader lost its state");
}

int tar_reader_feed(struct tar_reader *reader, const void *bytes, size_t size, struct error *error)
{
    const char *next = bytes;
    if (reader->failed) {
        return error_set(error, ERROR_MALFORMED, "the archive was refused before");
    }
    while (size > 0) {
        size_t taken = 0;
        int r = take_some(reader, next, size, &taken, error);
        if (r < 0) {
            reader->failed = r;
            return r;
        }
        next += taken;
        size -= taken;
    }
    return 0;
}

int tar_reader_finish(struct tar_reader *reader, struct error *error)
{
    if (reader->failed || reader->state != TAR_END) {
        return error_set(error, ERROR_MALFORMED, "the archive is cut off before its end");
    }
    return 0;
}
