/* SPDX-License-Identifier: Apache-2.0
 *
 * The threads that search, so that listeners do not wait for a pass over a large index. An idle
 * thread is lent to a running search if a core is free for it. Any thread.
 */
#ifndef SITU_SERVICE_SEARCH_POOL_H
#define SITU_SERVICE_SEARCH_POOL_H

#include <stddef.h>

#include "base/cleanup.h"

struct dispatch;
struct search_pool;

/* One unit of work; embedded in a struct of the caller, which must live until it runs. */
struct search_work {
    void (*run)(struct search_work *work);
    struct search_work *next; /* the pool's */
};

/* `limit` is how many may wait. */
must_check int search_pool_new(unsigned threads, size_t limit, struct dispatch *dispatch,
                               struct search_pool **ret_pool);

/* Runs what waits, then ends the threads. No work may be added any more. NULL is fine. */
void search_pool_free(struct search_pool *pool);

/* -EBUSY: `limit` are waiting. */
must_check int search_pool_start(struct search_pool *pool, struct search_work *work);

/* Queues the next part of work that was started: never refused. */
void search_pool_continue(struct search_pool *pool, struct search_work *work);

/* An index_lend_fn: `lender` is the pool. The caller runs piece 0 and waits for the others; pieces
 * without an idle thread and a free core are omitted. */
void search_pool_lend(void *lender, unsigned count, void (*work)(void *context, unsigned i),
                      void *context);

#endif
