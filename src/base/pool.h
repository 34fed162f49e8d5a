/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory with one lifetime, that of a request or a result: allocated in pieces, freed at once. Not
 * shared between threads.
 */
#ifndef SITU_BASE_POOL_H
#define SITU_BASE_POOL_H

#include <stddef.h>

struct pool {
    struct pool_block *blocks; /* owned, linked */
};

#define POOL_INIT ((struct pool){0})

/* A zeroed block, aligned for any type; NULL if out of memory. Size 0 is fine. */
void *pool_take(struct pool *pool, size_t size);
void pool_done(struct pool *pool);

#endif
