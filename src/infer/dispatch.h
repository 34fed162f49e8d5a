/* SPDX-License-Identifier: Apache-2.0
 *
 * The dispatcher: queue, lanes and workers. Items go in, models are loaded on first use, lanes
 * carry items to workers, workers that crash or hang are replaced and what was in them is retried
 * one at a time. One lock guards queue and model runtimes; it is never held over input, output or a
 * run.
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

/* Items that wait are given up, and so are those that run: their workers are killed
 * (ERROR_UNAVAILABLE). Then all threads end. */
void dispatch_stop(struct dispatch *dispatch);
void dispatch_free(struct dispatch *dispatch); /* after dispatch_stop, and when no model is left */

/* Queues `count` items of the request, or none: ERROR_BUSY. */
must_check int dispatch_submit(struct dispatch *dispatch, struct infer_request *request,
                               struct infer_item *items, size_t count, struct error *error);

/* Takes every item of the request that still waits out (done with ERROR_CANCELLED); running ones
 * end by themselves. */
void dispatch_cancel(struct dispatch *dispatch, struct infer_request *request);

/* Somebody who waits until a model is loaded, because he needs to know its inputs and outputs or
 * that it can be loaded at all. No thread waits with him. */
struct load_waiter {
    struct model *model; /* a reference is the owner's to hold */
    bool trial;          /* the model is being added: the error's code tells whose fault it is,
                            ERROR_UNFIT or what kept this array from loading it (ERROR_UNAVAILABLE,
                            ERROR_DEADLINE, ERROR_BUSY); nobody else can wait for it */
    /* Called once, by the thread that loaded, without any lock; NULL where all is well. */
    void (*done)(struct load_waiter *waiter, const struct error *error);
    void *owner;
    struct load_waiter *next; /* the dispatcher's */
    bool waiting;             /* likewise */
};

/* Sees to it that the model is loaded. 0: it is, and its facts are known; DISPATCH_WAIT: it is
 * being loaded, and `done` will be called, unless dispatch_stop_waiting() says true before. */
enum { DISPATCH_WAIT = 1 };
must_check int dispatch_await(struct dispatch *dispatch, struct load_waiter *waiter,
                              struct error *error);
/* True: `done` will not be called, and a trial is given up. False: it was, is being or never will
 * be. */
bool dispatch_stop_waiting(struct dispatch *dispatch, struct load_waiter *waiter);

/* The model is to be loaded, now and again after its worker died, and stays so; it does not count
 * as idle where others need memory. Until dispatch_release() or its removal. False: it was kept
 * already, or cannot be. */
bool dispatch_keep(struct dispatch *dispatch, struct model *model);
void dispatch_release(struct dispatch *dispatch, struct model *model);

/* Releases it, and ends its worker as soon as no object is in it. dispatch_was_unloaded() is true
 * from then on until somebody needs the model, which loads it again. */
void dispatch_unload(struct dispatch *dispatch, struct model *model);
bool dispatch_was_unloaded(struct dispatch *dispatch, struct model *model);

/* The model was removed. Takes the caller's reference over. A load is given up; the worker ends
 * when the last request that holds the model does, which may be now. */
void dispatch_remove(struct dispatch *dispatch, struct model *model);

/* Is the model's signature known? Then model->runtime.facts may be read without a lock. */
bool dispatch_facts_known(struct dispatch *dispatch, struct model *model);

/* Parts of /v1/status and of /metrics; `dispatch` is the dispatcher. */
void dispatch_write_lanes(void *dispatch, struct json_writer *w);
void dispatch_write_memory(void *dispatch, struct json_writer *w);
void dispatch_write_objects(void *dispatch, struct json_writer *w);
void dispatch_write_restarts(void *dispatch, struct json_writer *w);
void dispatch_write_queue_metrics(void *dispatch, struct buffer *out);
void dispatch_write_worker_metrics(void *dispatch, struct buffer *out);

/* Cores that no item works on or waits for: others may have them for moments. */
unsigned dispatch_free_cores(struct dispatch *dispatch);

/* A model's state, with the reason where it failed. */
enum model_state dispatch_model_state(struct dispatch *dispatch, struct model *model,
                                      struct error *ret_failure);

#endif
