/* SPDX-License-Identifier: Apache-2.0
 *
 * Random numbers for the drawing program: a counter-based generator (SplitMix64), so that picture
 * number n of a seed does not depend on those drawn before it. One generator belongs to one
 * picture; not shared between threads.
 */
#ifndef SITU_DEMO_DRAW_RANDOM_H
#define SITU_DEMO_DRAW_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t state;
};

/* The generator of one picture; different streams of a seed are independent. */
struct rng rng_make(uint64_t seed, uint64_t stream);

uint32_t rng_bits(struct rng *rng);
float rng_uniform(struct rng *rng, float low, float high); /* low <= value < high */
int rng_integer(struct rng *rng, int low, int high);       /* low <= value <= high */
bool rng_chance(struct rng *rng, float probability);
float rng_normal(struct rng *rng); /* mean 0, variance 1, tails cut at 3.5 */

#endif
