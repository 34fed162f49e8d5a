/* SPDX-License-Identifier: Apache-2.0
 *
 * The ages of ended jobs, in the file `ages` of the table: the time that situd has run since they
 * ended, independent of the time of day. The keeper writes it now and then; after a crash a job
 * only lives longer. A file that cannot be read is logged and ignored: all ended jobs have the age
 * 0 then.
 */
#ifndef SITU_JOBS_AGES_H
#define SITU_JOBS_AGES_H

#include "base/cleanup.h"
#include "jobs/jobs.h"

struct ages;

/* The ages as last written. -ENOMEM. */
must_check int ages_read(const char *directory, struct ages **ret_ages);
void ages_free(struct ages *ages);                        /* NULL is fine */
int64_t ages_of(const struct ages *ages, const char *id); /* in seconds; 0: unknown */

struct age {
    char id[JOB_ID_SIZE];
    int64_t seconds;
};

/* ERROR_IO, ERROR_NO_SPACE, ERROR_MEMORY: the old file stays. */
must_check int ages_write(const char *directory, const struct age *ages, size_t count,
                          struct error *error);

#endif
