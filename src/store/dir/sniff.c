/* SPDX-License-Identifier: Apache-2.0
 *
 * The first bytes of a file, for listings that go by them. As with any object, its type is
 * checked before it is opened for reading: it may be a FIFO by now.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/file_kind.h"
#include "store/dir/dir.h"

bool dir_is_decodable(int directory, const char *name)
{
    char bytes[FILE_KIND_BYTES];
    struct stat info;
    if (fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0 ||
        !S_ISREG(info.st_mode)) {
        return false;
    }
    cleanup_fd int fd =
        openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) < 0 || !S_ISREG(info.st_mode)) {
        return false;
    }
    ssize_t size = -1;
    do {
        size = pread(fd, bytes, sizeof bytes, 0);
    } while (size < 0 && errno == EINTR);
    return size > 0 && file_kind_of(bytes, (size_t)size).class == FILE_DECODABLE;
}
