/* SPDX-License-Identifier: Apache-2.0
 *
 * A list of names in a file, one per line, each with its line feed: written once, as the client
 * sends it, then read from any name on. A line feed within a name is written as NUL and `n`, since
 * names have no NUL. One thread at a time uses a writer or reader; a file may have several readers.
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

/* Creates the file at `path`, which must not exist. ERROR_IO, ERROR_NO_SPACE, ERROR_MEMORY. */
must_check int keys_writer_new(const char *path, struct keys_writer **ret_writer,
                               struct error *error);

/* Names that are appended end with NUL instead of a line feed, and may contain line feeds. To be
 * called before the first append. */
void keys_writer_end_with_nul(struct keys_writer *writer);

/* Takes the next bytes of a list, which may begin and end anywhere in a line. A carriage return
 * before a line feed is dropped, empty lines are skipped. ERROR_MALFORMED, with the line number,
 * for a name that is longer than LIMIT_KEY_BYTES + LIMIT_STORE_NAME + 1 or contains NUL;
 * ERROR_NO_SPACE, ERROR_IO. After an error the list cannot be used. */
must_check int keys_writer_append(struct keys_writer *writer, const void *bytes, size_t size,
                                  struct error *error);

/* Takes one whole name, which may contain line feeds and carriage returns and be as long as in a
 * listing: LIMIT_NAME_BYTES + LIMIT_STORE_NAME + 1. Not in the middle of a line. ERROR_MALFORMED
 * for an empty or longer name; otherwise as append. */
must_check int keys_writer_add(struct keys_writer *writer, const char *name, struct error *error);

/* Ends the list (its last line feed is optional): the file is on disk on return, its directory
 * is not synced. A second call does nothing. Errors as of append. */
must_check int keys_writer_finish(struct keys_writer *writer, struct error *error);

/* Closes the file, and leaves it in place. NULL is fine. */
void keys_writer_free(struct keys_writer *writer);

struct keys_reader;

/* Starts behind the first `position` names, or at the end if there are fewer. ERROR_IO,
 * ERROR_MEMORY. */
must_check int keys_reader_new(const char *path, uint64_t position, struct keys_reader **ret_reader,
                               struct error *error);
void keys_reader_free(struct keys_reader *reader); /* NULL is fine */

/* 1 and the next name, borrowed until the next call; 0 at the end; ERROR_IO, and the call can be
 * repeated. */
must_check int keys_reader_next(struct keys_reader *reader, const char **ret_name,
                                struct error *error);

/* True if the rest of the list is in memory; then *ret_left names follow. */
bool keys_reader_is_last(const struct keys_reader *reader, uint64_t *ret_left);

/* The number of names in the file. `stop` (may be NULL) ends the call with -ECANCELED. */
must_check int keys_file_count(const char *path, const atomic_bool *stop, uint64_t *ret_count,
                               struct error *error);

#endif
