/* SPDX-License-Identifier: Apache-2.0
 *
 * Listing a sorted array of objects.
 */
#include "store/sorted.h"

#include <string.h>

#include "store/exclusion.h"
#include "store/page.h"

size_t sorted_find(const struct sorted_objects *objects, const char *key)
{
    size_t low = 0;
    size_t high = objects->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(objects->key(objects->context, middle), key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* What was excluded last: an excluded directory is counted once. */
struct excluded {
    size_t from;        /* the prefix up to here is not checked */
    const char *before; /* a key, borrowed; its first `cut` bytes name what is excluded */
    size_t cut;
};

static bool is_excluded(struct excluded *excluded, const struct store_list_query *query,
                        const char *key, struct left_out_tally *tally)
{
    size_t cut = exclusion_cut(query->exclusion, key, excluded->from);
    if (cut == 0) {
        return false;
    }
    bool counted = cut == excluded->cut && strncmp(key, excluded->before, cut) == 0;
    tally->excluded += counted ? 0 : 1;
    excluded->before = key;
    excluded->cut = cut;
    return true;
}

static bool is_foreign(const struct sorted_objects *objects, size_t at,
                       const struct store_list_query *query, struct left_out_tally *tally)
{
    if (!query->images_only || (query->sniff && objects->is_decodable(objects->context, at))) {
        return false;
    }
    int suffix = suffix_foreign(objects->key(objects->context, at));
    if (suffix >= 0) {
        tally->suffixes[suffix]++;
    }
    return suffix >= 0;
}

/* Fills the page; true: another one follows. */
static bool fill(const struct sorted_objects *objects, const struct store_list_query *query,
                 struct page_builder *builder)
{
    const char *slash = strrchr(query->prefix, '/');
    struct excluded excluded = {.from = slash ? (size_t)(slash - query->prefix) + 1 : 0};
    struct left_out_tally tally = {.links = 0}; /* since the last key: counted with the next one */
    bool from_prefix = strcmp(query->prefix, query->after) > 0;
    size_t prefix_size = strlen(query->prefix);
    for (size_t at = sorted_find(objects, from_prefix ? query->prefix : query->after);
         at < objects->count; at++) {
        const char *key = objects->key(objects->context, at);
        if (strncmp(key, query->prefix, prefix_size) != 0) {
            break;
        }
        if (strcmp(key, query->after) == 0 || is_excluded(&excluded, query, key, &tally) ||
            is_foreign(objects, at, query, &tally)) {
            continue;
        }
        if (builder->count == query->limit) {
            return true;
        }
        page_builder_add(builder, key, strlen(key),
                         query->sizes ? objects->size_bytes(objects->context, at) : 0, false);
        left_out_tally_add(&builder->left_out, &tally);
        tally = (struct left_out_tally){.links = 0};
    }
    left_out_tally_add(&builder->left_out, &tally);
    return false;
}

int sorted_list(const struct sorted_objects *objects, const struct store_list_query *query,
                struct store_page *ret_page, struct error *error)
{
    struct page_builder builder = PAGE_BUILDER_INIT;
    bool more = fill(objects, query, &builder);
    int r = page_builder_finish(&builder, more, ret_page, error);
    page_builder_done(&builder);
    return r;
}
