/* SPDX-License-Identifier: Apache-2.0
 *
 * One run of a job: from the end of its log to the end of its selection (of one pass, for a
 * standing job), or until it must stop. On the job's thread while it has a place.
 */
#ifndef SITU_JOBS_RUNNER_H
#define SITU_JOBS_RUNNER_H

#include "base/error.h"

struct job;

enum run_end {
    RUN_COMPLETE, /* every object has its line, synced */
    RUN_STOPPED,  /* on request; what came back is synced, unless the disk refuses it */
    RUN_PAUSED,   /* it cannot continue for now: *ret_reason */
    RUN_FAILED    /* permanently: *ret_reason */
};

enum run_end runner_run(struct job *job, struct error *ret_reason);

#endif
