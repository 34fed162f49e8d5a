/* SPDX-License-Identifier: Apache-2.0
 *
 * How old ended jobs are, in the table's file `ages`: by the time that situd has run since they
 * ended, which no change of the clock makes longer. The keeper writes it now and then; what a crash
 * loses of it only makes a job live longer. A file that cannot be read is logged and counts as
 * none: all ended jobs are then as new.
 */
#ifndef SITU_JOBS_AGES_H
#define SITU_JOBS_AGES_H

#include "base/cleanup.h"
#include "jobs/jobs.h"

struct ages;

/* What was written last; never NULL but where there is no memory. */
must_check int ages_read(const char *directory, struct ages **ret_ages);
void ages_free(struct ages *ages);                        /* NULL is fine */
int64_t ages_of(const struct ages *ages, const char *id); /* in seconds; 0: not known */

struct age {
    char id[JOB_ID_SIZE];
    int64_t seconds;
};

/* ERROR_IO, ERROR_NO_SPACE, ERROR_MEMORY: the old one stays. */
must_check int ages_write(const char *directory, const struct age *ages, size_t count,
                          struct error *error);

#endif
