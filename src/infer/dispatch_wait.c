/* SPDX-License-Identifier: Apache-2.0
 *
 * Callers that wait until a model is loaded: a list in the model, emptied when its load ends.
 * Called by request threads; `done` runs on the task that loaded.
 */
#include "infer/dispatch_state.h"

/* Under the lock. */
static void unlink_waiter(struct dispatch *dispatch, struct load_waiter *waiter)
{
    struct load_waiter **at = &waiter->model->runtime.waiters;
    while (*at != waiter) {
        at = &(*at)->next;
    }
    *at = waiter->next;
    waiter->waiting = false;
    dispatch->waiting--;
}

/* Under the lock, while the model is not being loaded: the result of its last load. */
static void outcome_of(const struct model *model, struct load_outcome *ret_outcome)
{
    const struct model_runtime *runtime = &model->runtime;
    *ret_outcome = (struct load_outcome){.failed = runtime->state == MODEL_FAILED};
    if (ret_outcome->failed) {
        ret_outcome->error = runtime->failure;
        ret_outcome->fault = runtime->fault;
    } else if (!runtime->facts_known) { /* only while situd stops */
        ret_outcome->failed = true;
        (void)error_set(&ret_outcome->error, ERROR_UNAVAILABLE, "situd is stopping");
        ret_outcome->fault = ERROR_UNAVAILABLE;
    }
}

static struct error error_for(const struct load_outcome *outcome, const struct load_waiter *waiter)
{
    struct error error = outcome->error;
    if (waiter->trial) {
        error.code = outcome->fault;
    }
    return error;
}

int dispatch_await(struct dispatch *dispatch, struct load_waiter *waiter, struct error *error)
{
    HOLD(&dispatch->lock);
    struct model *model = waiter->model;
    struct load_outcome outcome;
    model->runtime.trial = waiter->trial;
    int r = dispatch_want_loaded(dispatch, model, error);
    if (model->runtime.state == MODEL_FAILED) {
        outcome_of(model, &outcome);
        *error = error_for(&outcome, waiter);
        return error_code_errno(error->code);
    }
    if (r < 0) {
        return r;
    }
    if (model->runtime.state == MODEL_LOADING) {
        waiter->next = model->runtime.waiters;
        model->runtime.waiters = waiter;
        waiter->waiting = true;
        dispatch->waiting++;
        return DISPATCH_WAIT;
    }
    return 0;
}

bool dispatch_stop_waiting(struct dispatch *dispatch, struct load_waiter *waiter)
{
    HOLD(&dispatch->lock);
    bool waiting = waiter->waiting;
    if (waiting) {
        unlink_waiter(dispatch, waiter);
        if (waiter->trial) {
            atomic_store(&waiter->model->abandoned, true);
        }
    }
    return waiting;
}

void dispatch_take_waiters(struct dispatch *dispatch, struct model *model,
                           struct load_outcome *ret_outcome)
{
    outcome_of(model, ret_outcome);
    ret_outcome->first = model->runtime.waiters;
    model->runtime.waiters = NULL;
    for (struct load_waiter *w = ret_outcome->first; w; w = w->next) {
        w->waiting = false;
        dispatch->waiting--;
    }
}

void dispatch_tell_waiters(const struct load_outcome *outcome)
{
    for (struct load_waiter *next = NULL, *w = outcome->first; w; w = next) {
        next = w->next; /* `done` may free the waiter */
        struct error error = error_for(outcome, w);
        w->done(w, outcome->failed ? &error : NULL);
    }
}
