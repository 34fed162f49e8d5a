/* SPDX-License-Identifier: Apache-2.0
 *
 * A limit on the bytes that many users hold together. Any thread.
 */
#ifndef SITU_BASE_BUDGET_H
#define SITU_BASE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct budget {
    uint64_t limit; /* constant once threads share it; 0: no limit */
    _Atomic uint64_t used;
};

/* The last eighth is reserved for users that hold little, so that a few large ones cannot keep out
 * all others. */
#define BUDGET_LITTLE (UINT64_C(1) << 20)

/* Takes bytes for a user that then holds `in_all`. False, and nothing is taken, if the limit would
 * be exceeded. */
static inline bool budget_take(struct budget *budget, uint64_t bytes, uint64_t in_all)
{
    uint64_t limit = budget->limit - (in_all > BUDGET_LITTLE ? budget->limit / 8 : 0);
    uint64_t used = atomic_load(&budget->used);
    do { /* a refused amount is never counted, not even briefly: others would be refused, too */
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
