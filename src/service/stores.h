/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of stores: opened by name, found by name, and what is told of them: in JSON, in metrics
 * and in the log. That objects were seen in a store is kept in the state directory (stores.json),
 * so that an empty mount point is not taken for an empty store after a restart. Any thread.
 */
#ifndef SITU_SERVICE_STORES_H
#define SITU_SERVICE_STORES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_write.h"
#include "service/config.h"
#include "store/select_rules.h"
#include "store/store.h"
#include "wire/select_request.h"

struct stores;

/* Opens each store of the configuration; one whose directory is not there is unavailable until it
 * is. The state directory is there already. ERROR_MEMORY. */
must_check int stores_open(const struct config *config, struct stores **ret_stores,
                           struct error *error);
void stores_close(struct stores *stores); /* NULL is fine */

/* What those do who keep a table of stores themselves. */
struct stores_hooks {
    /* A store that is new since the start; no name comes twice, but one that failed: it is not
     * served before this succeeds. */
    int (*added)(void *context, struct store *store, const char *name, struct error *error);
    void *context;
};

/* Serves what the configuration has now: added stores, those with another path, and no removed one,
 * which is not found any more, and closed after LIMIT_STOP_MS: requests that have found it end. The
 * first fault is told, further ones are logged; the other stores are changed all the same. One call
 * at a time. ERROR_TOO_LARGE (above LIMIT_STORES names since the start), ERROR_MEMORY. */
must_check int stores_reload(struct stores *stores, const struct config *fresh,
                             const struct stores_hooks *hooks, struct error *error);

/* From now on called, from any thread, when a store has become available; NULL: nothing is. None is
 * running any more when this returns. */
void stores_listen(struct stores *stores, void (*available)(void *context), void *context);

/* Borrowed; lives as long as the table. NULL with ERROR_NOT_FOUND. */
struct store *stores_find(struct stores *stores, const char *name, size_t length,
                          struct error *error);

/* Splits "STORE/KEY", finds the store and checks the key. *ret_key points into `object`.
 * ERROR_MALFORMED, ERROR_NOT_FOUND. */
must_check int stores_find_object(struct stores *stores, const char *object,
                                  struct store **ret_store, const char **ret_key,
                                  struct error *error);

/* The store at `index` and its name, borrowed; *ret_store is NULL where it is not served any more.
 * False behind the last. */
bool stores_at(struct stores *stores, size_t index, const char **ret_name,
               struct store **ret_store);

/* What the store excludes, unless something else is asked for: patterns, one a line, for the caller
 * to free; NULL: nothing, or no such store. ERROR_MEMORY. */
must_check int stores_exclude(struct stores *stores, const char *name, char **ret_lines,
                              struct error *error);

/* The rules of a new selection in the store: what was asked for, taken over from the request, and,
 * where that is wanted, what the store excludes now. ERROR_MEMORY. */
must_check int stores_make_rules(struct stores *stores, const char *name,
                                 struct select_request *request, struct select_rules *ret_rules,
                                 struct error *error);

/* {"name":...,"kind":...,"state":"available","reason":null,"since":"..."} */
void stores_write_one(struct buffer *out, const char *name, struct store *store);
/* Parts of /v1/status, what is not available, and of /metrics; `stores` is the table. */
void stores_write_degraded(void *stores, struct json_writer *w);
void stores_write_metrics(void *stores, struct buffer *out);

#endif
