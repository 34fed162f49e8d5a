/* SPDX-License-Identifier: Apache-2.0
 *
 * The use clock's ring of 256 generations. Ages of 255 and more are one.
 */
#include "cache/uses.h"

static uint64_t *slot(struct uses *uses, uint32_t age)
{
    return &uses->bytes[(uses->current - age) % USES_GENERATIONS];
}

uint32_t uses_age(uint32_t current, uint32_t generation)
{
    uint32_t age = current > generation ? current - generation : 0;
    return age < USES_GENERATIONS ? age : USES_GENERATIONS - 1;
}

void uses_init(struct uses *uses, uint64_t capacity, uint32_t current)
{
    *uses = (struct uses){.capacity = capacity, .current = current};
}

void uses_add(struct uses *uses, uint32_t generation, uint64_t bytes)
{
    *slot(uses, uses_age(uses->current, generation)) += bytes;
    uses->total += bytes;
}

void uses_remove(struct uses *uses, uint32_t generation, uint64_t bytes)
{
    uint64_t *at = slot(uses, uses_age(uses->current, generation));
    *at -= *at < bytes ? *at : bytes;
    uses->total -= uses->total < bytes ? uses->total : bytes;
}

/* Begins generation `next`; the oldest entries keep the oldest slot. */
static void turn(struct uses *uses, uint32_t next)
{
    uint64_t oldest = *slot(uses, USES_GENERATIONS - 1);
    *slot(uses, USES_GENERATIONS - 1) = 0;
    uses->current = next;
    *slot(uses, USES_GENERATIONS - 1) += oldest;
}

void uses_advance(struct uses *uses, uint32_t generation)
{
    for (int i = 0; i < USES_GENERATIONS && uses->current < generation; i++) {
        turn(uses, uses->current + 1);
    }
    if (uses->current < generation) { /* all stand in the oldest slot now */
        turn(uses, generation);
    }
}

void uses_spend(struct uses *uses, uint64_t bytes)
{
    uses->spent += bytes;
    if (uses->spent >= uses->capacity / USES_TURN) {
        uses->spent = 0;
        turn(uses, uses->current + 1);
    }
}

uint32_t uses_age_to_free(const struct uses *uses, uint64_t wanted)
{
    uint64_t found = 0;
    uint32_t age = USES_GENERATIONS;
    while (age > 0 && found < wanted) {
        age--;
        found += uses->bytes[(uses->current - age) % USES_GENERATIONS];
    }
    return age < USES_GENERATIONS ? age : USES_GENERATIONS - 1;
}

void uses_forget(struct uses *uses, uint32_t age)
{
    for (; age < USES_GENERATIONS; age++) {
        uint64_t *at = slot(uses, age);
        uses->total -= uses->total < *at ? uses->total : *at;
        *at = 0;
    }
}
