/* SPDX-License-Identifier: Apache-2.0
 *
 * The pool: a linked list of blocks.
 */
#include "base/pool.h"

#include <stdint.h>
#include <stdlib.h>

struct pool_block {
    struct pool_block *next;
    max_align_t bytes[];
};

void *pool_take(struct pool *pool, size_t size)
{
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    struct pool_block *block = calloc(1, sizeof *block + size);
    if (!block) {
        return NULL;
    }
    block->next = pool->blocks;
    pool->blocks = block;
    return block->bytes;
}

void pool_done(struct pool *pool)
{
    while (pool->blocks) {
        struct pool_block *block = pool->blocks;
        pool->blocks = block->next;
        free(block);
    }
}
