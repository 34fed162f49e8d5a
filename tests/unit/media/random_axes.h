/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the tests of resampling: the forms of the inner loops, axes that look random and are
 * the same in every run, and their tables.
 */
#ifndef TESTS_MEDIA_RANDOM_AXES_H
#define TESTS_MEDIA_RANDOM_AXES_H

#include "media/coefficients.h"
#include "media/kernels.h"
#include "media/media.h"

static const char *const isas[] = {"c", "avx2", "avx512", "neon"};
enum { ISA_COUNT = sizeof(isas) / sizeof(isas[0]), ROUNDS = 300 };

/* A small generator with a state of its own: the same numbers in every run. */
static inline uint32_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

static inline uint32_t random_below(uint64_t *state, uint32_t limit)
{
    return next_random(state) % limit;
}

static inline struct axis random_axis(uint64_t *state)
{
    uint32_t most = random_below(state, 8) == 0 ? 5000 : 300;
    struct axis axis = {.in = 1 + random_below(state, most),
                        .out = 1 + random_below(state, 300),
                        .filter = (enum resample)random_below(state, 6),
                        .mirror = random_below(state, 3) == 0};
    axis.first = random_below(state, axis.out);
    axis.count = 1 + random_below(state, axis.out - axis.first);
    return axis;
}

static inline struct coefficients *make(const struct axis *axis)
{
    struct coefficients *c = NULL;
    struct error error = {0};
    assert_int_equal(coefficients_new(axis, &c, &error), 0);
    return c;
}

static inline const struct kernels *select_form(const char *name)
{
    if (media_select_isa(name) < 0) {
        return NULL;
    }
    assert_string_equal(media_isa(), name);
    return kernels_selected();
}

#endif
