/* SPDX-License-Identifier: Apache-2.0
 *
 * What a lane does with one item: look for its answer in the result cache, otherwise read the
 * object into the worker's shared buffer, look again by its content, otherwise run the model and
 * copy the outputs. No locks, no queue; the dispatcher decides what comes before and after.
 */
#ifndef SITU_INFER_LANES_H
#define SITU_INFER_LANES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "infer/item.h"
#include "infer/metrics.h"
#include "infer/reuse.h"
#include "infer/worker_process.h"

enum lane_outcome {
    LANE_DONE,    /* the item has its outcome */
    LANE_STARVED, /* the memory that it needs was not available; the worker goes on. The item's
                     error says what it was for */
    LANE_CRASHED, /* the worker is gone: it died, or its message was invalid */
    LANE_KILLED,  /* the worker is gone: killed from outside */
    LANE_HUNG,    /* no answer in time; the worker was killed */
};

struct lane_context {
    uint32_t lane;           /* its index, of its buffer in each worker, too */
    struct reuse *cache;     /* borrowed; NULL: none */
    struct metrics *metrics; /* borrowed */
    void *room;              /* borrowed; see lane_room_new(); NULL: without the cache */
    /* Called when the lane starts to wait for a disk, and when that wait has ended; not called for
     * objects that are in memory already. May be NULL. */
    void (*waiting)(void *owner, bool begins);
    void *owner; /* borrowed */
};

/* Memory of a lane's own, LIMIT_LANE_INPUT_BYTES of it. What is to be hashed is read into it: the
 * worker maps the shared buffer, too, and a compromised worker could replace the bytes between
 * reading and hashing, so that the cache gave wrong answers to other models. NULL: out of memory.
 */
void *lane_room_new(void);
void lane_room_free(void *room); /* NULL is fine */

/* Fills the item's outcome. `all_cores`: use the all-cores session where the model has one. After
 * LANE_DONE the item's `keep` says whether the outcome is fit for the result cache; the caller
 * keeps it, because it knows whether the worker died. */
must_check enum lane_outcome lane_carry(const struct lane_context *context, struct infer_item *item,
                                        struct worker_process *worker, bool all_cores);

/* CPUs that this process may use, by affinity mask and cgroup quota: at least 1. Fills up to
 * `limit` CPU numbers. */
uint32_t lanes_cpus(int *ret_cpus, uint32_t limit);

#endif
