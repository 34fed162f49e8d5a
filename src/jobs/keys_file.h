/* SPDX-License-Identifier: Apache-2.0
 *
 * A list of names in a file, one a line, each with its line feed: written once, as the client sends
 * it, then read from any name on. A line feed within a name stands there as NUL and `n`, for no
 * name has a NUL. A writer or reader is used by one thread at a time; several readers may have one
 * file.
 */
#ifndef SITU_JOBS_KEYS_FILE_H
#define SITU_JOBS_KEYS_FILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

struct keys_writer;

/* Makes the file at `path`, which must not be there. ERROR_IO, ERROR_NO_SPACE, ERROR_MEMORY. */
must_check int keys_writer_new(const char *path, struct keys_writer **ret_writer,
                               struct error *error);

/* A NUL ends each name of those appended, in the place of a line feed, so that a name may have line
 * feeds. Before the first append. */
void keys_writer_end_with_nul(struct keys_writer *writer);

/* Takes the next bytes of a list; lines may begin and end anywhere in them. A carriage return
 * before a line feed is dropped, empty lines are passed over. ERROR_MALFORMED, naming the line,
 * for a name longer than LIMIT_KEY_BYTES + LIMIT_STORE_NAME + 1 or with a NUL in it;
 * ERROR_NO_SPACE, ERROR_IO. After an error the list cannot be used. */
must_check int keys_writer_append(struct keys_writer *writer, const void *bytes, size_t size,
                                  struct error *error);

/* Takes one whole name as it is, with line feeds and carriage returns, and as long as a listing has
 * them: LIMIT_NAME_BYTES + LIMIT_STORE_NAME + 1. Not within a line. ERROR_MALFORMED for an empty or
 * a longer one, and as append. */
must_check int keys_writer_add(struct keys_writer *writer, const char *name, struct error *error);

/* The list is whole (its last line feed may be missing): it is on disk when this returns, but for
 * its directory. May be called again, and does nothing then. Errors as of append. */
must_check int keys_writer_finish(struct keys_writer *writer, struct error *error);

/* Closes; the file stays where it is. NULL is fine. */
void keys_writer_free(struct keys_writer *writer);

struct keys_reader;

/* Begins behind the first `position` names; at the end where there are no more. ERROR_IO,
 * ERROR_MEMORY. */
must_check int keys_reader_new(const char *path, uint64_t position, struct keys_reader **ret_reader,
                               struct error *error);
void keys_reader_free(struct keys_reader *reader); /* NULL is fine */

/* 1 and the next name, borrowed until the next call; 0 at the end; ERROR_IO, and the same call may
 * be made again. */
must_check int keys_reader_next(struct keys_reader *reader, const char **ret_name,
                                struct error *error);

/* True where the rest of the list is in memory; then *ret_left names are to come. */
bool keys_reader_is_last(const struct keys_reader *reader, uint64_t *ret_left);

/* How many names the file has. `stop` (may be NULL) ends it with -ECANCELED. */
must_check int keys_count(const char *path, const atomic_bool *stop, uint64_t *ret_count,
                          struct error *error);

#endif
