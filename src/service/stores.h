/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of stores: opens and finds them by name, and describes them in JSON, in metrics and in
 * the log. The state directory records which stores had objects (stores.json), so that after a
 * restart an empty mount point is not taken for an empty store. Any thread.
 */
#ifndef SITU_SERVICE_STORES_H
#define SITU_SERVICE_STORES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_write.h"
#include "rights/access.h"
#include "service/config.h"
#include "store/select_rules.h"
#include "store/store.h"
#include "wire/select_request.h"

struct stores;

/* Opens each store of the configuration; one whose directory is missing is unavailable until it
 * appears. The state directory must exist. ERROR_MEMORY. */
must_check int stores_open(const struct config *config, struct stores **ret_stores,
                           struct error *error);
void stores_close(struct stores *stores); /* NULL is fine */

/* Calls to a part that keeps a table of stores of its own. */
struct stores_hooks {
    /* A store that was added after the start. Called once for each name, and again after a failure;
     * the store is not served before this succeeds. */
    int (*added)(void *context, struct store *store, const char *name, struct error *error);
    void *context;
};

/* Applies a configuration: adds stores, moves those with another path, and removes the others,
 * which are not found any more and are closed after LIMIT_STOP_MS, when requests that use them have
 * ended. *error has the first failure, further ones are logged; the other stores are still changed.
 * One call at a time. ERROR_TOO_LARGE (above LIMIT_STORES names since the start), ERROR_MEMORY. */
must_check int stores_reload(struct stores *stores, const struct config *fresh,
                             const struct stores_hooks *hooks, struct error *error);

/* Sets the function that any thread calls when a store has become available; NULL: none. When this
 * returns, no call of the previous one is running. */
void stores_listen(struct stores *stores, void (*available)(void *context), void *context);

/* Borrowed; lives as long as the table. NULL with ERROR_NOT_FOUND. */
struct store *stores_find(struct stores *stores, const char *name, size_t length,
                          struct error *error);

/* The same for a caller who may not know of all stores: of those it does not hear. */
struct store *stores_find_known(struct stores *stores, const struct access *access,
                                const char *name, size_t length, struct error *error);

/* Splits "STORE/KEY", finds the store and checks the key. *ret_key points into `object`.
 * ERROR_MALFORMED, ERROR_NOT_FOUND. */
must_check int stores_find_object(struct stores *stores, const struct access *access,
                                  const char *object, struct store **ret_store,
                                  const char **ret_key, struct error *error);

/* The store at `index` and its name, borrowed; *ret_store is NULL if it is not served any more.
 * False after the last. */
bool stores_at(struct stores *stores, size_t index, const char **ret_name,
               struct store **ret_store);

/* The default exclusion of the store: patterns, one a line, which the caller frees; NULL: none, or
 * no such store. ERROR_MEMORY. */
must_check int stores_exclude(struct stores *stores, const char *name, char **ret_lines,
                              struct error *error);

/* The rules of a new selection in the store: those of the request, which are moved out of it, and,
 * if it says so, the default exclusion of the store. ERROR_MEMORY. */
must_check int stores_make_rules(struct stores *stores, const char *name,
                                 struct select_request *request, struct select_rules *ret_rules,
                                 struct error *error);

/* {"name":...,"kind":...,"state":"available","reason":null,"since":"..."}. Callers who know of a
 * part of the store are given no reason, here and in /v1/status. */
void stores_put_json(struct json_writer *w, const struct access *access, const char *name,
                     struct store *store);
/* Parts of /v1/status (the stores that are not available) and of /metrics: of the stores that the
 * caller may know of, or has RIGHT_METRICS for as a whole. `view` is the struct. */
struct stores_view {
    struct stores *stores;
    const struct access *access;
};
void stores_write_degraded(void *view, struct json_writer *w);
void stores_write_metrics(void *view, struct buffer *out);

#endif
