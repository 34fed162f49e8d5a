/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers that look random: see numbers.h.
 */
#include "numbers.h"

uint64_t fixture_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

float fixture_uniform(uint64_t *state)
{
    return (float)((int)(fixture_random(state) >> 51) - 4096) / 4096.0f;
}

float fixture_normal(uint64_t *state)
{
    float sum = 0.0f;
    for (int i = 0; i < 6; i++) {
        sum += fixture_uniform(state);
    }
    return sum / 1.4142f;
}
