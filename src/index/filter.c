/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of filters: a filter of an older commit than another is replaced first, then the one
 * that was not asked for the longest. It is made without the lock; two threads may make the same.
 */
#include "index/filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "index/key_table.h"
#include "index/scan_kernels.h"
#include "index/snapshot.h"

void filters_init(struct filters *filters)
{
    *filters = (struct filters){.count = 0};
    (void)pthread_mutex_init(&filters->lock, NULL);
}

void filters_done(struct filters *filters)
{
    for (size_t i = 0; i < filters->count; i++) {
        filter_unref(filters->items[i]);
    }
    (void)pthread_mutex_destroy(&filters->lock);
}

void filter_unref(struct filter *filter)
{
    if (filter && atomic_fetch_sub(&filter->references, 1) == 1) {
        free(filter->prefixes);
        free(filter);
    }
}

static struct filter *filter_ref(struct filter *filter)
{
    atomic_fetch_add(&filter->references, 1);
    return filter;
}

/* ---- making one ---- */

static int set_bits(const struct meta *meta, const struct snapshot *snapshot, const char *prefix,
                    struct filter *filter, struct error *error)
{
    struct key_walk walk;
    int r = key_walk_open(meta, snapshot->txn, prefix, "", &walk, error);
    if (r < 0) {
        return r;
    }
    while ((r = key_walk_next(&walk, error)) == 1) {
        uint32_t slot = walk.entry.slot;
        if (slot >= snapshot->head.slots) {
            r = meta_damaged(error);
            break;
        }
        filter->words[slot / SCAN_ROWS] |= UINT64_C(1) << slot % SCAN_ROWS;
        filter->rows++;
    }
    key_walk_close(&walk);
    return r;
}

/* The prefixes in one block, each with its NUL; the caller frees it. */
static char *join(const struct index_prefixes *prefixes, size_t *ret_size)
{
    size_t size = 0;
    for (size_t i = 0; i < prefixes->count; i++) {
        size += strlen(prefixes->list[i]) + 1;
    }
    char *joined = malloc(size + 1);
    char *at = joined;
    for (size_t i = 0; joined && i < prefixes->count; i++) {
        at = stpcpy(at, prefixes->list[i]) + 1;
    }
    *ret_size = size;
    return joined;
}

static int make(const struct meta *meta, const struct snapshot *snapshot,
                const struct index_prefixes *prefixes, struct filter *filter, struct error *error)
{
    int r = 0;
    for (size_t i = 0; i < prefixes->count && r == 0; i++) {
        r = set_bits(meta, snapshot, prefixes->list[i], filter, error);
    }
    return r;
}

/* ---- the table ---- */

static bool is_of(const struct filter *filter, const char *prefixes, size_t size)
{
    return filter->prefixes_size == size && memcmp(filter->prefixes, prefixes, size) == 0;
}

static struct filter *find(struct filters *filters, uint64_t generation, const char *prefixes,
                           size_t size)
{
    HOLD(&filters->lock);
    for (size_t i = 0; i < filters->count; i++) {
        struct filter *filter = filters->items[i];
        if (filter->generation == generation && is_of(filter, prefixes, size)) {
            filter->used = ++filters->uses;
            return filter_ref(filter);
        }
    }
    return NULL;
}

struct filter *filter_find(struct filters *filters, uint64_t generation,
                           const struct index_prefixes *prefixes)
{
    size_t size = 0;
    cleanup_free char *joined = join(prefixes, &size);
    return joined ? find(filters, generation, joined, size) : NULL;
}

static void drop(struct filters *filters, size_t at)
{
    struct filter *filter = filters->items[at];
    filters->bytes -= filter->bytes;
    filters->items[at] = filters->items[--filters->count];
    filter_unref(filter);
}

/* Under the lock: the one to replace. */
static size_t least_useful(const struct filters *filters)
{
    size_t least = 0;
    for (size_t i = 1; i < filters->count; i++) {
        const struct filter *filter = filters->items[i];
        const struct filter *other = filters->items[least];
        bool older = filter->generation < other->generation;
        least = older || (filter->generation == other->generation && filter->used < other->used)
                    ? i
                    : least;
    }
    return least;
}

static void keep(struct filters *filters, struct filter *filter)
{
    HOLD(&filters->lock);
    for (size_t i = filters->count; i-- > 0;) {
        if (is_of(filters->items[i], filter->prefixes, filter->prefixes_size) &&
            filters->items[i]->generation <= filter->generation) {
            drop(filters, i);
        }
    }
    while (filters->count == FILTERS_KEPT ||
           (filters->count > 0 && filters->bytes + filter->bytes > FILTERS_KEPT_BYTES)) {
        drop(filters, least_useful(filters));
    }
    filter->used = ++filters->uses;
    filters->bytes += filter->bytes;
    filters->items[filters->count++] = filter_ref(filter);
}

int filter_get(struct filters *filters, const struct meta *meta, const struct snapshot *snapshot,
               const struct index_prefixes *prefixes, struct filter **ret_filter,
               struct error *error)
{
    size_t size = 0;
    cleanup_free char *joined = join(prefixes, &size);
    if (!joined) {
        return error_memory(error, "a search");
    }
    struct filter *filter = find(filters, snapshot->head.generation, joined, size);
    if (filter) {
        *ret_filter = filter;
        return 0;
    }
    size_t blocks = (snapshot->head.slots + SCAN_ROWS - 1) / SCAN_ROWS;
    size_t bytes = sizeof *filter + (blocks + 1) * sizeof filter->words[0];
    filter = calloc(1, bytes);
    if (!filter) {
        return error_memory(error, "a search");
    }
    atomic_store(&filter->references, 1);
    filter->generation = snapshot->head.generation;
    filter->prefixes = take_ptr(joined);
    filter->prefixes_size = size;
    filter->bytes = bytes + size;
    int r = make(meta, snapshot, prefixes, filter, error);
    if (r < 0) {
        filter_unref(filter);
        return r;
    }
    keep(filters, filter);
    *ret_filter = filter;
    return 0;
}
