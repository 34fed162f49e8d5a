/* SPDX-License-Identifier: Apache-2.0
 *
 * A store that may go away and come back, as a mounted file system does. It stands for a store of
 * any back end, which is opened again every few seconds, and at once when reading in it fails as it
 * does when a file system is gone; another root than the one that is open takes its place. While
 * there is none, or it cannot be read, or is empty where it was not, the store is unavailable:
 * every call gives ERROR_UNAVAILABLE with the store's name and the reason.
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
#include "store/settings.h"
#include "store/store.h"

enum {
    PLACE_LOOK_MS = 2000,   /* between two looks */
    PLACE_HUNG_MS = 20000,  /* a look that takes longer makes the store unavailable */
    PLACE_DETACH_MS = 2000, /* for what is under way when the store is detached */
};

struct place_options {
    const char *name;                      /* copied, as are the settings */
    const struct store_settings *settings; /* checked */
    bool filled;      /* it was not empty when it was last seen: an empty one is not served */
    uint32_t look_ms; /* 0: PLACE_LOOK_MS */
    /* Called after each change of the condition or of `filled`, one call at a time, from any
     * thread, without locks. May be NULL. */
    void (*changed)(void *context, struct store *store);
    void *context;
};

/* A store that need not be there yet: the first look has been made, unless that takes more than two
 * seconds. ERROR_MEMORY. */
must_check int place_new(const struct place_options *options, struct store **ret_store,
                         struct error *error);

/* Whether objects were seen in it: "empty where it was not" goes by this. */
bool place_is_filled(struct store *store);

/* Gives back every descriptor and watch, so that the file system can be unmounted, and takes none
 * until place_attach(). Waits PLACE_DETACH_MS for calls that are under way; where some last longer
 * it is detached all the same, and ERROR_CONFLICT says that something is still open. */
must_check int place_detach(struct store *store, struct error *error);

/* Opens it again, detached or not. `empty`: it is right that nothing is in it.
 * ERROR_UNAVAILABLE where it cannot be served; it will be by itself when it can. */
must_check int place_attach(struct store *store, bool empty, struct error *error);

/* Serves what other settings name from now on, of which nothing is known. The first look has been
 * made, unless that takes more than two seconds. -ENOMEM; -EBUSY: the look at the old one does not
 * come back. */
must_check int place_set_settings(struct store *store, const struct store_settings *settings);

/* Detaches it by itself after so long: those who have found it may end what they do. place_attach()
 * takes that back. */
void place_retire(struct store *store, int64_t after_ms);

/* Begins its end: store_close() waits for a look that does not come back until two seconds after
 * this call, so that several stores wait together. */
void place_begin_end(struct store *store);

#endif
