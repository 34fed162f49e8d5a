/* SPDX-License-Identifier: Apache-2.0
 *
 * How many workers there are, and which of them go: above the number that may be alive, above the
 * memory budget, and those of removed models. Called by loads, the housekeeper and threads that
 * remove a model.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "infer/dispatch_state.h"

/* The least recently used idle model, or NULL; never `keep`, nor the one used last. */
static struct model *idle_victim(struct dispatch *dispatch, const struct model *keep)
{
    struct model *victim = NULL;
    const struct model *latest = dispatch->loaded_models;
    for (const struct model *m = latest; m; m = m->runtime.next_loaded) {
        latest = m->runtime.last_used_ns > latest->runtime.last_used_ns ? m : latest;
    }
    for (struct model *m = dispatch->loaded_models; m; m = m->runtime.next_loaded) {
        if (m != keep && m != latest && !m->runtime.kept && m->runtime.users == 0 &&
            !m->runtime.quarantine &&
            (!victim || m->runtime.last_used_ns < victim->runtime.last_used_ns)) {
            victim = m;
        }
    }
    return victim;
}

uint64_t dispatch_loaded_bytes(const struct dispatch *dispatch)
{
    uint64_t total = 0;
    for (const struct model *m = dispatch->loaded_models; m; m = m->runtime.next_loaded) {
        total += m->runtime.memory_bytes;
    }
    return total;
}

void dispatch_keep_budget(struct dispatch *dispatch, const struct model *keep)
{
    for (;;) {
        struct garbage garbage = {0};
        {
            HOLD(&dispatch->lock);
            struct model *victim = NULL;
            if (dispatch->config.memory_budget > 0 &&
                dispatch_loaded_bytes(dispatch) > dispatch->config.memory_budget) {
                victim = idle_victim(dispatch, keep);
            }
            if (victim) {
                log_event(LOG_LEVEL_INFO, "model_unloaded",
                          "model=%s version=%s reason=memory_budget", victim->name,
                          victim->version);
                garbage = dispatch_detach_worker(dispatch, victim);
            }
        }
        if (!garbage.worker) {
            return;
        }
        dispatch_discard(dispatch, &garbage);
    }
}

void dispatch_worker_gone(struct dispatch *dispatch)
{
    HOLD(&dispatch->lock);
    dispatch->workers--;
}

int dispatch_worker_place(struct dispatch *dispatch, const struct model *model, struct error *error)
{
    for (;;) {
        struct garbage garbage = {0};
        {
            HOLD(&dispatch->lock);
            if (dispatch->workers < LIMIT_WORKERS) {
                dispatch->workers++;
                return 0;
            }
            garbage = dispatch_removed_worker(dispatch);
            struct model *victim = garbage.worker ? NULL : idle_victim(dispatch, model);
            if (victim) {
                log_event(LOG_LEVEL_INFO, "model_unloaded", "model=%s version=%s reason=workers",
                          victim->name, victim->version);
                garbage = dispatch_detach_worker(dispatch, victim);
            }
        }
        if (!garbage.worker) {
            return error_set(error, ERROR_BUSY, "%u workers run already, and none is idle",
                             LIMIT_WORKERS);
        }
        dispatch_discard(dispatch, &garbage);
    }
}

/* ---- removed models ---- */

struct garbage dispatch_removed_worker(struct dispatch *dispatch)
{
    for (struct model *m = dispatch->loaded_models; m; m = m->runtime.next_loaded) {
        if (atomic_load(&m->removed) && m->runtime.users == 0 && atomic_load(&m->references) == 1) {
            return dispatch_detach_worker(dispatch, m);
        }
    }
    return (struct garbage){0};
}

static void wake_housekeeper(void *context)
{
    const struct dispatch *dispatch = context;
    uint64_t one = 1;
    ssize_t written = write(dispatch->housekeeper_event, &one, sizeof one);
    (void)written; /* fails only if the counter is full: the housekeeper will look anyway */
}

void dispatch_remove(struct dispatch *dispatch, struct model *model)
{
    {
        HOLD(&dispatch->lock);
        model->released = wake_housekeeper;
        model->released_context = dispatch;
        atomic_store(&model->removed, true);
    }
    dispatch_release(dispatch, model); /* from now on it cannot be kept again */
    model_unref(model);
    for (;;) { /* at once, so that the caller that removes models does the work */
        struct garbage garbage = {0};
        {
            HOLD(&dispatch->lock);
            garbage = dispatch_removed_worker(dispatch);
        }
        if (!garbage.worker) {
            break;
        }
        dispatch_discard(dispatch, &garbage);
    }
    wake_housekeeper(dispatch); /* for a load that no caller waits for */
}
