/* SPDX-License-Identifier: Apache-2.0
 *
 * The use clock. Time is counted in generations: one ends when entries worth a 64th of the cache
 * were written or marked as used. An entry carries the generation of its last use, which is renewed
 * only when it is some generations old, so that use costs few writes and the order of eviction is
 * right to about a 16th of the cache. Here stands what the entries of each generation cost, which
 * tells how old an entry must be to make room. Plain values; the writer thread's.
 */
#ifndef SITU_CACHE_USES_H
#define SITU_CACHE_USES_H

#include <stdint.h>

enum { USES_GENERATIONS = 256, USES_TURN = 64, USES_RENEW_AGE = 4 };

struct uses {
    uint64_t capacity;                /* bytes */
    uint64_t total;                   /* bytes of all entries */
    uint64_t spent;                   /* in the current generation */
    uint64_t bytes[USES_GENERATIONS]; /* by generation modulo; the oldest takes all before it */
    uint32_t current;
};

void uses_init(struct uses *uses, uint64_t capacity, uint32_t current);
void uses_add(struct uses *uses, uint32_t generation, uint64_t bytes);
void uses_remove(struct uses *uses, uint32_t generation, uint64_t bytes);

/* Counts bytes written or renewed; begins a new generation when it is time. */
void uses_spend(struct uses *uses, uint64_t bytes);

/* The newest generation is `generation`, where that is later than the current one. */
void uses_advance(struct uses *uses, uint32_t generation);

/* The youngest age that must leave so that `wanted` bytes get free; 0 is all. */
uint32_t uses_age_to_free(const struct uses *uses, uint64_t wanted);

/* Generations since; one from the future has age 0. */
uint32_t uses_age(uint32_t current, uint32_t generation);

/* After a whole round found nothing of this age or older: there is nothing. */
void uses_forget(struct uses *uses, uint32_t age);

#endif
