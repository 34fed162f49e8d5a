/* SPDX-License-Identifier: Apache-2.0
 *
 * The directory of an LMDB file, by path: LMDB takes no descriptor.
 */
#include "mdb/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum {
    LOCK_HEAD = 4096, /* what LMDB takes, generously */
    LOCK_READER = 64,
    ROOM_BYTES_MIN = 1 << 20, /* more than LMDB writes at once */
};

void files_path(const char *directory, const char *name, char ret_path[FILES_PATH_SIZE])
{
    (void)snprintf(ret_path, FILES_PATH_SIZE, "%.*s/%s", FILES_PATH_SIZE - 32, directory, name);
}

static int failed(struct error *error, const char *what, const char *deed, int errnum)
{
    return error_io(error, errnum, "%s's %s", what, deed);
}

int files_lock(const char *directory, const char *what, int *ret_fd, struct error *error)
{
    if (mkdir(directory, 0700) < 0 && errno != EEXIST) {
        return failed(error, what, "directory cannot be made", errno);
    }
    cleanup_fd int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return failed(error, what, "directory cannot be opened", errno);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        return errno == EWOULDBLOCK
                   ? error_set(error, ERROR_CONFLICT, "%s is in use by another process: '%.300s'",
                               what, directory)
                   : failed(error, what, "directory cannot be locked", errno);
    }
    *ret_fd = take_fd(&fd);
    return 0;
}

int files_remove(const char *directory, const char *what, struct error *error)
{
    static const char *const names[] = {FILES_DATA, FILES_LOCK};
    char path[FILES_PATH_SIZE];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        files_path(directory, names[i], path);
        if (unlink(path) < 0 && errno != ENOENT && errno != ENOTDIR) {
            return failed(error, what, "files cannot be removed", errno);
        }
    }
    return 0;
}

int files_reserve_lock(const char *directory, const char *what, unsigned readers,
                       struct error *error)
{
    char path[FILES_PATH_SIZE];
    files_path(directory, FILES_LOCK, path);
    cleanup_fd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return failed(error, what, "lock file cannot be made", errno);
    }
    int errnum = posix_fallocate(fd, 0, LOCK_HEAD + (off_t)readers * LOCK_READER);
    return errnum == 0 ? 0 : failed(error, what, "lock file cannot be made large enough", errnum);
}

bool files_disk_is_full(int directory_fd)
{
    struct statvfs disk;
    return fstatvfs(directory_fd, &disk) == 0 &&
           (uint64_t)disk.f_bavail * disk.f_frsize < ROOM_BYTES_MIN;
}

/* DIRECTORY.damaged-N; DIRECTORY itself for 0. */
static void aside_path(const char *directory, int number, char ret_path[FILES_PATH_SIZE])
{
    int size = snprintf(ret_path, FILES_PATH_SIZE, "%.*s", FILES_PATH_SIZE - 32, directory);
    if (number > 0) {
        (void)snprintf(ret_path + size, 32, ".damaged-%d", number);
    }
}

static int rotate(const char *directory, const char *what, struct error *error)
{
    char older[FILES_PATH_SIZE];
    char newer[FILES_PATH_SIZE];
    aside_path(directory, FILES_KEPT_ASIDE, older);
    int r = files_remove(older, what, error);
    if (r < 0) {
        return r;
    }
    if (rmdir(older) < 0 && errno != ENOENT) {
        return failed(error, what, "older directory cannot be removed", errno);
    }
    for (int number = FILES_KEPT_ASIDE - 1; number >= 0; number--) {
        aside_path(directory, number, newer);
        if (rename(newer, older) < 0 && errno != ENOENT) {
            return failed(error, what, "directory cannot be set aside", errno);
        }
        memcpy(older, newer, sizeof older);
    }
    return 0;
}

int files_set_aside(const char *directory, const char *what, struct error *error)
{
    return rotate(directory, what, error) == 0 ? 0 : files_remove(directory, what, error);
}
