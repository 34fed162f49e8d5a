/* SPDX-License-Identifier: Apache-2.0
 *
 * The job object of docs/protocol.md as the public struct situ_job, and requests that return one.
 * Any thread.
 */
#ifndef SITU_CLIENT_JOB_OBJECT_H
#define SITU_CLIENT_JOB_OBJECT_H

#include "client/document.h"

enum { JOB_ID_BYTES_MAX = 64 };

/* Fills a job from its object. Texts are borrowed from the tree. The array is not trusted: what is
 * absent or of another type reads as "" or 0. */
void job_fill(struct situ_job *job, const struct json *node);

/* SITU_USAGE if the text cannot be the id of a job. */
must_check int job_id_check(const char *id, struct situ_error *error);

/* Performs a request that returns a job object. ret_job may be NULL. */
must_check int job_fetch(struct situ *array, const struct request *request,
                         struct situ_job **ret_job, struct situ_error *error);

/* situ_job_remove(); `once`: without retries. */
int job_remove(struct situ *array, const char *id, bool once, struct situ_error *error);

#endif
