/* SPDX-License-Identifier: Apache-2.0
 *
 * Small files that are written and read as a whole. A new file replaces the old one at once, and is
 * on disk with its name when the call returns: after a crash one of the two is there. Any thread,
 * but only one at a time for a path.
 */
#ifndef SITU_BASE_WHOLE_FILE_H
#define SITU_BASE_WHOLE_FILE_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

/* Writes PATH.new, syncs it, renames it, syncs the directory. Negative errno: the old file is still
 * there, unless only the last step failed. */
must_check int whole_file_write(const char *path, const void *bytes, size_t size);

/* Writes the content of a new file, open at `fd`, and syncs it. Negative errno. */
must_check int whole_file_fill(int fd, const void *bytes, size_t size);

/* Appends the content of a regular file to `out`. -ENOENT; -EFBIG: it is larger than `limit`;
 * -EINVAL: it is not a regular file; -ENOMEM. */
must_check int whole_file_read(const char *path, size_t limit, struct buffer *out);

/* The same for a file NAME of a directory, with a checksum after its text (seal.h) and with a
 * message: ERROR_NOT_FOUND; ERROR_MALFORMED: too large, not a regular file, or damaged;
 * ERROR_NO_SPACE, ERROR_IO, ERROR_MEMORY. A file without a checksum is accepted. `out` must be
 * empty. */
must_check int whole_file_save(const char *directory, const char *name, const struct buffer *bytes,
                               struct error *error);
must_check int whole_file_load(const char *directory, const char *name, size_t limit,
                               struct buffer *out, struct error *error);

/* Syncs a directory, so that names created, renamed and removed in it are on disk. */
must_check int whole_file_sync_names(const char *directory);
must_check int whole_file_sync_parent(const char *path); /* in the directory that holds `path` */

#endif
