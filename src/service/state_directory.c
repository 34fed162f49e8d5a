/* SPDX-License-Identifier: Apache-2.0
 *
 * The file `format` in the directory has the version of its format, and carries the lock.
 */
#include "service/state_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_FORMAT "1\n"

static int state_error(struct error *error, const char *what, const char *path)
{
    char text[64];
    return error_set(error, ERROR_IO, "state directory: cannot %s %.300s: %s", what, path,
                     error_text(errno, text, sizeof text));
}

static int make_directories(const char *path, struct error *error)
{
    char part[4096];
    for (const char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
        size_t length = slash ? (size_t)(slash - path) : strlen(path);
        (void)snprintf(part, sizeof part, "%.*s", (int)length, path);
        if (mkdir(part, 0700) < 0 && errno != EEXIST) {
            return state_error(error, "make", part);
        }
        if (!slash) {
            return 0;
        }
    }
}

int state_directory_open(const char *path, int *ret_fd, struct error *error)
{
    char file[4200];
    char text[16] = "";
    int r = make_directories(path, error);
    if (r < 0) {
        return r;
    }
    (void)snprintf(file, sizeof file, "%s/format", path);
    cleanup_fd int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (size < 0) {
        return state_error(error, "open", file);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        return error_set(error, ERROR_CONFLICT,
                         "another situd uses the state directory %.300s: give --state DIRECTORY",
                         path);
    }
    ssize_t length = (ssize_t)strlen(STATE_FORMAT);
    if (size == 0 && (write(fd, STATE_FORMAT, (size_t)length) != length || fsync(fd) != 0)) {
        return state_error(error, "write", file);
    }
    if (size > 0 && strcmp(text, STATE_FORMAT) != 0) {
        return error_set(error, ERROR_CONFLICT,
                         "state directory %.300s has format %.10s, this situd knows 1: it was made "
                         "by a newer version",
                         path, text);
    }
    *ret_fd = take_fd(&fd);
    return 0;
}
