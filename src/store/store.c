/* SPDX-License-Identifier: Apache-2.0
 *
 * What all stores have in common: queries are checked before a back end sees them.
 */
#include "store/backend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct store_backend *backend_of(const struct store *store)
{
    return store->backend->behind ? store->backend->behind(store) : store->backend;
}

const char *store_kind(const struct store *store)
{
    return backend_of(store)->name;
}

bool store_is_fresh(const struct store *store, const struct identity *identity, int64_t now_ns)
{
    const struct store_backend *backend = backend_of(store);
    return backend->is_fresh && backend->is_fresh(identity, now_ns);
}

int64_t store_settles_in_ns(const struct store *store, const struct identity *identity,
                            int64_t now_ns)
{
    const struct store_backend *backend = backend_of(store);
    return backend->settles_in_ns ? backend->settles_in_ns(identity, now_ns) : 0;
}

bool store_is_same_remounted(const struct store *store, const struct identity *before,
                             const struct identity *now)
{
    const struct store_backend *backend = backend_of(store);
    return backend->is_same_remounted ? backend->is_same_remounted(before, now)
                                      : identity_is_same(before, now);
}

void store_close(struct store *store)
{
    if (store) {
        store->backend->close(store);
    }
}

static void find_condition(struct store *store, bool look, struct store_condition *ret_condition)
{
    if (store->backend->condition) {
        store->backend->condition(store, look, ret_condition);
    } else {
        *ret_condition = (struct store_condition){
            .available = true, .filled = true, .generation = 1, .filesystem = 1};
    }
}

void store_condition(struct store *store, struct store_condition *ret_condition)
{
    find_condition(store, false, ret_condition);
}

void store_look(struct store *store, struct store_condition *ret_condition)
{
    find_condition(store, true, ret_condition);
}

uint64_t store_generation(struct store *store)
{
    return store->backend->generation ? store->backend->generation(store) : 1;
}

int store_list(struct store *store, const struct store_list_query *query,
               struct store_page *ret_page, struct error *error)
{
    struct store_list_query sane = *query;
    sane.prefix = query->prefix ? query->prefix : "";
    sane.after = query->after ? query->after : "";
    size_t after_max = query->flawed || query->unlisted ? LIMIT_NAME_BYTES : LIMIT_KEY_BYTES;
    if (strnlen(sane.prefix, LIMIT_KEY_BYTES + 1) > LIMIT_KEY_BYTES ||
        strnlen(sane.after, after_max + 1) > after_max) {
        return error_set(error, ERROR_MALFORMED,
                         "listing: prefix and after are at most %u bytes, as keys are",
                         LIMIT_KEY_BYTES);
    }
    if (sane.limit == 0) {
        return error_set(error, ERROR_MALFORMED, "listing: limit must be 1..%u", LIMIT_LIST_PAGE);
    }
    if (sane.limit > LIMIT_LIST_PAGE) {
        sane.limit = LIMIT_LIST_PAGE;
    }
    return store->backend->list(store, &sane, ret_page, error);
}

void store_page_done(struct store_page *page)
{
    free(page->memory);
    *page = (struct store_page){0};
}

int store_stat(struct store *store, const char *key, struct object_state *ret_state,
               struct error *error)
{
    return store->backend->stat(store, key, ret_state, error);
}

int store_hide(struct store *store, const char *key, struct error *error)
{
    struct object_state state;
    struct error fault = {.code = ERROR_NONE};
    int r = store_stat(store, key, &state, &fault);
    if (r < 0 && fault.code == ERROR_UNAVAILABLE) {
        return error_set(error, fault.code, "%s", fault.message);
    }
    return error_set(error, ERROR_NOT_FOUND, "object '%s' is not in the store", key);
}

int store_read(struct store *store, const char *key, const struct store_target *target,
               size_t *ret_size, struct identity *ret_identity, struct error *error)
{
    return store->backend->read(store, key, target, ret_size, ret_identity, error);
}
