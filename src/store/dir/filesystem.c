/* SPDX-License-Identifier: Apache-2.0
 *
 * Which file system an object is in: see filesystem.h. Called from lanes, once per device.
 */
#include "store/dir/filesystem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/bytes.h"
#include "base/cleanup.h"

/* FS_IOC_GETFSUUID of Linux 6.9; older headers lack it. */
struct uuid_reply {
    uint8_t size;
    uint8_t uuid[FILESYSTEM_UUID_SIZE];
};
#define GET_UUID _IOR(0x15, 0, struct uuid_reply)

/* f_fsid of a number as kernels fill it: two ints, the lower half first. */
static uint64_t fsid_of(uint64_t number)
{
    const uint32_t halves[] = {(uint32_t)number, (uint32_t)(number >> 32)};
    uint64_t fsid = 0;
    memcpy(&fsid, halves, sizeof fsid);
    return fsid;
}

bool filesystem_is_of_device(uint64_t fsid, dev_t device)
{
    unsigned minor = minor(device);
    uint32_t number = (minor & 0xffu) | major(device) << 8 | (minor & ~0xffu) << 12;
    return fsid == 0 || fsid == fsid_of(number);
}

uint64_t filesystem_choose(dev_t device, uint64_t fsid, const uint8_t *uuid)
{
    if (uuid && filesystem_is_of_device(fsid, device)) {
        uint64_t folded = fsid_of(bytes_get_u64(uuid) ^ bytes_get_u64(uuid + 8)); /* as ext4 does */
        fsid = folded != 0 ? folded : fsid;
    }
    return fsid != 0 ? fsid : device;
}

int filesystem_uuid(int fd, uint8_t *ret_uuid)
{
    struct uuid_reply reply = {.size = 0};
    if (ioctl(fd, GET_UUID, &reply) < 0) {
        return -errno;
    }
    if (reply.size == 0 || reply.size > FILESYSTEM_UUID_SIZE) {
        return -ENOTTY;
    }
    static const uint8_t zeros[FILESYSTEM_UUID_SIZE];
    memset(reply.uuid + reply.size, 0, (size_t)FILESYSTEM_UUID_SIZE - reply.size);
    if (memcmp(reply.uuid, zeros, sizeof zeros) == 0) {
        return -ENOTTY;
    }
    memcpy(ret_uuid, reply.uuid, sizeof reply.uuid);
    return 0;
}

/* The same file, opened for reading. A descriptor or a negative errno. */
static int open_again(int fd)
{
    char path[32];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int again = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return again < 0 ? -errno : again;
}

bool filesystem_ask(int fd, int root, dev_t device, uint64_t *ret_id)
{
    struct statfs info;
    struct stat at_root;
    uint64_t fsid = 0;
    if (fstatfs(fd, &info) == 0) {
        memcpy(&fsid, &info.f_fsid, sizeof fsid);
    }
    *ret_id = filesystem_choose(device, fsid, NULL);
    if (!filesystem_is_of_device(fsid, device)) {
        return true;
    }
    cleanup_fd int again = -1;
    if (fstat(root, &at_root) < 0 || at_root.st_dev != device) {
        again = open_again(fd);
        if (again < 0) {
            return false;
        }
        root = again;
    }
    uint8_t uuid[FILESYSTEM_UUID_SIZE];
    if (filesystem_uuid(root, uuid) == 0) {
        *ret_id = filesystem_choose(device, fsid, uuid);
    }
    return true;
}

bool filesystem_is_lasting(int root, dev_t device)
{
    struct statfs info;
    uint64_t fsid = 0;
    uint8_t uuid[FILESYSTEM_UUID_SIZE];
    if (fstatfs(root, &info) == 0) {
        memcpy(&fsid, &info.f_fsid, sizeof fsid);
    }
    return !filesystem_is_of_device(fsid, device) || filesystem_uuid(root, uuid) == 0;
}
