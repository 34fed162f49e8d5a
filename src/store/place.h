/* SPDX-License-Identifier: Apache-2.0
 *
 * A store that may go away and come back, as mounted file systems do. It wraps a store of any
 * back end, which is opened again every few seconds, and at once when a read fails as if the
 * file system were gone; a root other than the open one replaces it. While there is no root, or
 * it cannot be read, or it is empty though it was not before, the store is unavailable: every
 * call returns ERROR_UNAVAILABLE with the store's name and the reason.
 *
 * A call keeps the root with which it started until it ends. Watches survive a change of roots:
 * they report that something may have changed, and watch the new root.
 *
 * Each place has its own thread, so that a network file system that does not answer delays no
 * other store: calls are refused while a look takes longer than PLACE_HUNG_MS.
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
    PLACE_LOOK_MS = 2000,   /* between looks */
    PLACE_HUNG_MS = 20000,  /* a look that takes longer makes the store unavailable */
    PLACE_DETACH_MS = 2000, /* for calls that run when the store is detached */
};

struct place_options {
    const char *name;                      /* copied, as are the settings */
    const struct store_settings *settings; /* checked */
    bool filled;      /* it was not empty when last seen: an empty one is not served */
    uint32_t look_ms; /* 0: PLACE_LOOK_MS */
    /* Called after each change of the condition or of `filled`, one call at a time, from any
     * thread, without locks. May be NULL. */
    void (*changed)(void *context, struct store *store);
    void *context;
};

/* The store need not be there yet. Waits at most two seconds for the first look. ERROR_MEMORY. */
must_check int place_new(const struct place_options *options, struct store **ret_store,
                         struct error *error);

/* Whether objects were seen in it. */
bool place_is_filled(struct store *store);

/* Closes every descriptor and watch, so that the file system can be unmounted, until
 * place_attach(). Waits up to PLACE_DETACH_MS for running calls; if some take longer, the store is
 * detached nevertheless, and ERROR_CONFLICT says that something is still open. */
must_check int place_detach(struct store *store, struct error *error);

/* Opens it again, whether it was detached or not. `empty`: it is empty on purpose.
 * ERROR_UNAVAILABLE if it cannot be served now; it will be as soon as it can. */
must_check int place_attach(struct store *store, bool empty, struct error *error);

/* Serves what these settings name from now on. Waits at most two seconds for the first look.
 * -ENOMEM; -EBUSY: a look with the old settings does not return. */
must_check int place_set_settings(struct store *store, const struct store_settings *settings);

/* Detaches it after that time, which is left to requests that use it. place_attach() cancels that.
 */
void place_retire(struct store *store, int64_t after_ms);

/* Starts its end: store_close() waits for a look that does not return until two seconds after this
 * call, so that several stores wait together. */
void place_begin_end(struct store *store);

#endif
