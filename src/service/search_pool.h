/* SPDX-License-Identifier: Apache-2.0
 *
 * The threads that search: as many as there are cores, so that listeners do not wait for a pass
 * over a large index. One that has nothing to do is lent to a search that goes on, where a core is
 * free for it. Any thread.
 */
#ifndef SITU_SERVICE_SEARCH_POOL_H
#define SITU_SERVICE_SEARCH_POOL_H

#include <stddef.h>

#include "base/cleanup.h"

struct dispatch;
struct search_pool;

/* One thing to do; stands in the caller's struct until it runs. */
struct search_work {
    void (*run)(struct search_work *work);
    struct search_work *next; /* the pool's */
};

/* `limit` is how many may wait. */
must_check int search_pool_new(unsigned threads, size_t limit, struct dispatch *dispatch,
                               struct search_pool **ret_pool);

/* Does what waits, then ends; NULL is fine. Nothing may come any more. */
void search_pool_free(struct search_pool *pool);

/* -EBUSY: too much waits. */
must_check int search_pool_start(struct search_pool *pool, struct search_work *work);

/* Goes on with work that was begun: never refused. */
void search_pool_continue(struct search_pool *pool, struct search_work *work);

/* An index_lend_fn: `lender` is the pool. Whoever calls it does piece 0 and waits for the others;
 * pieces for which there is no thread and core are left out. */
void search_pool_lend(void *lender, unsigned count, void (*work)(void *context, unsigned i),
                      void *context);

#endif
