/* SPDX-License-Identifier: Apache-2.0
 *
 * Listing for back ends that have all their objects in one array, sorted by key. The array does
 * not change during a call.
 */
#ifndef SITU_STORE_SORTED_H
#define SITU_STORE_SORTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "store/store.h"

struct sorted_objects {
    void *context;
    size_t count;
    const char *(*key)(void *context, size_t index);
    uint64_t (*size_bytes)(void *context, size_t index);
    bool (*is_decodable)(void *context,
                         size_t index); /* it begins as an image that decoders know */
};

/* The index of the first object whose key is not less than `key`. */
size_t sorted_find(const struct sorted_objects *objects, const char *key);

/* A back end's list(). */
must_check int sorted_list(const struct sorted_objects *objects,
                           const struct store_list_query *query, struct store_page *ret_page,
                           struct error *error);

#endif
