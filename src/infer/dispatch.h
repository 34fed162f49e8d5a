/* SPDX-License-Identifier: Apache-2.0
 *
 * The dispatcher: queue, lanes and workers. Models are loaded on first use, lanes carry items to
 * workers, workers that crash or hang are replaced and their items are retried one at a time. One
 * lock guards the queue and model runtimes; it is never held during input, output or a run.
 */
#ifndef SITU_INFER_DISPATCH_H
#define SITU_INFER_DISPATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_write.h"
#include "infer/item.h"
#include "infer/metrics.h"
#include "infer/models.h"
#include "infer/reuse.h"
#include "infer/tasks.h"
#include "infer/worker_process.h"

struct dispatch;

struct dispatch_config {
    struct worker_config worker; /* lanes included */
    size_t queue_limit;
    uint64_t memory_budget; /* of all workers, in bytes; 0: no bound */
    struct reuse *cache;    /* borrowed; NULL: none */
    struct tasks *trials;   /* borrowed; places for the loads of models that are being added */
};

/* `loads`: places for models that are loaded at a time; more of them wait their turn. Borrowed. */
must_check int dispatch_new(const struct dispatch_config *config, struct tasks *loads,
                            struct metrics *metrics, struct dispatch **ret_dispatch,
                            struct error *error);

/* Items that wait fail, and so do those that run: their workers are killed (ERROR_UNAVAILABLE).
 * Then all threads end. */
void dispatch_stop(struct dispatch *dispatch);
void dispatch_free(struct dispatch *dispatch); /* after dispatch_stop, and when no model is left */

/* Queues `count` items of the request, or none: ERROR_BUSY. */
must_check int dispatch_submit(struct dispatch *dispatch, struct infer_request *request,
                               struct infer_item *items, size_t count, struct error *error);

/* Removes every item of the request that still waits (done with ERROR_CANCELLED); running ones end
 * by themselves. */
void dispatch_cancel(struct dispatch *dispatch, struct infer_request *request);

/* A caller that waits until a model is loaded, because it needs to know its inputs and outputs or
 * whether it can be loaded at all. No thread is blocked meanwhile. */
struct load_waiter {
    struct model *model; /* the owner holds a reference */
    bool trial;          /* the model is being added, and only this caller waits: the error's code
                            is ERROR_UNFIT for a fault of the model's, otherwise ERROR_UNAVAILABLE,
                            ERROR_DEADLINE or ERROR_BUSY */
    /* Called once, by the thread that loaded, without any lock; NULL on success. */
    void (*done)(struct load_waiter *waiter, const struct error *error);
    void *owner;
    struct load_waiter *next; /* the dispatcher's */
    bool waiting;             /* likewise */
};

/* Starts to load the model where needed. 0: it is loaded, and its facts are known; DISPATCH_WAIT:
 * it is being loaded, and `done` will be called, unless dispatch_stop_waiting() returns true
 * before. */
enum { DISPATCH_WAIT = 1 };
must_check int dispatch_await(struct dispatch *dispatch, struct load_waiter *waiter,
                              struct error *error);
/* True: `done` will not be called, and a trial is abandoned. False: it was called, is being called
 * or never will be. */
bool dispatch_stop_waiting(struct dispatch *dispatch, struct load_waiter *waiter);

/* Keeps the model loaded, again after its worker died, until dispatch_release() or its removal; it
 * does not count as idle when others need memory. False: it was kept already, or cannot be. */
bool dispatch_keep(struct dispatch *dispatch, struct model *model);
void dispatch_release(struct dispatch *dispatch, struct model *model);

/* Releases it, and ends its worker as soon as no object is in it. dispatch_was_unloaded() is true
 * until a request needs the model, which loads it again. */
void dispatch_unload(struct dispatch *dispatch, struct model *model);
bool dispatch_was_unloaded(struct dispatch *dispatch, struct model *model);

/* The model was removed. Takes the caller's reference over. A load is abandoned; the worker ends
 * with the last request that holds the model, which may be now. */
void dispatch_remove(struct dispatch *dispatch, struct model *model);

/* Is the model's signature known? Then model->runtime.facts may be read without a lock. */
bool dispatch_facts_known(struct dispatch *dispatch, struct model *model);

/* Parts of /v1/status and of /metrics; `dispatch` is the dispatcher. */
void dispatch_write_lanes(void *dispatch, struct json_writer *w);
void dispatch_write_queue(void *dispatch, struct json_writer *w);
void dispatch_write_cores(void *dispatch, struct json_writer *w);
void dispatch_write_memory(void *dispatch, struct json_writer *w);
void dispatch_write_objects(void *dispatch, struct json_writer *w);
void dispatch_write_restarts(void *dispatch, struct json_writer *w);
void dispatch_write_queue_metrics(void *dispatch, struct buffer *out);
void dispatch_write_worker_metrics(void *dispatch, struct buffer *out);

/* Cores that no item uses or waits for: others may use them for short work. */
unsigned dispatch_free_cores(struct dispatch *dispatch);

/* A model's state, with the reason where it failed. */
enum model_state dispatch_model_state(struct dispatch *dispatch, struct model *model,
                                      struct error *ret_failure);

#endif
