/* SPDX-License-Identifier: Apache-2.0
 *
 * job.json: what a job is asked to do, and its state. Written as a new file, synced, renamed, the
 * directory synced. Its content is checked: a file that was edited by hand gives an error with a
 * message, never a crash.
 */
#ifndef SITU_JOBS_JOB_FILE_H
#define SITU_JOBS_JOB_FILE_H

#include "base/cleanup.h"
#include "base/error.h"
#include "jobs/jobs.h"
#include "jobs/roots.h"

struct job_file {
    struct job_spec spec;   /* owned */
    enum job_state state;   /* JOB_WAITING also for a running job */
    struct error reason;    /* of a failed or paused one */
    uint64_t failed_before; /* failures before the last resume: max_failures does not count them */
    bool selected_known;
    uint64_t selected;
    uint64_t gone;
    struct left_out left_out;
    int64_t finished_s;
    struct roots roots; /* owned; empty in files of earlier versions */
};

/* `directory` is that of the job. One thread at a time for a job. ERROR_IO, ERROR_NO_SPACE,
 * ERROR_MEMORY; ERROR_MALFORMED for values that could not be read back (a prefix that is too
 * long): the old file stays. */
must_check int job_file_write(const char *directory, const struct job_file *file,
                              struct error *error);
/* ERROR_NOT_FOUND, ERROR_MALFORMED (also for a newer format), ERROR_IO, ERROR_MEMORY. */
must_check int job_file_read(const char *directory, struct job_file *ret_file, struct error *error);
/* For tests: the same of the file's text. */
must_check int job_file_parse(const char *text, size_t size, struct job_file *ret_file,
                              struct error *error);
void job_file_done(struct job_file *file);

#endif
