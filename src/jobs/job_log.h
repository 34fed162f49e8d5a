/* SPDX-License-Identifier: Apache-2.0
 *
 * A job's log: a file of records (job_record.h), appended to by one thread, the job's, and read by
 * any number. Readers see what is synced, and nothing behind it.
 *
 * A cursor is a number of lines. To find a line quickly the log keeps the file offset of at
 * least every 1,024th, or one each MiB, in memory; the index is made when the log is opened, by the
 * pass over all lines that checks them.
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

/* A longer line is none: it is refused when appended, and cut off where it stands in a file. */
#define JOB_LOG_LINE_BYTES ((size_t)64 << 20)

/* Of all synced lines. */
struct job_log_totals {
    uint64_t lines;
    uint64_t failed;
    uint64_t cached;
    uint64_t bytes_read;
    uint64_t pass; /* of the last line; 0: none */
};

/* Opens, or makes, the log in a job's directory. Reads all of it that was not given up: the first
 * line that is torn or whose checksum fails, and everything behind it, is cut off, and
 * *ret_cut_bytes (may be NULL) says how much that was. Errors: ERROR_IO, ERROR_NO_SPACE,
 * ERROR_MEMORY. Any thread. */
must_check int job_log_open(const char *path, struct job_log **ret_log, uint64_t *ret_cut_bytes,
                            struct error *error);
/* The same for a job that has ended: its lines were synced before that was written down, and are
 * not synced once more. */
must_check int job_log_open_ended(const char *path, struct job_log **ret_log,
                                  uint64_t *ret_cut_bytes, struct error *error);
void job_log_close(struct job_log *log); /* NULL is fine; what is not synced is dropped */

/* The writer's, as append. The last line: 0 and its name (raw, the caller frees it) and facts, or
 * *ret_object NULL where the log is empty. Looks at appended lines that are not synced yet, too. */
must_check int job_log_last(struct job_log *log, char **ret_object,
                            struct job_record_facts *ret_facts, struct error *error);

/* The writer. append keeps the line in memory; sync writes and syncs all that was appended, and
 * only then readers see it. Where sync fails (ERROR_NO_SPACE, ERROR_IO) nothing is lost: the file
 * is cut back to what was synced, the lines stay in memory, and the next sync tries again.
 * append: -EINVAL where the object is no `{...}` on one line, -EMSGSIZE where it is longer than a
 * line may be, -ENOMEM; the log is then as it was. */
must_check int job_log_append(struct job_log *log, const char *object, size_t size,
                              const struct job_record_facts *facts);
size_t job_log_pending(const struct job_log *log); /* bytes that wait for a sync */
must_check int job_log_sync(struct job_log *log, struct error *error);

void job_log_totals(struct job_log *log, struct job_log_totals *ret_totals); /* synced ones */

/* Gives up the first `line` lines, but never the last synced one, where that frees disk space: what
 * is left to tell of them (released.h) is written down first, then their blocks are given back.
 * Cursors and totals count them as before. ERROR_IO, ERROR_NO_SPACE, ERROR_MEMORY. Any thread. */
must_check int job_log_drop(struct job_log *log, uint64_t line, struct error *error);
uint64_t job_log_dropped(struct job_log *log); /* lines that were given up */

/* The place behind the first `line` lines. -ERANGE: there are fewer that are synced;
 * ERROR_NOT_FOUND: lines behind it were given up. */
must_check int job_log_find(struct job_log *log, uint64_t line, struct job_log_place *ret_place,
                            struct error *error);

/* Appends synced lines from the place on to `out`, as readers see them, each with its line feed,
 * until about `max_bytes` stand there, and moves the place behind them. 0 also where there is
 * nothing more. ERROR_NOT_FOUND: they were given up; ERROR_IO; a record that went bad on disk is
 * ERROR_IO, too, naming its line. */
must_check int job_log_read(struct job_log *log, struct job_log_place *place, struct buffer *out,
                            size_t max_bytes, struct error *error);

/* Calls `visit` for each synced record from the place on; a negative result ends it and is
 * returned. `line` is the stored form without line feed. */
must_check int job_log_each(struct job_log *log, struct job_log_place *place,
                            int (*visit)(void *context, const char *line, size_t size,
                                         const struct job_record_facts *facts),
                            void *context, struct error *error);

#endif
