/* SPDX-License-Identifier: Apache-2.0
 *
 * The standing jobs that fill indexes. Each filling of an index has a token of its own, so that a
 * job that was made is found again after a crash.
 */
#ifndef SITU_RETRIEVAL_FILLING_JOB_H
#define SITU_RETRIEVAL_FILLING_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "retrieval/retrieval.h"

/* Makes the job, or finds the one that was made: its id and what is pinned. ERROR_CONFLICT: the
 * token is that of another's job; those of jobs_create. */
must_check int filling_job_make(struct jobs *jobs, const struct retrieval_spec *spec,
                                uint64_t number, struct job_info *ret_info, struct error *error);
/* The same, but never one that was there before. */
must_check int filling_job_make_anew(struct jobs *jobs, const struct retrieval_spec *spec,
                                     uint64_t number, struct job_info *ret_info,
                                     struct error *error);

/* Is it a job such as are made here, whatever index it fills? */
bool filling_job_is_one(const struct job_spec *spec);

/* Does it fill the index of this name (`number` 0: any filling of it)? */
bool filling_job_is_of(const struct job_spec *spec, const char *name, uint64_t number);

#endif
