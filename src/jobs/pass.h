/* SPDX-License-Identifier: Apache-2.0
 *
 * One pass of a standing job: the listing and the table of known objects, merged in the order of
 * their keys. What both have with the same identity is passed over; what is new or changed is to be
 * inferred; what only the table has is gone. What has changed a moment ago is waited for, and left
 * to the next pass where it goes on changing, so that each settled state has one result. The job's
 * thread only.
 *
 * The log leads, the table follows: a commit carries, as a note, how many of the log's lines it
 * covers, and lines behind that are read back when a pass begins. The last line says how far a pass
 * that was cut had got.
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

/* Opens the table (one that is damaged is set aside, and everything is inferred again) and finds
 * the place to go on. Errors: those of known.h and of the log. */
must_check int pass_new(struct job *job, struct job_log *log, struct pass **ret_pass,
                        struct error *error);
void pass_free(struct pass *pass); /* NULL is fine; what is not committed is read back later */

uint64_t pass_number(const struct pass *pass);
/* The key behind which the selection begins; NULL: at the start. Borrowed. */
const char *pass_after(const struct pass *pass);
uint64_t pass_seen(const struct pass *pass); /* objects listed so far */

/* True where objects were left out that still change (a file on its way in): the next pass is to
 * come soon. */
bool pass_is_restless(const struct pass *pass);

/* The next: 1, 0 when the listing and the table are at their end, or a negative errno. */
must_check int pass_next(struct pass *pass, struct job_selection *selection,
                         struct job_item *ret_item, struct error *error);

/* The facts of a slot's line, and then, when it was appended, what the table is to know of it. */
void pass_facts(const struct pass *pass, const struct slot *slot, struct job_record_facts *facts);
must_check int pass_logged(struct pass *pass, const struct slot *slot,
                           const struct job_record_facts *facts);

/* All lines were synced: what the table knows with them is told. */
void pass_publish_count(struct pass *pass);
/* The log was synced: commits where enough has gathered, or at once. */
must_check int pass_commit(struct pass *pass, bool now, struct error *error);
/* The pass is complete, and all its lines are synced. */
must_check int pass_finish(struct pass *pass, struct error *error);

/* Calls `visit` for each key whose object failed when it was last looked at, in order; a negative
 * result ends it. Names that are too long for the table are left out, and
 * counted. */
must_check int pass_each_failed(struct pass *pass, int (*visit)(void *context, const char *key),
                                void *context, uint64_t *ret_left_out, struct error *error);

#endif
