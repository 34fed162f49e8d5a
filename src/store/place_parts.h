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

/* An open root and its users. */
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
    bool dropped;              /* that thread frees it when it returns */
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
    pthread_cond_t news;            /* any of it changed */
    struct store_settings settings; /* owned; constant while `looking` */
    int64_t retire_ns;              /* when it is detached; 0: never */
    struct opened *opened;          /* a reference; NULL: not available */
    struct place_watch *watches;    /* linked; borrowed */
    struct store_condition condition;
    uint64_t looks; /* that ended */
    int64_t look_began_ns;
    int64_t end_ns;      /* until then it waits for its last look; 0: it is not being closed */
    unsigned open_roots; /* whose descriptors are not closed yet */
    bool filled;
    bool looked; /* once at least */
    bool looking;
    bool doubted; /* a read failed as if the device were gone: the next look checks it */
    bool wanted;  /* the place's thread should look now */
    bool stopping;
    bool thread_over;
};

static inline struct place *place_of(const struct store *store)
{
    return (struct place *)(void *)(uintptr_t)store;
}

/* The open root, with a reference. NULL with ERROR_UNAVAILABLE. */
struct opened *place_enter(struct place *place, struct error *error);
void place_leave(struct place *place, struct opened *opened);

/* Calls `changed`. Without the lock. */
void place_tell_changed(struct place *place);

/* Waits for a change until then. Lock held. -ETIMEDOUT, or 0. */
int place_wait(struct place *place, int64_t until_ns);

/* Opens the store again, and replaces the root if another one is there. One look at a time; a
 * second caller waits for the first, and then looks, too. */
void place_look(struct place *place);
void *place_thread(void *place);

/* Takes the root out of use: no new call gets it. Lock held; the caller releases the reference
 * without it. */
struct opened *place_drop(struct place *place);
/* Sets the condition; true if it changed. Lock held. */
bool place_set_condition(struct place *place, bool available, const char *reason);

must_check int place_watch_new(struct store *store, const char *prefix,
                               const struct exclusion *exclusion, struct store_watch **ret_watch,
                               struct error *error);
/* The part of place_drop() about watches. Lock held. */
void place_watch_drop_all(struct place *place);

#endif
