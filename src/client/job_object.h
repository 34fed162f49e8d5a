/* SPDX-License-Identifier: Apache-2.0
 *
 * The job object of docs/protocol.md as the public struct situ_job. Pure; any thread.
 */
#ifndef SITU_CLIENT_JOB_OBJECT_H
#define SITU_CLIENT_JOB_OBJECT_H

#include "base/json.h"
#include "client/fail.h"

enum { JOB_ID_BYTES_MAX = 64 };

/* Fills a job from its object. Texts are borrowed from the tree. */
void job_fill(struct situ_job *job, const struct json *node);

/* SITU_USAGE where the text cannot be a job's id. */
must_check int job_id_check(const char *id, struct situ_error *error);

#endif
