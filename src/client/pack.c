/* SPDX-License-Identifier: Apache-2.0
 *
 * The tar stream of a model package. Its length is sent before its first byte, so a file whose size
 * changes meanwhile ends the upload.
 */
#include "client/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "client/pack_list.h"
#include "wire/tar.h"

static int make_headers(struct pack *pack, struct situ_error *error)
{
    uint64_t content = 0;
    for (size_t i = 0; i < pack->count; i++) {
        struct pack_file *file = &pack->files[i];
        struct tar_entry entry = {.path = file->name, .size_bytes = file->size_bytes};
        struct error reason;
        content += file->size_bytes;
        if (file->size_bytes > LIMIT_PACKAGE_BYTES || content > LIMIT_PACKAGE_BYTES) {
            return client_fail(error, SITU_TOO_LARGE, "the package is larger than %u MiB",
                               (unsigned)(LIMIT_PACKAGE_BYTES / MIB));
        }
        if (tar_write_header(&pack->headers, &entry, &reason)) {
            return client_fail(error, SITU_USAGE, "%s: %s", file->path, reason.message);
        }
        file->header = pack->headers.size;
        pack->size += (file->size_bytes + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
    }
    tar_write_end(&pack->headers);
    pack->size += pack->headers.size;
    return buffer_ok(&pack->headers) == 0 ? 0 : client_fail_memory(error);
}

int pack_open(struct pack *pack, const char *path, struct situ_error *error)
{
    *pack = (struct pack){.fd = -1};
    int r = pack_list(pack, path, error);
    return r ? r : make_headers(pack, error);
}

void pack_done(struct pack *pack)
{
    for (size_t i = 0; i < pack->count; i++) {
        free(pack->files[i].path);
        free(pack->files[i].name);
    }
    free(pack->files);
    buffer_done(&pack->headers);
    buffer_done(&pack->gap);
    if (pack->fd >= 0) {
        (void)close(pack->fd);
    }
    *pack = (struct pack){.fd = -1};
}

static int changed(struct pack *pack, const struct pack_file *file)
{
    return client_fail(&pack->fault, SITU_IO, "%s: changed while it was read; try again",
                       file->path);
}

static int unreadable(struct pack *pack, const struct pack_file *file)
{
    char text[128];
    return client_fail(&pack->fault, SITU_IO, "%s: %s", file->path,
                       error_text(errno, text, sizeof text));
}

static int open_content(struct pack *pack)
{
    const struct pack_file *file = &pack->files[pack->file];
    struct stat status;
    cleanup_fd int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) != 0) {
        return unreadable(pack, file);
    }
    if (!S_ISREG(status.st_mode) || (uint64_t)status.st_size != file->size_bytes) {
        return changed(pack, file);
    }
    pack->fd = take_fd(&fd);
    pack->left = file->size_bytes;
    return 0;
}

static int close_content(struct pack *pack)
{
    const struct pack_file *file = &pack->files[pack->file];
    (void)close(pack->fd);
    pack->fd = -1;
    buffer_clear(&pack->gap);
    pack->gap_at = 0;
    tar_write_padding(&pack->gap, file->size_bytes);
    pack->file++;
    return buffer_ok(&pack->gap) == 0 ? 0 : client_fail_memory(&pack->fault);
}

static int read_content(struct pack *pack, char *bytes, size_t size, size_t *ret_size)
{
    ssize_t got;
    do {
        got = read(pack->fd, bytes, size < pack->left ? size : (size_t)pack->left);
    } while (got < 0 && errno == EINTR);
    const struct pack_file *file = &pack->files[pack->file];
    if (got < 0) {
        return unreadable(pack, file);
    }
    if (got == 0) {
        return changed(pack, file);
    }
    pack->left -= (uint64_t)got;
    *ret_size = (size_t)got;
    return pack->left == 0 ? close_content(pack) : 0;
}

static size_t copy_from(const struct buffer *from, size_t *at, size_t end, char *bytes, size_t size)
{
    size_t length = end - *at < size ? end - *at : size;
    memcpy(bytes, from->data + *at, length);
    *at += length;
    return length;
}

int pack_read(struct pack *pack, char *bytes, size_t size, size_t *ret_size)
{
    *ret_size = 0;
    for (;;) {
        if (pack->fd >= 0 && pack->left > 0) {
            return read_content(pack, bytes, size, ret_size);
        }
        if (pack->gap_at < pack->gap.size) {
            *ret_size = copy_from(&pack->gap, &pack->gap_at, pack->gap.size, bytes, size);
            return 0;
        }
        bool last = pack->file >= pack->count;
        size_t end = last ? pack->headers.size : pack->files[pack->file].header;
        if (pack->header_at < end) {
            *ret_size = copy_from(&pack->headers, &pack->header_at, end, bytes, size);
            return 0;
        }
        if (last) {
            return 0;
        }
        int r = open_content(pack);
        if (r == 0 && pack->left == 0) {
            r = close_content(pack); /* an empty file */
        }
        if (r) {
            return r;
        }
    }
}
