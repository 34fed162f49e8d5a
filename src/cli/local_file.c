/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading local files.
 */
#include "cli/local_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 1 << 30 }; /* the array has a lower limit of its own */

static int fail(struct situ_error *error, int code, const char *what)
{
    error->code = code;
    (void)snprintf(error->message, sizeof error->message, "%s", what);
    return -EIO;
}

static int fail_errno(struct situ_error *error)
{
    char text[128] = "";
    return fail(error, SITU_UNREADABLE, strerror_r(errno, text, sizeof text));
}

static int read_open_file(int fd, char **ret_bytes, size_t *ret_size, struct situ_error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return fail_errno(error);
    }
    if (S_ISDIR(status.st_mode)) {
        return fail(error, SITU_UNREADABLE, "is a directory, no file");
    }
    if (!S_ISREG(status.st_mode)) {
        return fail(error, SITU_UNREADABLE, "is not a regular file");
    }
    if (status.st_size > FILE_BYTES_MAX) {
        return fail(error, SITU_TOO_LARGE, "is larger than 1 GiB");
    }
    size_t size = (size_t)status.st_size;
    char *bytes = malloc(size > 0 ? size : 1);
    if (!bytes) {
        return fail(error, SITU_MEMORY, "out of memory");
    }
    size_t done = 0;
    while (done < size) {
        ssize_t got = read(fd, bytes + done, size - done);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            free(bytes);
            return fail_errno(error);
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    *ret_bytes = bytes;
    *ret_size = done;
    return 0;
}

int local_file_read(const char *path, char **ret_bytes, size_t *ret_size, struct situ_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return fail_errno(error);
    }
    int r = read_open_file(fd, ret_bytes, ret_size, error);
    (void)close(fd);
    return r;
}

bool local_file_exists(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}
