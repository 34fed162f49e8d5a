/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers that look random and are the same each time. Pure.
 */
#ifndef TESTS_INDEX_NUMBERS_H
#define TESTS_INDEX_NUMBERS_H

#include <stdint.h>

uint64_t fixture_random(uint64_t *state); /* xorshift64*; the state is never 0 */
float fixture_uniform(
    uint64_t *state);                  /* -1 to 1, multiples of 2^-12: sums of products are exact */
float fixture_normal(uint64_t *state); /* about */

#endif
