/* SPDX-License-Identifier: Apache-2.0
 *
 * What a job is asked to do, as a value: copied and freed; and the names of its states. Any thread.
 */
#include "jobs/jobs.h"

#include <errno.h>
#include <stdlib.h>

#include "base/text.h"

void job_spec_done(struct job_spec *spec)
{
    free(spec->keys_stores);
    selection_done(&spec->select);
    *spec = (struct job_spec){0};
}

int job_spec_copy(const struct job_spec *spec, struct job_spec *ret_copy)
{
    struct job_spec copy = *spec;
    copy.keys_stores = NULL;
    int r = selection_copy(&spec->select, &copy.select);
    if (r < 0) {
        return r;
    }
    if (text_copy(spec->keys_stores, &copy.keys_stores) < 0) {
        job_spec_done(&copy);
        return -ENOMEM;
    }
    *ret_copy = copy;
    return 0;
}

static const char *const state_names[] = {
    [JOB_WAITING] = "waiting", [JOB_RUNNING] = "running",     [JOB_PAUSED] = "paused",
    [JOB_DONE] = "done",       [JOB_CANCELLED] = "cancelled", [JOB_FAILED] = "failed",
};

const char *job_state_name(enum job_state state)
{
    return (unsigned)state < sizeof state_names / sizeof state_names[0] ? state_names[state]
                                                                        : "failed";
}

bool job_state_is_end(enum job_state state)
{
    return state == JOB_DONE || state == JOB_CANCELLED || state == JOB_FAILED;
}

void job_info_done(struct job_info *info)
{
    job_spec_done(&info->spec);
    *info = (struct job_info){0};
}
