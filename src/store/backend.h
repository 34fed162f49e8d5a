/* SPDX-License-Identifier: Apache-2.0
 *
 * What a back end of stores is: a const table of functions, with its name and its settings, and an
 * instance that begins with a pointer to it. Each back end is a folder and a row of backends.c.
 *
 * Calls block and come from any number of threads at once. Keys are checked before they get here.
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
    const char *const *settings; /* names, the first one the most important; NULL at the end */

    /* ERROR_MALFORMED: a setting is missing or invalid. With `look`, which may block, also any
     * other error that open() would have now. The message continues "store 'NAME' " or "store
     * 'NAME': ".
     */
    int (*check)(const struct store_settings *settings, bool look, struct error *error);

    /* Opens what is there now, and keeps to it: what is put in its place later is not seen (place.h
     * sees it). The message is a clause: "its directory is not there". */
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

    /* For place.h: a root that may go away and come back. NULL, all of them: it does not. */

    /* Reads in the root. `doubted`: reading failed as it does where a device or server is gone;
     * then it must answer, memory does not count. *ret_empty: nothing is in the store. The message
     * is a clause, as that of open(). */
    int (*probe)(struct store *store, bool doubted, bool *ret_empty, struct error *error);
    /* Is the root that `seen` was just opened on the one of `opened`, which still answers? */
    bool (*is_same_root)(struct store *opened, struct store *seen);
    /* The root's file system, as in store_condition. */
    void (*locate)(struct store *store, uint64_t *ret_filesystem, bool *ret_device_only);
    /* Did a call fail, since the last time this was asked, as it does where a device or server is
     * gone? */
    bool (*has_failed)(struct store *store);
    /* Listings and the making of watches end soon. */
    void (*interrupt)(struct store *store);

    /* For stores that stand for others (place.c). */

    /* Looks again where `look`, else reports what is known. NULL: always available. */
    void (*condition)(struct store *store, bool look, struct store_condition *ret_condition);
    uint64_t (*generation)(struct store *store); /* NULL: always the same */
    /* Whose identities and name it has; NULL: its own. */
    const struct store_backend *(*behind)(const struct store *store);
};

/* Every back end's instance begins with this. */
struct store {
    const struct store_backend *backend;
};

/* The rows of the table, in order; NULL after the last. The first is the default. */
const struct store_backend *store_backend_at(size_t index);
/* NULL where there is none of that name. */
const struct store_backend *store_backend_find(const char *name, size_t length);

#endif
