/* SPDX-License-Identifier: Apache-2.0
 *
 * Joins the listings of several prefixes into pages: see list_below.h. No state is kept from page
 * to page but the last key.
 */
#include "store/list_below.h"

#include <string.h>

#include "store/page.h"

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* A page that is being filled. */
struct joined {
    struct page_builder builder;
    struct left_out_tally beyond; /* behind a full page: the next one counts it, if there is one */
    bool more;
};

static void take_keys(struct joined *joined, const struct store_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        const struct store_entry *entry = &page->entries[i];
        size_t size = strlen(entry->key);
        if (entry->errnum != 0) {
            page_builder_add_unlisted(&joined->builder, entry->key, size, entry->errnum);
        } else {
            page_builder_add(&joined->builder, entry->key, size, entry->size_bytes, entry->flawed);
        }
    }
}

/* Adds what is below one prefix. Once the page is full, it only looks whether anything is there. */
static int join(struct store *store, const struct store_list_query *query, struct joined *joined,
                struct error *error)
{
    struct store_page page = {0};
    struct store_list_query part = *query;
    bool full = joined->builder.count == query->limit;
    part.limit = full ? 1 : query->limit - joined->builder.count;
    int r = store_list(store, &part, &page, error);
    if (r < 0) {
        return r;
    }
    /* If the cursor is the last key of the prefix, its page counted the rest. */
    bool counted = page.count == 0 && starts_with(query->after, query->prefix);
    if (full) {
        left_out_tally_add(&joined->beyond, &page.left_out);
        joined->more = page.count > 0;
    } else {
        take_keys(joined, &page);
        joined->more = page.more;
        if (!counted) {
            left_out_tally_add(&joined->builder.left_out, &page.left_out);
        }
    }
    store_page_done(&page);
    return 0;
}

/* The listing of nothing: no key begins with a slash, so no directory is opened. Neither the answer
 * nor the time it takes depends on the objects of the store. */
static int list_nothing(struct store *store, const struct store_list_query *query,
                        struct store_page *ret_page, struct error *error)
{
    struct store_list_query none = *query;
    if (strnlen(query->prefix, LIMIT_KEY_BYTES + 1) <= LIMIT_KEY_BYTES) {
        none.prefix = "/";
    }
    return store_list(store, &none, ret_page, error);
}

/* The first prefix that has keys behind `after`, or `count`. */
static size_t first_behind(const char *const *prefixes, size_t count, const char *after)
{
    size_t at = 0;
    while (at < count && strcmp(after, prefixes[at]) > 0 && !starts_with(after, prefixes[at])) {
        at++;
    }
    return at;
}

int store_list_below(struct store *store, const struct store_list_query *query,
                     const char *const *prefixes, size_t count, struct store_page *ret_page,
                     struct error *error)
{
    struct joined joined = {.more = false}; /* an empty builder */
    struct store_list_query part = *query;
    size_t at = first_behind(prefixes, count, query->after);
    if (at == count) {
        return list_nothing(store, query, ret_page, error);
    }
    if (count == 1) {
        part.prefix = prefixes[0];
        return store_list(store, &part, ret_page, error);
    }
    int r = 0;
    for (; at < count && r == 0 && !joined.more; at++) {
        part.prefix = prefixes[at];
        r = join(store, &part, &joined, error);
    }
    if (!joined.more) {
        left_out_tally_add(&joined.builder.left_out, &joined.beyond);
    }
    r = r < 0 ? r : page_builder_finish(&joined.builder, joined.more, ret_page, error);
    page_builder_done(&joined.builder);
    return r;
}
