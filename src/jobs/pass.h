/* SPDX-License-Identifier: Apache-2.0
 *
 * One pass of a standing job: the listing and the table of known objects, merged in key order.
 * Objects that are in both with the same identity are skipped; new and changed ones are inferred;
 * those in the table alone are gone. An object that changed a moment ago is waited for, and left to
 * the next pass if it keeps changing, so that each settled state has one result. The job's thread
 * only.
 *
 * The log is written first, the table follows: the note of a commit holds how many lines of the log
 * it covers, and a pass begins by applying the lines behind that. The last line of the log gives
 * the place where an interrupted pass continues.
 */
#ifndef SITU_JOBS_PASS_H
#define SITU_JOBS_PASS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "jobs/job_item.h"
#include "jobs/job_log.h"
#include "jobs/window.h"

struct job;
struct pass;

/* Opens the table and finds the place to continue. A damaged table is renamed, and everything is
 * inferred again. Errors: those of known.h and of the log. */
must_check int pass_new(struct job *job, struct job_log *log, struct pass **ret_pass,
                        struct error *error);
void pass_free(struct pass *pass); /* NULL is fine; what is not committed is applied again later */

uint64_t pass_number(const struct pass *pass);
/* The key behind which the selection begins; NULL: from the start. Borrowed. */
const char *pass_after(const struct pass *pass);
uint64_t pass_seen(const struct pass *pass); /* objects listed so far */

/* True if objects were left out because they are still changing (a file that is being copied):
 * the next pass should come soon. */
bool pass_is_restless(const struct pass *pass);

/* The next item: 1; 0 at the end of listing and table; or a negative errno. */
must_check int pass_next(struct pass *pass, struct job_selection *selection,
                         struct job_item *ret_item, struct error *error);

/* The facts for the line of a slot; and, after the line was appended, the change to the table. */
void pass_facts(const struct pass *pass, const struct slot *slot, struct job_record_facts *facts);
must_check int pass_logged(struct pass *pass, const struct slot *slot,
                           const struct job_record_facts *facts);

/* After all lines were synced: publishes the counts of the table. */
void pass_publish_count(struct pass *pass);
/* After the log was synced: commits if enough changes have gathered, or at once if `now`. */
must_check int pass_commit(struct pass *pass, bool now, struct error *error);
/* After a complete pass whose lines are all synced. */
must_check int pass_finish(struct pass *pass, struct error *error);

/* Calls `visit` for each key whose last result is a failure, in order; a negative result ends
 * it. Names that are too long for the table are left out and counted. */
must_check int pass_each_failed(struct pass *pass, int (*visit)(void *context, const char *key),
                                void *context, uint64_t *ret_left_out, struct error *error);

#endif
