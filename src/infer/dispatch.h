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
#include "infer/item.h"
#include "infer/metrics.h"
#include "infer/models.h"
#include "infer/result_cache.h"
#include "infer/tasks.h"
#include "infer/worker_process.h"

struct dispatch;

struct dispatch_config {
    struct worker_config worker; /* lanes included */
    size_t queue_limit;
    uint64_t memory_budget;     /* of all workers, in bytes; 0: no bound */
    struct result_cache *cache; /* borrowed; NULL: none */
};

must_check int dispatch_new(const struct dispatch_config *config, struct tasks *tasks,
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

/* Blocks until the model is loaded: for requests that need to know its inputs and outputs. */
must_check int dispatch_load(struct dispatch *dispatch, struct model *model, struct error *error);

/* The same for a model that is being added: ERROR_UNFIT where the model itself is at fault, else
 * what kept this array from loading it (ERROR_UNAVAILABLE, ERROR_DEADLINE, ERROR_BUSY). */
must_check int dispatch_try(struct dispatch *dispatch, struct model *model, struct error *error);

/* The model was removed: lets go of its worker soon after the last request that holds the model. */
void dispatch_unload(struct dispatch *dispatch, struct model *model);

/* Is the model's signature known? Then model->runtime.facts may be read without a lock. */
bool dispatch_facts_known(struct dispatch *dispatch, struct model *model);

struct dispatch_status {
    size_t queued;
    unsigned models_loaded;
    uint64_t memory_bytes;
    uint32_t landlock_abi; /* of the last worker started */
    bool seccomp;
    bool sandbox_known;
};
void dispatch_get_status(struct dispatch *dispatch, struct dispatch_status *ret_status);

/* Cores that no item works on or waits for: others may have them for moments. */
unsigned dispatch_free_cores(struct dispatch *dispatch);

/* A model's state, with the reason where it failed. */
enum model_state dispatch_model_state(struct dispatch *dispatch, struct model *model,
                                      struct error *ret_failure);

#endif
