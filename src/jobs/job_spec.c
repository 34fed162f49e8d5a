/* SPDX-License-Identifier: Apache-2.0
 *
 * What a job is asked to do, as a value: copied and freed; and the names of its states. Any thread.
 */
#include <errno.h>
#include <string.h>

#include "jobs/jobs.h"

void job_spec_done(struct job_spec *spec)
{
    free(spec->store);
    free(spec->prefix);
    free(spec->glob);
    select_rules_done(&spec->rules);
    *spec = (struct job_spec){0};
}

/* NULL stays NULL. */
static int copy_text(const char *text, char **ret_copy)
{
    *ret_copy = text ? strdup(text) : NULL;
    return text && !*ret_copy ? -ENOMEM : 0;
}

int job_spec_copy(const struct job_spec *spec, struct job_spec *ret_copy)
{
    struct job_spec copy = *spec;
    copy.store = NULL;
    copy.prefix = NULL;
    copy.glob = NULL;
    copy.rules = (struct select_rules){.sniff = false};
    if (copy_text(spec->store, &copy.store) < 0 || copy_text(spec->prefix, &copy.prefix) < 0 ||
        copy_text(spec->glob, &copy.glob) < 0 || select_rules_copy(&spec->rules, &copy.rules) < 0) {
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
