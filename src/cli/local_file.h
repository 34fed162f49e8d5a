/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole files of this machine, read into memory. One thread.
 */
#ifndef SITU_CLI_LOCAL_FILE_H
#define SITU_CLI_LOCAL_FILE_H

#include <situ.h>
#include <stdbool.h>
#include <stddef.h>

/* Reads a regular file; the caller frees *ret_bytes. Negative with `error` after a failure. */
int local_file_read(const char *path, char **ret_bytes, size_t *ret_size, struct situ_error *error);

/* Whether such a file exists. */
bool local_file_exists(const char *path);

#endif
