/* SPDX-License-Identifier: Apache-2.0
 *
 * The log of a job: a file of records (job_record.h), appended to by one thread, the job's, and
 * read by any number. Readers see what is synced, and nothing behind it.
 *
 * A cursor is a number of lines. To find a line quickly the log keeps the file offset of at least
 * every 1,024th line, or one per MiB, in memory; this index is built when the log is opened, while
 * all lines are checked.
 */
#ifndef SITU_JOBS_JOB_LOG_H
#define SITU_JOBS_JOB_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "jobs/job_record.h"

struct job_log;

/* A place in the log; {0} is its start. */
struct job_log_place {
    uint64_t line;   /* lines before it */
    uint64_t offset; /* bytes before it */
};

/* A longer line is refused when it is appended, and cut off when it is found in a file. */
#define JOB_LOG_LINE_BYTES ((size_t)64 << 20)

/* Of all synced lines. */
struct job_log_totals {
    uint64_t lines;
    uint64_t failed;
    uint64_t cached;
    uint64_t bytes_read;
    uint64_t pass; /* of the last line; 0: none */
};

/* Opens the log in the directory of a job, or creates it. Reads all of it that was not released:
 * the first line that is incomplete or has a wrong checksum, and everything behind it, is cut
 * off, and *ret_cut_bytes (may be NULL) is set to the size of that. Errors: ERROR_IO,
 * ERROR_NO_SPACE, ERROR_MEMORY. Any thread. */
must_check int job_log_open(const char *path, struct job_log **ret_log, uint64_t *ret_cut_bytes,
                            struct error *error);
/* The same for an ended job: its lines were synced before its end was saved, so they are not
 * synced again. */
must_check int job_log_open_ended(const char *path, struct job_log **ret_log,
                                  uint64_t *ret_cut_bytes, struct error *error);
void job_log_close(struct job_log *log); /* NULL is fine; what is not synced is dropped */

/* For the writer. The last line, including appended lines that are not synced yet: 0 and its
 * name (raw, the caller frees it) and facts, or *ret_object NULL if the log is empty. */
must_check int job_log_last(struct job_log *log, char **ret_object,
                            struct job_record_facts *ret_facts, struct error *error);

/* For the writer. append keeps the line in memory; sync writes and syncs all appended lines, and
 * readers see them only then. If sync fails (ERROR_NO_SPACE, ERROR_IO) nothing is lost: the file
 * is cut back to the synced part, the lines stay in memory, and the next sync tries again.
 * append: -EINVAL if the object is not a `{...}` on one line, -EMSGSIZE if it is too long for a
 * line, -ENOMEM; the log is unchanged then. */
must_check int job_log_append(struct job_log *log, const char *object, size_t size,
                              const struct job_record_facts *facts);
size_t job_log_pending(const struct job_log *log); /* bytes that are not synced yet */
must_check int job_log_sync(struct job_log *log, struct error *error);

void job_log_totals(struct job_log *log,
                    struct job_log_totals *ret_totals); /* of the synced lines */

/* Releases the first `line` lines, except the last synced one, if that frees disk space: their
 * totals (released.h) are saved first, then their blocks are freed. Cursors and totals still
 * count them. ERROR_IO, ERROR_NO_SPACE, ERROR_MEMORY. Any thread. */
must_check int job_log_drop(struct job_log *log, uint64_t line, struct error *error);
uint64_t job_log_dropped(struct job_log *log); /* released lines */

/* The place behind the first `line` lines. -ERANGE: fewer are synced; ERROR_NOT_FOUND: lines
 * behind it were released. */
must_check int job_log_find(struct job_log *log, uint64_t line, struct job_log_place *ret_place,
                            struct error *error);

/* Appends synced lines from the place on to `out`, in the form for readers, each with its line
 * feed, until `out` has about `max_bytes`, and advances the place. 0 also if there is nothing
 * more. ERROR_NOT_FOUND: they were released; ERROR_IO, also for a damaged record, with its line
 * number. */
must_check int job_log_read(struct job_log *log, struct job_log_place *place, struct buffer *out,
                            size_t max_bytes, struct error *error);

/* Calls `visit` for each synced record from the place on; a negative result ends the call and is
 * returned. `line` is the stored form without the line feed. */
must_check int job_log_each(struct job_log *log, struct job_log_place *place,
                            int (*visit)(void *context, const char *line, size_t size,
                                         const struct job_record_facts *facts),
                            void *context, struct error *error);

#endif
