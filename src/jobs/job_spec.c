/* SPDX-License-Identifier: Apache-2.0
 *
 * What a job is asked to do, as a value: copied and freed; and the names of its states. Any thread.
 */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "jobs/jobs.h"

void job_spec_done(struct job_spec *spec)
{
    free(spec->store);
    free(spec->prefix);
    free(spec->glob);
    free(spec->keys_stores);
    select_rules_done(&spec->rules);
    *spec = (struct job_spec){0};
}

int job_spec_copy(const struct job_spec *spec, struct job_spec *ret_copy)
{
    struct job_spec copy = *spec;
    copy.store = NULL;
    copy.prefix = NULL;
    copy.glob = NULL;
    copy.keys_stores = NULL;
    copy.rules = (struct select_rules){.sniff = false};
    if (text_copy(spec->store, &copy.store) < 0 || text_copy(spec->prefix, &copy.prefix) < 0 ||
        text_copy(spec->glob, &copy.glob) < 0 ||
        text_copy(spec->keys_stores, &copy.keys_stores) < 0 ||
        select_rules_copy(&spec->rules, &copy.rules) < 0) {
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
