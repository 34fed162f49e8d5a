/* SPDX-License-Identifier: Apache-2.0
 *
 * The directory of an LMDB file: making, locking, removing it, and setting it aside. `what` names
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

/* Makes the directory where absent and locks it: an owned descriptor. Errors: ERROR_CONFLICT where
 * another process holds the lock, ERROR_IO, ERROR_NO_SPACE. */
must_check int files_lock(const char *directory, const char *what, int *ret_fd,
                          struct error *error);

/* Removes the data and lock files; the directory stays. */
must_check int files_remove(const char *directory, const char *what, struct error *error);

/* Gives LMDB's lock file its disk space. It is written through a mapping, where a full disk would
 * be a SIGBUS. LMDB takes a file that is large enough as it is. Errors: ERROR_NO_SPACE, ERROR_IO.
 */
must_check int files_reserve_lock(const char *directory, const char *what, unsigned readers,
                                  struct error *error);

/* True where the disk of an open directory has no room worth speaking of. LMDB tells of a write
 * that was cut short there as EIO. */
bool files_disk_is_full(int directory_fd);

/* Renames the directory to DIRECTORY.damaged-1, an older one to -2, and removes the one before.
 * Where that fails, removes the files. */
must_check int files_set_aside(const char *directory, const char *what, struct error *error);

#endif
