/* SPDX-License-Identifier: Apache-2.0
 *
 * One run of a job: from where its log ends to the end of its selection (of one pass, for a
 * standing job), or to where it must stop. Runs on the job's thread while that has a place.
 */
#ifndef SITU_JOBS_RUNNER_H
#define SITU_JOBS_RUNNER_H

#include "base/error.h"

struct job;

enum run_end {
    RUN_COMPLETE, /* everything has its line, synced */
    RUN_STOPPED,  /* somebody asked for it; all that came back is synced, where the disk takes it */
    RUN_PAUSED,   /* it cannot go on for now: *ret_reason */
    RUN_FAILED    /* for good: *ret_reason */
};

enum run_end runner_run(struct job *job, struct error *ret_reason);

#endif
