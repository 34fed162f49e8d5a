/* SPDX-License-Identifier: Apache-2.0
 *
 * Small files: written to a new file, synced and renamed; read with care for any kind of file at
 * the path.
 */
#include "base/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/seal.h"

int whole_file_fill(int fd, const void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t written = write(fd, (const char *)bytes + done, size - done);
        if (written == 0 || (written < 0 && errno != EINTR)) {
            return written == 0 ? -EIO : -errno;
        }
        done += written > 0 ? (size_t)written : 0;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

static int write_synced(const char *path, const void *bytes, size_t size)
{
    cleanup_fd int fd =
        open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    return fd < 0 ? -errno : whole_file_fill(fd, bytes, size);
}

int whole_file_sync_names(const char *directory)
{
    cleanup_fd int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int whole_file_sync_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    cleanup_free char *directory =
        slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    return directory ? whole_file_sync_names(directory) : -ENOMEM;
}

int whole_file_write(const char *path, const void *bytes, size_t size)
{
    cleanup_free char *fresh = NULL;
    if (asprintf(&fresh, "%s.new", path) < 0) {
        fresh = NULL;
        return -ENOMEM;
    }
    int r = write_synced(fresh, bytes, size);
    if (r == 0 && rename(fresh, path) < 0) {
        r = -errno;
    }
    if (r < 0) {
        (void)unlink(fresh);
        return r;
    }
    return whole_file_sync_parent(path);
}

int whole_file_read(const char *path, size_t limit, struct buffer *out)
{
    struct stat status;
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) < 0) {
        return -errno;
    }
    if (!S_ISREG(status.st_mode)) {
        return -EINVAL;
    }
    for (size_t size = 0;;) {
        size_t piece = limit - size < 4096 ? limit - size + 1 : 4096; /* one byte above the limit */
        char *room = buffer_reserve(out, piece);
        if (!room) {
            return -ENOMEM;
        }
        ssize_t got = read(fd, room, piece);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? -errno : 0;
        }
        size += (size_t)got;
        if (size > limit) {
            return -EFBIG;
        }
        out->size += (size_t)got;
    }
}

static int failed(const char *path, const char *what, int errnum, struct error *error)
{
    return error_io(error, errnum, "'%.300s' cannot be %s", error_file(path), what);
}

int whole_file_save(const char *directory, const char *name, const struct buffer *bytes,
                    struct error *error)
{
    cleanup_free char *path = NULL;
    cleanup_buffer struct buffer sealed = BUFFER_INIT;
    buffer_append(&sealed, bytes->data, bytes->size);
    seal_append(&sealed);
    if (buffer_ok(bytes) < 0 || buffer_ok(&sealed) < 0 ||
        asprintf(&path, "%s/%s", directory, name) < 0) {
        return error_memory(error, name);
    }
    int r = whole_file_write(path, sealed.data, sealed.size);
    return r < 0 ? failed(path, "written", -r, error) : 0;
}

int whole_file_load(const char *directory, const char *name, size_t limit, struct buffer *out,
                    struct error *error)
{
    cleanup_free char *path = NULL;
    if (asprintf(&path, "%s/%s", directory, name) < 0) {
        return error_memory(error, name);
    }
    int r = whole_file_read(path, limit + SEAL_SIZE, out);
    if (r == 0) {
        r = seal_take(out);
    }
    switch (r) {
    case 0:
        return 0;
    case -EBADMSG: /* clients see it, too: no path */
        return error_set(
            error, ERROR_MALFORMED,
            "%s is damaged: its checksum does not fit its bytes (changed by hand? Then "
            "take the line of blanks at its end away, too)",
            name);
    case -ENOMEM:
        return error_memory(error, name);
    case -ENOENT:
        return error_set(error, ERROR_NOT_FOUND, "there is no '%.300s'", error_file(path));
    case -EFBIG:
    case -EINVAL:
        return error_set(error, ERROR_MALFORMED, "'%.300s' is no regular file of at most %zu bytes",
                         error_file(path), limit);
    default:
        return failed(path, "read", -r, error);
    }
}
