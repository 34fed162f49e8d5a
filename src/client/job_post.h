/* SPDX-License-Identifier: Apache-2.0
 *
 * The request that starts a job: JSON, or a long list of names as text that is generated while it
 * is sent. A random token in it makes it safe to send again: no second job is started. One thread
 * at a time.
 */
#ifndef SITU_CLIENT_JOB_POST_H
#define SITU_CLIENT_JOB_POST_H

#include <stdbool.h>

#include "client/job_input.h"
#include "client/name_check.h"
#include "client/transfer.h"

struct job_order {
    const struct model_name *model;
    const struct job_input *input; /* borrowed until the request is done */
    const struct situ_run_options *options;
    bool follow; /* the response is the stream of results */
    bool keep;
    bool labels; /* in each line */
};

struct job_post {
    struct buffer target;
    struct buffer body;
    struct names_reader reader;
    struct body_source source;
    struct request request; /* must not move until it is done */
};

/* Checks the options, too. Call job_post_done even after a failure. SITU_USAGE, SITU_IO (no random
 * numbers), SITU_MEMORY. */
must_check int job_post_make(struct job_post *job, const struct job_order *order,
                             struct situ_error *error);
void job_post_done(struct job_post *job);
#define cleanup_job_post __attribute__((cleanup(job_post_done)))

#endif
