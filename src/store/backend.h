/* SPDX-License-Identifier: Apache-2.0
 *
 * A back end of stores: a const table of functions with its name and its settings, and instances
 * that begin with a pointer to it. Each back end is a folder and a row of backends.c.
 *
 * Calls block and come from any number of threads at once. Keys and queries were checked.
 */
#ifndef SITU_STORE_BACKEND_H
#define SITU_STORE_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "store/settings.h"
#include "store/store.h"

struct store_backend {
    const char *name;            /* "dir"; letters and digits */
    const char *noun;            /* "directory": in messages, what cannot be opened */
    const char *argument;        /* "DIRECTORY": in the help of `--store` */
    const char *help;            /* "serve a directory tree"; NULL: not shown */
    const char *const *settings; /* names; the first is VALUE in `KIND:VALUE`; NULL at the end */

    /* ERROR_MALFORMED: a setting is missing or invalid; the message continues "store 'NAME' ".
     * With `look`, which may block, also other reasons why open() would fail now; the message
     * continues "store 'NAME': ".
     */
    int (*check)(const struct store_settings *settings, bool look, struct error *error);

    /* Opens the root that is there now and keeps it open; a root that replaces it later is not seen
     * (place.h sees it). The message is a clause: "its directory is not there". */
    int (*open)(const struct store_settings *settings, struct store **ret_store,
                struct error *error);
    void (*close)(struct store *store);

    int (*list)(struct store *store, const struct store_list_query *query,
                struct store_page *ret_page, struct error *error);
    int (*stat)(struct store *store, const char *key, struct object_state *ret_state,
                struct error *error);
    int (*read)(struct store *store, const char *key, const struct store_target *target,
                size_t *ret_size, struct identity *ret_identity, struct error *error);
    int (*watch)(struct store *store, const char *prefix, const struct exclusion *exclusion,
                 struct store_watch **ret_watch, struct error *error); /* NULL: cannot be watched */

    /* Of identities that it made; see store_is_fresh() and the functions after it. */
    bool (*is_fresh)(const struct identity *identity, int64_t now_ns);         /* NULL: never */
    int64_t (*settles_in_ns)(const struct identity *identity, int64_t now_ns); /* NULL: 0 */
    bool (*is_same_remounted)(const struct identity *before,
                              const struct identity *now); /* NULL: all bytes are the same */

    /* For place.h: roots that may go away and come back. All NULL: they do not. */

    /* Checks that the root can be read. `doubted`: a read failed as if the device or server were
     * gone; then the device must answer, caches do not count. *ret_empty: there are no objects.
     * The message is a clause, as for open(). */
    int (*probe)(struct store *store, bool doubted, bool *ret_empty, struct error *error);
    /* True if `seen`, which was just opened, has the root of `opened`, and that is still usable. */
    bool (*is_same_root)(struct store *opened, struct store *seen);
    /* The root's file system, as in struct store_condition. */
    void (*locate)(struct store *store, uint64_t *ret_filesystem, bool *ret_device_only);
    /* True if, since the last call of this function, another one failed as if the device or server
     * were gone. */
    bool (*has_failed)(struct store *store);
    /* Makes listings and new watches fail soon, since the store is about to be closed. */
    void (*interrupt)(struct store *store);

    /* For wrappers of other stores (place.c). */

    /* Looks again if `look` is set. NULL: always available. */
    void (*condition)(struct store *store, bool look, struct store_condition *ret_condition);
    uint64_t (*generation)(struct store *store); /* NULL: always the same */
    /* The back end that it wraps now: of its name and identities. NULL: itself. */
    const struct store_backend *(*behind)(const struct store *store);
};

/* The first member of every instance. */
struct store {
    const struct store_backend *backend;
};

/* The rows of the table; NULL after the last one. The first is the default. */
const struct store_backend *store_backend_at(size_t index);
/* NULL if there is none of that name. */
const struct store_backend *store_backend_find(const char *name, size_t length);

#endif
