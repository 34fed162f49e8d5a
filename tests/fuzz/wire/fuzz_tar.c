/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: the tar reader. The first byte is the size of the pieces in which the rest is fed,
 * the second says whether checksums are corrected before; every accepted name must stay inside a
 * package, and every file must have exactly the size in its header.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct heard {
    uint64_t left;
    bool open;
    uint64_t total;
};

enum { LIMIT_BYTES = 100000, LIMIT_ENTRIES = 16 };

static int hear_begin(void *context, const struct tar_entry *entry, struct error *error)
{
    struct heard *heard = context;
    (void)error;
    if (heard->open || !tar_path_ok(entry->path) || (entry->directory && entry->size_bytes)) {
        abort();
    }
    heard->open = !entry->directory;
    heard->left = entry->size_bytes;
    heard->total += entry->size_bytes;
    if (heard->total > LIMIT_BYTES) {
        abort();
    }
    return 0;
}

static int hear_data(void *context, const void *bytes, size_t size, struct error *error)
{
    struct heard *heard = context;
    (void)bytes;
    (void)error;
    if (!heard->open || size > heard->left) {
        abort();
    }
    heard->left -= size;
    return 0;
}

static int hear_end(void *context, struct error *error)
{
    struct heard *heard = context;
    (void)error;
    if (!heard->open || heard->left > 0) {
        abort();
    }
    heard->open = false;
    return 0;
}

/* A fuzzer cannot guess checksums: corrects them in every block that could be a header. */
static void fix_checksums(char *bytes, size_t size)
{
    for (size_t at = 0; at + TAR_BLOCK <= size; at += TAR_BLOCK) {
        char *block = bytes + at;
        if (memcmp(block + 257, "ustar", 5) != 0) {
            continue;
        }
        memset(block + 148, ' ', 8);
        unsigned sum = 0;
        for (size_t i = 0; i < TAR_BLOCK; i++) {
            sum += (unsigned char)block[i];
        }
        (void)snprintf(block + 148, 8, "%06o", sum);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tar_receiver receiver = {hear_begin, hear_data, hear_end};
    if (size < 2) {
        return 0;
    }
    size_t piece = (size_t)data[0] * 7 + 1;
    size_t length = size - 2;
    char *bytes = malloc(length + 1);
    if (!bytes) {
        return 0;
    }
    memcpy(bytes, data + 2, length);
    if (data[1] & 1) {
        fix_checksums(bytes, length);
    }
    struct heard heard = {0};
    struct error error = {0};
    struct tar_reader reader;
    tar_reader_init(&reader, &receiver, &heard, LIMIT_BYTES, LIMIT_ENTRIES);
    int r = 0;
    for (size_t at = 0; at < length && r == 0; at += piece) {
        size_t left = length - at;
        r = tar_reader_feed(&reader, bytes + at, left < piece ? left : piece, &error);
    }
    if (r == 0 && tar_reader_finish(&reader, &error) == 0 && heard.open) {
        abort();
    }
    free(bytes);
    return 0;
}
