/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of a place share: place.c (calls and condition), place_look.c (looks and changes
 * of roots), place_watch.c (watches). Any thread.
 */
#ifndef SITU_STORE_PLACE_PARTS_H
#define SITU_STORE_PLACE_PARTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/place.h"
#include "store/settings.h"
#include "store/watch.h"

/* A root that is open, with those who use it. */
struct opened {
    struct store *store; /* owned: of the back end */
    unsigned references; /* the place's, each call's, each watch's; guarded by the lock */
    uint64_t filesystem; /* constant, as is: */
    bool device_only;
};

struct place_watch {
    struct store_watch base;
    struct place *place;               /* borrowed */
    char *prefix;                      /* owned */
    const struct exclusion *exclusion; /* borrowed; NULL: none */

    /* Guarded by the place's lock. */
    struct place_watch *next;
    struct opened *opened;     /* a reference, with `inner` */
    struct store_watch *inner; /* owned; NULL: none now */
    bool waiting;              /* a thread waits with `inner` */
    bool dropped;              /* and is to free it when it is back */
    bool cancelled;
};

struct place {
    struct store base;
    char *name; /* owned */
    uint32_t look_ms;
    bool has_thread;
    void (*changed)(void *context, struct store *store); /* guarded by the lock */
    void *context;
    pthread_t thread;
    atomic_uint_least64_t generation; /* written under the lock, as is: */
    _Atomic(const struct store_backend *) backend;

    pthread_mutex_t lock;           /* guards all below */
    pthread_cond_t news;            /* of any of it; by the monotonic clock */
    struct store_settings settings; /* owned; constant while `looking` */
    int64_t retire_ns;              /* when it is detached; 0: never */
    struct opened *opened;          /* a reference; NULL: not available */
    struct place_watch *watches;    /* linked; borrowed */
    struct store_condition condition;
    uint64_t looks; /* that came to their end */
    int64_t look_began_ns;
    int64_t end_ns;      /* for its last look no longer; 0: its end has not begun */
    unsigned open_roots; /* opened ones whose descriptors are not given back yet */
    bool filled;
    bool looked; /* once at least */
    bool looking;
    bool doubted; /* reading failed as on a device that is gone: the next look asks it */
    bool wanted;  /* a look by the place's thread, before its time */
    bool stopping;
    bool thread_over;
};

static inline struct place *place_of(const struct store *store)
{
    return (struct place *)(void *)(uintptr_t)store;
}

/* The root as it is now, with a reference. NULL with ERROR_UNAVAILABLE. */
struct opened *place_enter(struct place *place, struct error *error);
void place_leave(struct place *place, struct opened *opened);

/* Tells of a change of the condition. Without the lock. */
void place_tell_changed(struct place *place);

/* Waits for news until then. Lock held. -ETIMEDOUT, or 0. */
int place_wait(struct place *place, int64_t until_ns);

/* Opens the store, and changes the root where another one is there. One at a time; a second
 * caller waits for the first, and then looks itself. */
void place_look(struct place *place);
void *place_thread(void *place);

/* Takes the root out of use: no call begins with it. The caller gives the reference up, without
 * the lock. Lock held. */
struct opened *place_drop(struct place *place);
/* Sets the condition; true where that is news. Lock held. */
bool place_set_condition(struct place *place, bool available, const char *reason);

must_check int place_watch_new(struct store *store, const char *prefix,
                               const struct exclusion *exclusion, struct store_watch **ret_watch,
                               struct error *error);
/* The watches' share of place_drop(). Lock held. */
void place_watch_drop_all(struct place *place);

#endif
