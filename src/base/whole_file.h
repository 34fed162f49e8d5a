/* SPDX-License-Identifier: Apache-2.0
 *
 * Small files that are written and read whole. What is written takes the old one's place at once
 * and is on disk then, its name included: after a crash the one or the other is there. Any thread,
 * one at a time a path.
 */
#ifndef SITU_BASE_WHOLE_FILE_H
#define SITU_BASE_WHOLE_FILE_H

#include <stddef.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

/* Writes PATH.new, syncs it, renames it, syncs the directory. Negative errno: the old one stays,
 * but where only the last step failed. */
must_check int whole_file_write(const char *path, const void *bytes, size_t size);

/* Appends all of a regular file to `out`. -ENOENT; -EFBIG: it is larger than `limit`; -EINVAL: it
 * is none; -ENOMEM. */
must_check int whole_file_read(const char *path, size_t limit, struct buffer *out);

/* The same for a file NAME of a directory, with a checksum behind its text (seal.h) and with what a
 * person is told: ERROR_NOT_FOUND; ERROR_MALFORMED: larger, no regular file, or not the bytes that
 * were written; ERROR_NO_SPACE, ERROR_IO, ERROR_MEMORY. A file without a checksum is taken. `out`
 * is empty before. */
must_check int whole_file_save(const char *directory, const char *name, const struct buffer *bytes,
                               struct error *error);
must_check int whole_file_load(const char *directory, const char *name, size_t limit,
                               struct buffer *out, struct error *error);

/* Makes the names in a directory last: of files made, renamed and removed there. */
must_check int whole_file_sync_names(const char *directory);
must_check int whole_file_sync_parent(const char *path); /* in the directory that holds `path` */

#endif
