/* SPDX-License-Identifier: Apache-2.0
 *
 * Watches of any store: the prefix is checked, the rest is the back end's.
 */
#include "store/watch.h"

#include <string.h>

int store_watch_new(struct store *store, const char *prefix, const struct exclusion *exclusion,
                    struct store_watch **ret_watch, bool *ret_partial, struct error *error)
{
    if (!store->backend->watch) {
        return error_set(error, ERROR_UNAVAILABLE, "a store of kind '%s' cannot be watched",
                         store_kind(store));
    }
    if (strnlen(prefix, LIMIT_KEY_BYTES + 1) > LIMIT_KEY_BYTES) {
        return error_set(error, ERROR_MALFORMED, "watch: a prefix is at most %u bytes, as keys are",
                         LIMIT_KEY_BYTES);
    }
    int r = store->backend->watch(store, prefix, exclusion, ret_watch, error);
    if (r == 0) {
        *ret_partial = store_watch_is_partial(*ret_watch);
    }
    return r;
}

int store_watch_wait(struct store_watch *watch, int64_t timeout_ms)
{
    return watch->ops->wait(watch, timeout_ms);
}

bool store_watch_is_partial(const struct store_watch *watch)
{
    return watch->ops->is_partial(watch);
}

void store_watch_cancel(struct store_watch *watch)
{
    watch->ops->cancel(watch);
}

void store_watch_free(struct store_watch *watch)
{
    if (watch) {
        watch->ops->free(watch);
    }
}
