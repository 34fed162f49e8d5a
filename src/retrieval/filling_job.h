/* SPDX-License-Identifier: Apache-2.0
 *
 * The standing jobs that fill indexes. The job of each build has its own token, so that it is found
 * again after a crash.
 */
#ifndef SITU_RETRIEVAL_FILLING_JOB_H
#define SITU_RETRIEVAL_FILLING_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "retrieval/retrieval.h"

/* Creates the job, or finds it if it exists: its id and what is pinned. ERROR_CONFLICT: another
 * job has the token; those of jobs_create. */
must_check int filling_job_make(struct jobs *jobs, const struct retrieval_spec *spec,
                                uint64_t number, struct job_info *ret_info, struct error *error);
/* The same, but replaces an existing job. */
must_check int filling_job_make_anew(struct jobs *jobs, const struct retrieval_spec *spec,
                                     uint64_t number, struct job_info *ret_info,
                                     struct error *error);

/* Does the job fill an index? */
bool filling_job_is_one(const struct job_spec *spec);

/* Does it fill the index of this name (`number` 0: any build of it)? */
bool filling_job_is_of(const struct job_spec *spec, const char *name, uint64_t number);

#endif
