/* SPDX-License-Identifier: Apache-2.0
 *
 * Items outside the queue: parked until their model has a worker, suspect after a crash, finished.
 * dispatch.c says how they move. Called by lanes, loaders and the housekeeper.
 */
#include "base/clock.h"
#include "infer/batching.h"
#include "infer/dispatch_state.h"

/* ---- lists of items, linked through their queue entry; parked and suspect items only ---- */

static void append(struct item_list *list, struct infer_item *item)
{
    item->entry.next = NULL;
    item->entry.previous = list->last ? &list->last->entry : NULL;
    if (list->last) {
        list->last->entry.next = &item->entry;
    } else {
        list->first = item;
    }
    list->last = item;
}

void item_list_remove(struct item_list *list, struct infer_item *item)
{
    struct queue_entry *next = item->entry.next;
    struct queue_entry *previous = item->entry.previous;
    if (next) {
        next->previous = previous;
    } else {
        list->last = previous ? dispatch_item_of(previous) : NULL;
    }
    if (previous) {
        previous->next = next;
    } else {
        list->first = next ? dispatch_item_of(next) : NULL;
    }
    item->entry.next = item->entry.previous = NULL;
}

static struct infer_item *take_first(struct item_list *list)
{
    struct infer_item *item = list->first;
    if (item) {
        item_list_remove(list, item);
    }
    return item;
}

/* ---- under the lock ---- */

void dispatch_park(struct dispatch *dispatch, struct infer_item *item)
{
    item->state = ITEM_PARKED;
    (*dispatch_parked(dispatch, item))++;
    append(&item->request->model->runtime.parked, item);
}

void dispatch_suspect(struct dispatch *dispatch, struct infer_item *item)
{
    item->state = ITEM_SUSPECT;
    (*dispatch_parked(dispatch, item))++;
    append(&item->request->model->runtime.suspects, item);
    item->request->model->runtime.quarantine = true;
}

bool dispatch_may_run(const struct model_runtime *runtime, const struct infer_item *item)
{
    return runtime->worker && (!runtime->quarantine || item->alone);
}

/* Puts one suspect at the head of the queue, or ends the quarantine; parked items go on. */
void dispatch_resume_model(struct dispatch *dispatch, struct model *model)
{
    struct model_runtime *runtime = &model->runtime;
    if (!runtime->worker) {
        return;
    }
    if (runtime->quarantine) {
        if (runtime->users > 0) {
            return;
        }
        struct infer_item *suspect = take_first(&runtime->suspects);
        if (suspect) {
            suspect->alone = true;
            suspect->state = ITEM_QUEUED;
            (*dispatch_parked(dispatch, suspect))--;
            queue_push_front(&dispatch->queue, &suspect->request->source, &suspect->entry,
                             clock_now_ns());
            dispatch_wake_lane(dispatch);
            return;
        }
        runtime->quarantine = false;
    }
    while (runtime->parked.last) { /* from the end, each to the head: order is kept */
        struct infer_item *item = runtime->parked.last;
        item_list_remove(&runtime->parked, item);
        (*dispatch_parked(dispatch, item))--;
        item->state = ITEM_QUEUED;
        queue_push_front(&dispatch->queue, &item->request->source, &item->entry, clock_now_ns());
        dispatch_wake_lane(dispatch);
    }
}

void item_list_finish(struct item_list *finished, struct infer_item *item,
                      const struct error *error)
{
    if (error) {
        item->error = *error;
    }
    item->state = ITEM_DONE;
    append(finished, item);
}

/* Every item of a model that waits for its worker fails with that error. */
void dispatch_give_up_waiting(struct dispatch *dispatch, struct model *model,
                              const struct error *error, struct item_list *finished)
{
    struct item_list *lists[] = {&model->runtime.suspects, &model->runtime.parked};
    for (size_t i = 0; i < 2; i++) {
        struct infer_item *item = NULL;
        while ((item = take_first(lists[i]))) {
            (*dispatch_parked(dispatch, item))--;
            item_list_finish(finished, item, error);
        }
    }
    model->runtime.quarantine = false;
}

void dispatch_reload(struct dispatch *dispatch, struct model *model, struct item_list *finished)
{
    struct error error = {0};
    if (dispatch_want_loaded(dispatch, model, &error) < 0) {
        dispatch_give_up_waiting(dispatch, model, &error, finished);
    }
}

static void unlink_loaded(struct dispatch *dispatch, struct model *model)
{
    for (struct model **at = &dispatch->loaded_models; *at; at = &(*at)->runtime.next_loaded) {
        if (*at == model) {
            *at = model->runtime.next_loaded;
            model->runtime.next_loaded = NULL;
            return;
        }
    }
}

/* Takes the worker out of the model, when no lane is in it; the caller discards it outside the
 * lock. A loaded model holds a reference to itself, which goes with it. */
struct garbage dispatch_detach_worker(struct dispatch *dispatch, struct model *model)
{
    struct garbage garbage = {model->runtime.worker, model};
    model->runtime.worker = NULL;
    model->runtime.dying = NULL;
    model->runtime.state = MODEL_UNLOADED;
    unlink_loaded(dispatch, model);
    return garbage;
}

/* ---- outside the lock ---- */

void dispatch_discard(struct dispatch *dispatch, struct garbage *garbage)
{
    if (garbage->worker) {
        worker_process_free(garbage->worker);
        model_unref(garbage->model);
        dispatch_worker_gone(dispatch);
    }
    *garbage = (struct garbage){0};
}

/* Rows of one run: one for an image; for tensors their first dimension, where that is the batch. */
static uint64_t rows_of(const struct infer_item *item)
{
    const struct tensor_shape *shape =
        item->kind == ITEM_TENSORS && item->input_count > 0 ? &item->inputs[0].tensor.shape : NULL;
    bool rows = shape && shape->rank > 0 && shape->dims[0] > 0 &&
                item->request->model->runtime.facts_known &&
                batching_limit(item->request->model) > 0;
    return rows ? (uint64_t)shape->dims[0] : 1;
}

static void count(const struct infer_item *item)
{
    int64_t now_ns = clock_now_ns();
    int64_t lane_ns = item->began_ns > 0 ? now_ns - item->began_ns : 0;
    struct stats_sample sample = {.failed = item->error.code != ERROR_NONE,
                                  .cached = item->cached,
                                  .rows = rows_of(item),
                                  .total_ns = now_ns - item->entry.queued_ns,
                                  .queue_ns = item->began_ns - item->entry.queued_ns,
                                  .input_ns = item->cached ? lane_ns : item->input_ns,
                                  .run_ns = item->run_ns,
                                  .output_ns = lane_ns - item->input_ns - item->run_ns};
    if (item->error.code != ERROR_CANCELLED) {
        model_stats_add(&item->request->model->stats, &sample);
    }
}

static void finish(struct dispatch *dispatch, struct infer_item *item)
{
    if (item->kind != ITEM_THUMBNAIL) {
        count(item);
    }
    atomic_fetch_add_explicit(&dispatch->metrics->objects, 1, memory_order_relaxed);
    item->request->done(item->request, item);
}

void dispatch_finish_all(struct dispatch *dispatch, struct item_list *finished)
{
    struct infer_item *item = NULL;
    while ((item = take_first(finished))) {
        finish(dispatch, item);
    }
}
