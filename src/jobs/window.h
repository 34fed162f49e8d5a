/* SPDX-License-Identifier: Apache-2.0
 *
 * The objects in flight of one run, in a ring in the order of the selection: they come back in any
 * order, from any thread, and are removed in that order. A slot does not move during the run.
 *
 * Only the job's thread adds and removes; what other threads touch is guarded by the job's lock.
 */
#ifndef SITU_JOBS_WINDOW_H
#define SITU_JOBS_WINDOW_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/limits.h"
#include "jobs/job_item.h"
#include "jobs/jobs.h"

struct slot {
    struct jobs_object object; /* first: jobs_object_done() gets its address */
    struct window *window;     /* borrowed */
    enum job_item_kind kind;
    bool flawed;
    bool known; /* as in struct job_item, like `failing` */
    bool failing;
    struct buffer name;  /* "STORE/KEY" with its NUL; object.object points here */
    uint64_t size_bytes; /* counted in in_flight_bytes */
    int64_t asked_ns;    /* CLOCK_REALTIME when the host got it: it was read after that */
    bool back;           /* guarded by the lock */
};

struct window {
    pthread_mutex_t *lock; /* the job's; guards the members marked so */
    pthread_cond_t *wake;  /* the job's thread waits on it */
    struct slot slots[LIMIT_JOB_WINDOW];
    unsigned first;
    unsigned count;
    unsigned in_flight; /* guarded, as all below */
    uint64_t in_flight_bytes;
    uint64_t returns; /* objects that came back since the start of the run */
    bool waiting;
};

/* A snapshot of the window. */
struct window_look {
    unsigned ready; /* slots at the front that came back */
    unsigned in_flight;
    uint64_t in_flight_bytes;
    uint64_t returns;
};

void window_init(struct window *window, pthread_mutex_t *lock, pthread_cond_t *wake);
void window_done(struct window *window);

/* With the lock held. */
void window_look(const struct window *window, struct window_look *ret_look);

/* Fills the slot behind the last one; there is room. NULL: no memory. The slot is counted, and
 * neither in flight nor back. */
struct slot *window_put(struct window *window, const struct job_item *item);
void window_drop_last(struct window *window);
struct slot *window_first(struct window *window);
void window_drop_first(struct window *window);

void window_mark_started(struct slot *slot);     /* before the host has it */
void window_mark_not_started(struct slot *slot); /* the host refused it */
void window_mark_back(struct slot *slot);        /* for one that the host does not get */

#endif
