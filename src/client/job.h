/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests about jobs, for the rest of the library. Any thread.
 */
#ifndef SITU_CLIENT_JOB_H
#define SITU_CLIENT_JOB_H

#include "client/document.h"
#include "client/job_object.h"

/* Does a request whose answer is one job object. The caller frees *ret_job. */
must_check int job_fetch(struct situ *array, const struct request *request,
                         struct situ_job **ret_job, struct situ_error *error);

/* situ_job_remove(); with `once` there is no second try. */
int job_remove(struct situ *array, const char *id, bool once, struct situ_error *error);

#endif
