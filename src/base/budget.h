/* SPDX-License-Identifier: Apache-2.0
 *
 * So many bytes for many takers together. Any thread.
 */
#ifndef SITU_BASE_BUDGET_H
#define SITU_BASE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct budget {
    uint64_t limit; /* constant once threads share it; 0: no bound */
    _Atomic uint64_t used;
};

/* The last eighth is for takers that have little in all, so that a few with much do not keep all
 * others out. */
#define BUDGET_LITTLE (UINT64_C(1) << 20)

/* Takes bytes for somebody who then has `in_all`. False where that would be above the limit; then
 * nothing is taken. */
static inline bool budget_take(struct budget *budget, uint64_t bytes, uint64_t in_all)
{
    uint64_t limit = budget->limit - (in_all > BUDGET_LITTLE ? budget->limit / 8 : 0);
    uint64_t used = atomic_load(&budget->used);
    do { /* what is refused is never seen as taken: it would have others refused, too */
        if (limit > 0 && (used > limit || bytes > limit - used)) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(&budget->used, &used, used + bytes));
    return true;
}

static inline void budget_give(struct budget *budget, uint64_t bytes)
{
    atomic_fetch_sub(&budget->used, bytes);
}

#endif
