/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds and opens the files of a package's directory, and never anything outside of it. Private to
 * src/model. Any thread.
 */
#ifndef SITU_MODEL_DIRECTORY_H
#define SITU_MODEL_DIRECTORY_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "model/package.h"

enum { PACKAGE_DEPTH_MAX = 8 }; /* nested directories */

/* Opens the directory itself (a symbolic link is fine here). */
must_check int directory_open(const char *path, int *ret_fd, struct error *error);

/* Fills files, file_count and size_bytes, sorted by the bytes of the path. */
must_check int directory_list(int root, struct model_spec *spec, struct error *error);

/* Opens a regular file beneath `root` for reading. */
must_check int directory_open_file(int root, const char *path, int *ret_fd, uint64_t *ret_size,
                                   struct error *error);

/* Appends the content of a file of at most `limit` bytes. */
must_check int directory_read(int root, const char *path, uint64_t limit, struct buffer *out,
                              struct error *error);

#endif
