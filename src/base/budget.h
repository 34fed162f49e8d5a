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

/* False where that would be above the limit; then nothing is taken. */
static inline bool budget_take(struct budget *budget, uint64_t bytes)
{
    uint64_t before = atomic_fetch_add(&budget->used, bytes);
    if (budget->limit > 0 && (before > budget->limit || bytes > budget->limit - before)) {
        atomic_fetch_sub(&budget->used, bytes);
        return false;
    }
    return true;
}

static inline void budget_give(struct budget *budget, uint64_t bytes)
{
    atomic_fetch_sub(&budget->used, bytes);
}

#endif
