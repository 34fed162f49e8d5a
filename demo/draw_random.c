/* SPDX-License-Identifier: Apache-2.0
 *
 * SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014) and
 * the few distributions that pictures need. Pure functions of the generator's state.
 */
#include "draw_random.h"

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

struct rng rng_make(uint64_t seed, uint64_t stream)
{
    return (struct rng){.state = mix(mix(seed + 0x9e3779b97f4a7c15U) ^ mix(~stream))};
}

uint32_t rng_bits(struct rng *rng)
{
    rng->state += 0x9e3779b97f4a7c15U;
    return (uint32_t)(mix(rng->state) >> 32);
}

float rng_uniform(struct rng *rng, float low, float high)
{
    float unit = (float)(rng_bits(rng) >> 8) * 0x1p-24F;
    return low + (high - low) * unit;
}

int rng_integer(struct rng *rng, int low, int high)
{
    uint64_t span = (uint64_t)(high - low) + 1;
    return low + (int)((rng_bits(rng) * span) >> 32);
}

bool rng_chance(struct rng *rng, float probability)
{
    return rng_uniform(rng, 0.0F, 1.0F) < probability;
}

float rng_normal(struct rng *rng)
{
    /* The sum of four uniform values, each of variance 1/12, scaled to variance 1. */
    float sum = 0.0F;

    for (int i = 0; i < 2; i++) {
        uint32_t bits = rng_bits(rng);

        sum += (float)(bits & 0xffffU) + (float)(bits >> 16);
    }
    return (sum * 0x1p-16F - 2.0F) * 1.7320508F;
}
