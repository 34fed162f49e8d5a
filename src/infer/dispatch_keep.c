/* SPDX-License-Identifier: Apache-2.0
 *
 * Models that are kept loaded on request, and models that were unloaded on request. Called by
 * request threads and the housekeeper.
 */
#include "base/log.h"
#include "infer/dispatch_state.h"

/* Under the lock. True where it was kept; its reference is the caller's then. */
static bool unlink_kept(struct dispatch *dispatch, struct model *model)
{
    struct model **at = &dispatch->kept_models;
    while (*at && *at != model) {
        at = &(*at)->runtime.next_kept;
    }
    if (!*at) {
        return false;
    }
    *at = model->runtime.next_kept;
    model->runtime.next_kept = NULL;
    model->runtime.kept = false;
    return true;
}

bool dispatch_keep(struct dispatch *dispatch, struct model *model)
{
    HOLD(&dispatch->lock);
    model->runtime.unloaded = false; /* if it still waits for its objects */
    if (model->runtime.state == MODEL_FAILED) {
        model->runtime.retry_later_ns = 0;
        model->runtime.retry_ns = 0; /* try at once: the cause may have been fixed */
    }
    if (model->runtime.kept || atomic_load(&model->removed) || dispatch->stopping) {
        return false;
    }
    model->runtime.kept = true;
    model->runtime.next_kept = dispatch->kept_models;
    dispatch->kept_models = model_ref(model);
    return true;
}

void dispatch_release(struct dispatch *dispatch, struct model *model)
{
    bool kept = false;
    {
        HOLD(&dispatch->lock);
        kept = unlink_kept(dispatch, model);
    }
    if (kept) {
        model_unref(model);
    }
}

void dispatch_release_all(struct dispatch *dispatch)
{
    for (;;) {
        struct model *model = NULL;
        {
            HOLD(&dispatch->lock);
            model = dispatch->kept_models;
            if (model) {
                (void)unlink_kept(dispatch, model);
            }
        }
        if (!model) {
            return;
        }
        model_unref(model);
    }
}

void dispatch_unload(struct dispatch *dispatch, struct model *model)
{
    dispatch_release(dispatch, model);
    struct garbage garbage = {0};
    {
        HOLD(&dispatch->lock);
        model->runtime.unloaded = true;
        garbage = dispatch_unloaded_worker(dispatch);
    }
    dispatch_discard(dispatch, &garbage);
}

bool dispatch_was_unloaded(struct dispatch *dispatch, struct model *model)
{
    HOLD(&dispatch->lock);
    return model->runtime.unloaded;
}

struct garbage dispatch_unloaded_worker(struct dispatch *dispatch)
{
    for (struct model *m = dispatch->loaded_models; m; m = m->runtime.next_loaded) {
        if (m->runtime.unloaded && m->runtime.users == 0 && !m->runtime.quarantine) {
            log_event(LOG_LEVEL_INFO, "model_unloaded", "model=%s version=%s reason=asked", m->name,
                      m->version);
            return dispatch_detach_worker(dispatch, m);
        }
    }
    return (struct garbage){0};
}

/* A kept model has a worker, or gets one: after its last one died, or after this storage node could
 * not load it for a while. */
void dispatch_load_kept(struct dispatch *dispatch)
{
    for (struct model *m = dispatch->kept_models; m; m = m->runtime.next_kept) {
        const struct model_runtime *runtime = &m->runtime;
        bool hopeless = runtime->state == MODEL_FAILED && runtime->fault == ERROR_UNFIT;
        struct error ignored;
        if (!runtime->worker && runtime->state != MODEL_LOADING && !hopeless &&
            dispatch_want_loaded_again(dispatch, m, &ignored) < 0) {
            continue; /* later */
        }
    }
}
