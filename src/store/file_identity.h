/* SPDX-License-Identifier: Apache-2.0
 *
 * The identity of a file, for back ends whose objects are files: file system, inode, size and time
 * stamps, one word each. Pure; any thread.
 */
#ifndef SITU_STORE_FILE_IDENTITY_H
#define SITU_STORE_FILE_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "data/identity.h"

struct file_identity {
    uint64_t filesystem; /* a number that survives a reboot, where the file system has one */
    uint64_t inode;
    uint64_t size_bytes;
    int64_t mtime_ns;
    int64_t ctime_ns;
};

struct identity file_identity_pack(const struct file_identity *file);
/* Outside of file_identity.c for tests. */
struct file_identity file_identity_unpack(const struct identity *identity);

/* The time rules of `is_fresh`, `settles_in_ns` and `is_same_remounted` in store.h. */
bool file_identity_is_fresh(const struct identity *identity, int64_t now_ns);
int64_t file_identity_settles_in_ns(const struct identity *identity, int64_t now_ns);
bool file_identity_is_same_remounted(const struct identity *before, const struct identity *now);

/* Whether a file or directory with these time stamps is fresh. */
bool file_identity_times_are_fresh(int64_t mtime_ns, int64_t ctime_ns, int64_t now_ns);

#endif
