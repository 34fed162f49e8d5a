/* SPDX-License-Identifier: Apache-2.0
 *
 * What a lane does with one item: look for its answer in the result cache, else read the object
 * into the worker's shared buffer, look again by its content, else have it run and copy the outputs
 * out. No locks, no queue; the dispatcher decides what comes and what follows.
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
    LANE_STARVED, /* there was not the memory that it needs; the worker goes on. The item's error
                   * says what for */
    LANE_CRASHED, /* the worker is gone: dead, or it spoke nonsense */
    LANE_KILLED,  /* the worker is gone: somebody killed it */
    LANE_HUNG,    /* no answer in time; the worker was killed */
};

struct lane_context {
    uint32_t lane;           /* its index, of its buffer in each worker, too */
    struct reuse *cache;     /* borrowed; NULL: none */
    struct metrics *metrics; /* borrowed */
    void *room;              /* borrowed; see lane_room_new(); NULL: without the cache */
    /* Told when the lane begins, and when it has ended, to wait for a disk; not called for objects
     * that are in memory already. NULL: nobody is told. */
    void (*waiting)(void *owner, bool begins);
    void *owner; /* borrowed */
};

/* Memory of a lane's own, LIMIT_LANE_INPUT_BYTES of it. What is to be hashed is read into it: the
 * shared buffer is mapped by the worker, too, and a worker that was taken over could exchange the
 * bytes between reading and hashing, and so make the cache lie to other models. NULL: out of
 * memory.
 */
void *lane_room_new(void);
void lane_room_free(void *room); /* NULL is fine */

/* Fills the item's outcome. `all_cores`: use the all-cores session where the model has one. After
 * LANE_DONE the item's `keep` says whether the outcome is fit for the result cache; keeping it is
 * the caller's, who knows what became of the worker. */
must_check enum lane_outcome lane_carry(const struct lane_context *context, struct infer_item *item,
                                        struct worker_process *worker, bool all_cores);

/* CPUs that this process may use, by affinity mask and cgroup quota: at least 1. Fills up to
 * `limit` CPU numbers. */
uint32_t lanes_cpus(int *ret_cpus, uint32_t limit);

#endif
