/* SPDX-License-Identifier: Apache-2.0
 *
 * A 61-bit checksum against bytes that changed by themselves, not against people: the bytes, in
 * words of 56 bits, are the coefficients of a polynomial, evaluated at a fixed point in the field
 * of integers modulo 2^61 - 1. Any change within one word is seen for certain (the point's powers
 * are never zero there), any other with a chance of failure of about 2^-61. Pure; any thread.
 */
#ifndef SITU_CACHE_CHECKSUM_H
#define SITU_CACHE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* The sum of what `sum` stands for (0 at the beginning) and the bytes behind it. */
uint64_t checksum_add(uint64_t sum, const void *bytes, size_t size);

#endif
