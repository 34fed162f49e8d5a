/* SPDX-License-Identifier: Apache-2.0
 *
 * Which file system an object is in, by a number that survives a reboot. Any thread.
 *
 * statfs has one for most (ext4 and Btrfs derive it from their UUID, Btrfs one for each
 * subvolume). XFS, F2FS and others only have the device number there, and some nothing: if disks
 * are numbered differently after a reboot, objects would be taken for new ones or, worse, for
 * those of another disk. For these the UUID is used, which Linux reports since 6.9; otherwise
 * the number as it is, or st_dev.
 */
#ifndef SITU_STORE_DIR_FILESYSTEM_H
#define SITU_STORE_DIR_FILESYSTEM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { FILESYSTEM_UUID_SIZE = 16 };

/* For tests: true if statfs's number (f_fsid as it is in memory) is only the device number, or 0.
 */
bool filesystem_is_of_device(uint64_t fsid, dev_t device);

/* For tests: the number to use. `uuid` may be NULL. */
uint64_t filesystem_choose(dev_t device, uint64_t fsid, const uint8_t *uuid);

/* For tests: the UUID of the file system of `fd` (not O_PATH), FILESYSTEM_UUID_SIZE bytes, padded
 * with zeros. 0; -ENOTTY: it has none (or zeros), or the kernel does not report it. */
int filesystem_uuid(int fd, uint8_t *ret_uuid);

/* The number for the object of `fd` (may be O_PATH), which is on `device`; read through `root`
 * if that is on the same file system. False: the object would have to be opened for that, and
 * cannot be; another object may do. */
bool filesystem_ask(int fd, int root, dev_t device, uint64_t *ret_id);

/* True if that number is more than a device number, so that it names the same file system after
 * other mounts. `root` is open for reading. */
bool filesystem_is_lasting(int root, dev_t device);

#endif
