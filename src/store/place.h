/* SPDX-License-Identifier: Apache-2.0
 *
 * A directory that may go away and come back: a mounted file system. It is a store whose root is
 * looked at every few seconds, and at once when reading in it fails as it does when a file system
 * is gone, and which is opened again by its path when another root is there. While the path is
 * missing, unreadable, or empty where it was not, the store is unavailable: every call gives
 * ERROR_UNAVAILABLE with the store's name and the reason.
 *
 * Calls that are under way keep the root that they began with until they end. Watches outlive a
 * change of roots: they report that something may have changed, and watch the new one.
 *
 * Each place has a thread of its own, so that a network file system that does not answer holds up
 * nobody else: calls are refused where a look has not come back for PLACE_HUNG_MS.
 */
#ifndef SITU_STORE_PLACE_H
#define SITU_STORE_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "store/store.h"

enum {
    PLACE_LOOK_MS = 2000,   /* between two looks */
    PLACE_HUNG_MS = 20000,  /* a look that takes longer makes the store unavailable */
    PLACE_DETACH_MS = 2000, /* for what is under way when the store is detached */
};

struct place_options {
    const char *name; /* copied, as is `path` */
    const char *path;
    bool filled;      /* it was not empty when it was last seen: an empty one is not served */
    uint32_t look_ms; /* 0: PLACE_LOOK_MS */
    /* Called after each change of the condition or of `filled`, one call at a time, from any
     * thread, without locks. May be NULL. */
    void (*changed)(void *context, struct store *store);
    void *context;
};

/* A store at the path, which need not be there yet: the first look has been made, unless that takes
 * more than two seconds. ERROR_MEMORY. */
must_check int place_new(const struct place_options *options, struct store **ret_store,
                         struct error *error);

/* Whether objects were seen in it: "empty where it was not" goes by this. */
bool place_is_filled(struct store *store);

/* Gives back every descriptor and watch, so that the file system can be unmounted, and takes none
 * until place_attach(). Waits PLACE_DETACH_MS for calls that are under way; where some last longer
 * it is detached all the same, and ERROR_CONFLICT says that something is still open. */
must_check int place_detach(struct store *store, struct error *error);

/* Takes the directory again, detached or not. `empty`: it is right that nothing is in it.
 * ERROR_UNAVAILABLE where it cannot be served; it will be by itself when it can. */
must_check int place_attach(struct store *store, bool empty, struct error *error);

/* Serves another path from now on, of which nothing is known. The first look has been made, unless
 * that takes more than two seconds. -ENOMEM; -EBUSY: the look at the old one does not come back. */
must_check int place_set_path(struct store *store, const char *path);

/* Detaches it by itself after so long: those who have found it may end what they do. place_attach()
 * takes that back. */
void place_retire(struct store *store, int64_t after_ms);

/* Begins its end: store_free() waits for a look that does not come back until two seconds after
 * this call, so that several stores wait together. */
void place_begin_end(struct store *store);

#endif
