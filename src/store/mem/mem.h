/* SPDX-License-Identifier: Apache-2.0
 *
 * A store in memory, for tests.
 */
#ifndef SITU_STORE_MEM_MEM_H
#define SITU_STORE_MEM_MEM_H

#include <stddef.h>

#include "base/cleanup.h"
#include "store/backend.h"

extern const struct store_backend mem_backend;

/* For tests: an empty store. -ENOMEM. */
must_check int store_mem_new(struct store **ret_store);

/* For tests: adds a copy, or replaces the object of that key. */
must_check int store_mem_put(struct store *store, const char *key, const void *bytes, size_t size);

#endif
