/* SPDX-License-Identifier: Apache-2.0
 *
 * A job whose members are all set, for tests of how jobs are written.
 */
#ifndef TESTS_JOBS_SAMPLE_SPEC_H
#define TESTS_JOBS_SAMPLE_SPEC_H

#include "jobs/jobs.h"

/* `prefix` is borrowed; its other texts are constant. */
static inline struct job_spec sample_spec(char *prefix)
{
    static char store[] = "photos";
    static char glob[] = "*.jpg";
    return (struct job_spec){
        .id = "k3vq7xa2",
        .token = "a-Token_1.2",
        .model = "squeezenet",
        .version = "1",
        .digest = "82d7",
        .select = {.store = store, .prefix = prefix, .glob = glob},
        .top = 5,
        .labels = true,
        .priority = 7,
        .max_failures = 12,
        .cache = true,
        .keep = true,
        .interval_s = 60,
        .created_s = 1795424400,
    };
}

#endif
