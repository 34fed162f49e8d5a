/* SPDX-License-Identifier: Apache-2.0
 *
 * The inner loops of a search, in one form for each instruction set; each is a const table. All
 * forms give the same bits as the plain C one. The form is chosen at run time by the CPU's features
 * (index_isa, index_select_isa in index.h).
 *
 * A block holds the codes of SCAN_ROWS rows, interleaved: four values of row 0, the same four of
 * row 1, ... of row 63, then the next four. So a register of codes belongs to as many rows as it
 * has 32-bit lanes, every lane sums up its own row, and no sum goes across lanes. A code is an
 * integer from -127 to 127, stored as a byte with 128 added to it, as VPDPBUSD requires.
 *
 * A block is read while other rows of it are written. Lanes that are being written belong to no row
 * that the reader can see, and their results are discarded. The forms are built without
 * ThreadSanitizer for this reason alone.
 */
#ifndef SITU_INDEX_SCAN_KERNELS_H
#define SITU_INDEX_SCAN_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum {
    SCAN_ROWS = 64,   /* rows of a block */
    SCAN_GROUP = 4,   /* adjacent values of a row */
    SCAN_QUERIES = 4, /* at most, in one pass */
    SCAN_GROUP_BYTES = SCAN_ROWS * SCAN_GROUP,
};

/* A query's codes, -127 to 127, filled with zeros to whole groups. */
struct scan_query {
    const int8_t *codes; /* aligned to 4 */
    int32_t bias;        /* -128 times the sum of its codes */
};

/* Of each row of a block: 64 values each. */
struct scan_lanes {
    const int32_t *dots;
    const float *scale;
    const float *error;
    const float *offset; /* or NULL: zeros */
};

struct scan_bound {
    float factor;
    float error_factor;
    float floor;
};

struct scan_kernels {
    const char *name;

    /* dots[64 q + r]: the product of row r and query q, of their codes. */
    void (*dots)(const uint8_t *codes, size_t groups, const struct scan_query *queries,
                 size_t count, int32_t *dots);

    /* The rows, a bit each, with
     *   (factor dots) scale + (error_factor error + offset) >= floor
     * in float32, each operation rounded. */
    uint64_t (*select)(const struct scan_lanes *lanes, const struct scan_bound *bound);
};

extern const struct scan_kernels scan_kernels_c;
extern const struct scan_kernels scan_kernels_avx2;   /* x86-64 builds only */
extern const struct scan_kernels scan_kernels_avx512; /* x86-64 builds only; F, BW, VL and VNNI */
extern const struct scan_kernels scan_kernels_neon;   /* aarch64 builds only */

/* The form in use. */
const struct scan_kernels *scan_kernels_selected(void);

#endif
