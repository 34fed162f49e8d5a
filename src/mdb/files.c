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
    PATH_ROOM = 4096,
    LOCK_HEAD = 4096, /* what LMDB takes, generously */
    LOCK_READER = 64,
    ROOM_BYTES_MIN = 1 << 20, /* more than LMDB writes at once */
};

static int failed(struct error *error, const char *what, const char *deed, int errnum)
{
    char text[96];
    return error_set(error, errnum == ENOSPC || errnum == EDQUOT ? ERROR_NO_SPACE : ERROR_IO,
                     "%s's %s: %s", what, deed, error_text(errnum, text, sizeof text));
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
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    char path[PATH_ROOM];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int size = snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        if (size < 0 || (size_t)size >= sizeof path) {
            return error_set(error, ERROR_MALFORMED, "%s's path is too long", what);
        }
        if (unlink(path) < 0 && errno != ENOENT && errno != ENOTDIR) {
            return failed(error, what, "files cannot be removed", errno);
        }
    }
    return 0;
}

int files_reserve_lock(const char *directory, const char *what, unsigned readers,
                       struct error *error)
{
    char path[PATH_ROOM];
    int size = snprintf(path, sizeof path, "%s/lock.mdb", directory);
    if (size < 0 || (size_t)size >= sizeof path) {
        return error_set(error, ERROR_MALFORMED, "%s's path is too long", what);
    }
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

static int aside_path(char path[PATH_ROOM], const char *directory, int number)
{
    int size = snprintf(path, PATH_ROOM, "%s.damaged-%d", directory, number);
    return size > 0 && size < PATH_ROOM - 16 ? 0 : -ENAMETOOLONG;
}

int files_set_aside(const char *directory, const char *what, struct error *error)
{
    char older[PATH_ROOM];
    char newer[PATH_ROOM];
    if (aside_path(older, directory, FILES_KEPT_ASIDE) < 0) {
        return error_set(error, ERROR_MALFORMED, "%s's path is too long", what);
    }
    int r = files_remove(older, what, error);
    if (r == 0 && rmdir(older) < 0 && errno != ENOENT) {
        r = failed(error, what, "older directory cannot be removed", errno);
    }
    for (int number = FILES_KEPT_ASIDE - 1; r == 0 && number >= 0; number--) {
        if (number > 0) {
            r = aside_path(newer, directory, number);
        } else {
            (void)snprintf(newer, sizeof newer, "%s", directory);
        }
        if (r == 0 && rename(newer, older) < 0 && errno != ENOENT) {
            r = failed(error, what, "directory cannot be set aside", errno);
        }
        memcpy(older, newer, sizeof older);
    }
    return r == 0 ? 0 : files_remove(directory, what, error);
}
