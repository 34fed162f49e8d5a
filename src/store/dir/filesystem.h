/* SPDX-License-Identifier: Apache-2.0
 *
 * Which file system an object is in, by a number that outlives a reboot. Any thread.
 *
 * statfs has one for most (ext4 and Btrfs make it of their UUID, Btrfs one for each subvolume).
 * XFS, F2FS and others just put the device's number there, and some nothing: another order of disks
 * at the next boot, and each object would be another one, or worse, one of another disk. There the
 * UUID counts, which Linux tells since 6.9; where it does not, the number as it is, else st_dev.
 */
#ifndef SITU_STORE_DIR_FILESYSTEM_H
#define SITU_STORE_DIR_FILESYSTEM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { FILESYSTEM_UUID_SIZE = 16 };

/* Whether statfs's number (f_fsid as it lies in memory) says no more than the device's does. */
bool filesystem_is_of_device(uint64_t fsid, dev_t device);

/* The number that counts. `uuid` is NULL where there is none. */
uint64_t filesystem_choose(dev_t device, uint64_t fsid, const uint8_t *uuid);

/* The UUID of the file system of `fd` (not an O_PATH one) into FILESYSTEM_UUID_SIZE bytes, the rest
 * zeros where it is shorter. 0; -ENOTTY where there is none (or zeros), or the
 * kernel does not tell. */
int filesystem_uuid(int fd, uint8_t *ret_uuid);

/* The number for the object that `fd` is open on (O_PATH will do), which is in `device`; it is
 * asked for at `root`, where that is the same file system. False where the object would have to be
 * opened and cannot be: another object may tell more. */
bool filesystem_ask(int fd, int root, dev_t device, uint64_t *ret_id);

/* Whether that number is more than the device's: the next mount, or another one, cannot change what
 * it stands for. `root` is open for reading. */
bool filesystem_is_lasting(int root, dev_t device);

#endif
