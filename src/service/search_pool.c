/* SPDX-License-Identifier: Apache-2.0
 *
 * Search threads and their work. A loan is in a list until its owner has finished its own piece;
 * pieces that no thread has started by then are not run at all, since the pieces share the work
 * among themselves.
 */
#include "service/search_pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "infer/dispatch.h"

struct loan {
    void (*work)(void *context, unsigned i);
    void *context;
    unsigned next;    /* the next piece to start */
    unsigned count;   /* pieces */
    unsigned running; /* pieces that threads of the pool have started and not finished */
    struct loan *next_loan;
};

struct search_pool {
    struct dispatch *dispatch; /* borrowed */
    size_t limit;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t wake;  /* there is work, or the pool ends */
    pthread_cond_t back;  /* a lent thread has finished its piece */
    struct search_work *first;
    struct search_work *last;
    size_t waiting;
    struct loan *loans; /* with pieces that are not started */
    unsigned idle;      /* threads without work */
    bool stopping;
    unsigned thread_count;
    pthread_t threads[]; /* thread_count */
};

/* ---- under the lock ---- */

static void append(struct search_pool *pool, struct search_work *work)
{
    work->next = NULL;
    if (pool->last) {
        pool->last->next = work;
    } else {
        pool->first = work;
    }
    pool->last = work;
    pool->waiting++;
    (void)pthread_cond_signal(&pool->wake);
}

static void unlist(struct search_pool *pool, struct loan *loan)
{
    struct loan **place = &pool->loans;
    while (*place && *place != loan) {
        place = &(*place)->next_loan;
    }
    if (*place) {
        *place = loan->next_loan;
    }
}

/* Runs a piece of a loan, or waiting work, without the lock; false if there is none. */
static bool do_one(struct search_pool *pool)
{
    struct loan *loan = pool->loans;
    struct search_work *work = pool->first;
    if (loan) { /* first: a running search waits for it */
        unsigned piece = loan->next++;
        loan->running++;
        if (loan->next == loan->count) {
            unlist(pool, loan);
        }
        (void)pthread_mutex_unlock(&pool->lock);
        loan->work(loan->context, piece);
        (void)pthread_mutex_lock(&pool->lock);
        loan->running--;
        (void)pthread_cond_broadcast(&pool->back);
        return true;
    }
    if (work) {
        pool->first = work->next;
        pool->last = pool->first ? pool->last : NULL;
        pool->waiting--;
        (void)pthread_mutex_unlock(&pool->lock);
        work->run(work);
        (void)pthread_mutex_lock(&pool->lock);
    }
    return work != NULL;
}

static void *search_main(void *argument)
{
    struct search_pool *pool = argument;
    (void)pthread_mutex_lock(&pool->lock);
    for (;;) {
        if (do_one(pool)) {
            continue;
        }
        if (pool->stopping) {
            break;
        }
        pool->idle++;
        (void)pthread_cond_wait(&pool->wake, &pool->lock);
        pool->idle--;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* How many pieces may be lent in addition to the owner's. */
static unsigned lendable(const struct search_pool *pool, unsigned wanted, unsigned cores)
{
    unsigned working = pool->thread_count - pool->idle;
    unsigned free = cores > working ? cores - working : 0;
    unsigned idle = pool->idle > pool->waiting ? pool->idle - (unsigned)pool->waiting : 0;
    free = free < idle ? free : idle;
    return free < wanted ? free : wanted;
}

/* ---- public ---- */

int search_pool_new(unsigned threads, size_t limit, struct dispatch *dispatch,
                    struct search_pool **ret_pool)
{
    struct search_pool *pool = calloc(1, sizeof *pool + threads * sizeof pool->threads[0]);
    int r = pool ? 0 : -ENOMEM;
    if (!pool) {
        return r;
    }
    pool->dispatch = dispatch;
    pool->limit = limit;
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->wake, NULL);
    (void)pthread_cond_init(&pool->back, NULL);
    for (unsigned i = 0; i < threads && r == 0; i++) {
        r = -pthread_create(&pool->threads[i], NULL, search_main, pool);
        pool->thread_count += r == 0;
    }
    if (r < 0) {
        search_pool_free(pool);
        return r;
    }
    *ret_pool = pool;
    return 0;
}

void search_pool_free(struct search_pool *pool)
{
    if (!pool) {
        return;
    }
    (void)pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    (void)pthread_cond_broadcast(&pool->wake);
    (void)pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->thread_count; i++) {
        (void)pthread_join(pool->threads[i], NULL);
    }
    (void)pthread_cond_destroy(&pool->back);
    (void)pthread_cond_destroy(&pool->wake);
    (void)pthread_mutex_destroy(&pool->lock);
    free(pool);
}

int search_pool_start(struct search_pool *pool, struct search_work *work)
{
    HOLD(&pool->lock);
    if (pool->waiting >= pool->limit) {
        return -EBUSY;
    }
    append(pool, work);
    return 0;
}

void search_pool_continue(struct search_pool *pool, struct search_work *work)
{
    HOLD(&pool->lock);
    append(pool, work);
}

void search_pool_lend(void *lender, unsigned count, void (*work)(void *context, unsigned i),
                      void *context)
{
    struct search_pool *pool = lender;
    struct loan loan = {.work = work, .context = context, .next = 1};
    unsigned cores = dispatch_free_cores(pool->dispatch);
    (void)pthread_mutex_lock(&pool->lock);
    loan.count = 1 + lendable(pool, count - 1, cores);
    if (loan.count > 1) {
        loan.next_loan = pool->loans;
        pool->loans = &loan;
    }
    for (unsigned i = 1; i < loan.count; i++) {
        (void)pthread_cond_signal(&pool->wake);
    }
    (void)pthread_mutex_unlock(&pool->lock);
    work(context, 0);
    (void)pthread_mutex_lock(&pool->lock);
    unlist(pool, &loan);
    while (loan.running > 0) {
        (void)pthread_cond_wait(&pool->back, &pool->lock);
    }
    (void)pthread_mutex_unlock(&pool->lock);
}
