/* SPDX-License-Identifier: Apache-2.0
 *
 * The directory of an LMDB file: creating, locking, removing it, and setting it aside. `what` names
 * it in messages ("the result cache"). Private to this room; one thread at a time a directory.
 */
#ifndef SITU_MDB_FILES_H
#define SITU_MDB_FILES_H

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/error.h"

#define FILES_DATA "data.mdb"
#define FILES_LOCK "lock.mdb"

enum { FILES_KEPT_ASIDE = 2, FILES_PATH_SIZE = 4096 };

/* DIRECTORY/NAME; a directory's path has less than FILES_PATH_SIZE - 32 bytes. */
void files_path(const char *directory, const char *name, char ret_path[FILES_PATH_SIZE]);

/* Creates the directory where it is absent, and locks it: an owned descriptor. ERROR_CONFLICT:
 * another process holds the lock; ERROR_IO, ERROR_NO_SPACE. */
must_check int files_lock(const char *directory, const char *what, int *ret_fd,
                          struct error *error);

/* Removes the data and lock files, but not the directory. */
must_check int files_remove(const char *directory, const char *what, struct error *error);

/* Allocates the disk space of LMDB's lock file, which is written through a mapping, where a full
 * disk would be a SIGBUS. LMDB leaves a file alone that is large enough. ERROR_NO_SPACE, ERROR_IO.
 */
must_check int files_reserve_lock(const char *directory, const char *what, unsigned readers,
                                  struct error *error);

/* True where the disk of an open directory is full or almost so. LMDB reports a write that was cut
 * short there as EIO. */
bool files_disk_is_full(int directory_fd);

/* Renames the directory to DIRECTORY.damaged-1, an older one to -2, and removes the one before.
 * Where that fails, removes the files. */
must_check int files_set_aside(const char *directory, const char *what, struct error *error);

#endif
