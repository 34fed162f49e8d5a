/* SPDX-License-Identifier: Apache-2.0
 *
 * The file `released` beside the log of a job: up to which place the log was released, and the
 * totals of the lines before it, which are stored nowhere else. It is written before the blocks of
 * the log are freed. Any thread, one at a time for a job.
 */
#ifndef SITU_JOBS_RELEASED_H
#define SITU_JOBS_RELEASED_H

#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "jobs/job_log.h"

struct released {
    struct job_log_place place;
    struct job_log_totals totals; /* of the lines before it */
};

/* ERROR_IO, ERROR_NO_SPACE, ERROR_MEMORY: the old file stays. */
must_check int released_write(const char *path, const struct released *released,
                              struct error *error);
/* Zeros if there is no such file. ERROR_IO: it cannot be read, or is damaged. */
must_check int released_read(const char *path, struct released *ret_released, struct error *error);
/* For tests: the same of the file's text: -EBADMSG. */
must_check int released_parse(const char *text, size_t size, struct released *ret_released);

#endif
