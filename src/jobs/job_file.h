/* SPDX-License-Identifier: Apache-2.0
 *
 * job.json: what a job is asked to do, and its state where that is not "going on". Written new,
 * synced, renamed, the directory synced. Read with care: a file that a person changed is an error
 * with a message, never a crash.
 */
#ifndef SITU_JOBS_JOB_FILE_H
#define SITU_JOBS_JOB_FILE_H

#include "base/cleanup.h"
#include "base/error.h"
#include "jobs/jobs.h"
#include "jobs/roots.h"

struct job_file {
    struct job_spec spec;   /* owned */
    enum job_state state;   /* WAITING stands for going on */
    struct error reason;    /* of a failed or paused one */
    uint64_t failed_before; /* failures that max_failures does not count: there was a resume */
    bool selected_known;
    uint64_t selected;
    uint64_t gone;
    struct left_out left_out;
    int64_t finished_s;
    struct roots roots; /* owned; none in files of earlier versions */
};

/* `directory` is the job's own. One thread at a time for a job. ERROR_IO, ERROR_NO_SPACE,
 * ERROR_MEMORY; ERROR_MALFORMED for values that would not be read again (a prefix that is too
 * long): the old file stays. */
must_check int job_file_write(const char *directory, const struct job_file *file,
                              struct error *error);
/* ERROR_NOT_FOUND, ERROR_MALFORMED (of a newer format, too), ERROR_IO, ERROR_MEMORY. */
must_check int job_file_read(const char *directory, struct job_file *ret_file, struct error *error);
/* For tests: the same of the file's text. */
must_check int job_file_parse(const char *text, size_t size, struct job_file *ret_file,
                              struct error *error);
void job_file_done(struct job_file *file);

#endif
