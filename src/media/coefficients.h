/* SPDX-License-Identifier: Apache-2.0
 *
 * What each output of one axis is made of: the tables of Pillow's resampling. Output i is the sum
 * over k of pixel[start[i] + k] * weights[i * taps + k], from 1 << 21, shifted down by 22 and
 * clipped to a byte. Nearest and an axis that keeps its size are tables of one tap of weight
 * 1 << 22, which gives the pixel itself. Only the outputs inside the crop are tabulated.
 *
 * A table belongs to one struct coefficients_cache, which one thread uses.
 */
#ifndef SITU_MEDIA_COEFFICIENTS_H
#define SITU_MEDIA_COEFFICIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "wire/pipeline.h"

enum {
    COEFFICIENT_BITS = 22,
    COEFFICIENT_ONE = 1 << COEFFICIENT_BITS,
    COEFFICIENT_HALF = COEFFICIENT_ONE / 2,
};

#define LIMIT_COEFFICIENTS (UINT64_C(4) << 20)  /* weights of one table: 16 MiB */
#define LIMIT_NEAREST_WALK (UINT64_C(64) << 20) /* outputs before the end of a nearest table */

struct axis {         /* one axis of a resize */
    uint32_t in, out; /* pixels before and after; at least 1 */
    enum resample filter;
    uint32_t first, count; /* the outputs to compute: first .. first + count - 1; count >= 1 */
    bool mirror; /* the source is stored from the far end (EXIF); outputs keep their order */
};

struct coefficients {
    struct axis axis;
    uint32_t window_first, window_end; /* source pixels that any output needs; end is exclusive */
    uint32_t taps;                     /* row length of `weights`; no output has more */
    bool copies;                       /* every output is one source pixel */
    bool wide;        /* a weight is too large for three signed bytes (no known filter makes one) */
    uint32_t *start;  /* owned; relative to window_first; padded with zeros to a group */
    uint32_t *used;   /* owned; taps of that output, 1..taps; padded as above */
    int32_t *weights; /* owned; count x taps, zero after `used` */

    /* Owned; the weights in the order of an inner loop, made on first use by kernels.h. */
    void *packed_rows;
    void *packed_columns;
    uint32_t packed_kind; /* set by the kernels */

    size_t size_bytes; /* of all of it */
    uint64_t used_at;  /* the cache's clock */
};

enum { COEFFICIENTS_CACHED = 4 }; /* two axes of the last two geometries */

struct coefficients_cache {
    struct coefficients *entries[COEFFICIENTS_CACHED]; /* owned, NULL where empty */
    uint64_t clock;
};

/* Start-up: all zero. */
void coefficients_cache_done(struct coefficients_cache *cache);

/* Frees tables above `size_bytes`. */
void coefficients_cache_trim(struct coefficients_cache *cache, size_t size_bytes);

/* The table of an axis; borrowed from the cache until COEFFICIENTS_CACHED - 1 further calls.
 * ERROR_TOO_LARGE where it would be above LIMIT_COEFFICIENTS or LIMIT_NEAREST_WALK. */
must_check int coefficients_get(struct coefficients_cache *cache, const struct axis *axis,
                                struct coefficients **ret_coefficients, struct error *error);

/* Without a cache, for tests. */
must_check int coefficients_new(const struct axis *axis, struct coefficients **ret_coefficients,
                                struct error *error);
void coefficients_free(struct coefficients *coefficients); /* for tests; NULL is fine */

#endif
