/* SPDX-License-Identifier: Apache-2.0
 *
 * Directories of indexes: made, listed, and renamed durably. Any thread.
 */
#ifndef SITU_RETRIEVAL_INDEX_DIRECTORY_H
#define SITU_RETRIEVAL_INDEX_DIRECTORY_H

#include "base/cleanup.h"
#include "base/error.h"

/* A path; the caller frees it. NULL: no memory. */
char *index_directory_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Creates it, unless it exists. ERROR_IO, ERROR_NO_SPACE. */
must_check int index_directory_make(const char *path, struct error *error);

/* Renames within `parent`, durably. ERROR_CONFLICT: `to` exists and is not empty; ERROR_IO,
 * ERROR_NO_SPACE. */
must_check int index_directory_rename(const char *parent, const char *from, const char *to,
                                      struct error *error);

/* Calls `visit` for each name in it except `.` and `..`; a negative result ends the call and is
 * returned. ERROR_IO. */
must_check int index_directory_each(const char *path, int (*visit)(void *context, const char *name),
                                    void *context, struct error *error);

#endif
