/* SPDX-License-Identifier: Apache-2.0
 *
 * The inner loops for AVX-512 with VNNI: VPDPBUSD multiplies four unsigned bytes of codes by four
 * signed ones of the query and adds them to a lane, all in 32 bits. The initial sums subtract the
 * 128 that was added to every code.
 */
#include "index/scan_kernels.h"

#include <immintrin.h>
#include <string.h>

enum {
    LANES = 16,
    VECTORS = SCAN_ROWS / LANES,
    AHEAD = 4096, /* the CPU's own prefetch ends at each page */
};

/* `count` is a constant where this is inlined: its sums stay in registers. */
static inline __attribute__((always_inline)) void dots_of(const uint8_t *codes, size_t groups,
                                                          const struct scan_query *queries,
                                                          const size_t count, int32_t *dots)
{
    __m512i sums[SCAN_QUERIES][VECTORS];
    for (size_t q = 0; q < count; q++) {
        for (size_t v = 0; v < VECTORS; v++) {
            sums[q][v] = _mm512_set1_epi32(queries[q].bias);
        }
    }
    for (size_t g = 0; g < groups; g++) {
        const uint8_t *group = codes + g * SCAN_GROUP_BYTES;
        __m512i rows[VECTORS];
        for (size_t v = 0; v < VECTORS; v++) {
            _mm_prefetch((const char *)group + AHEAD + v * sizeof(__m512i), _MM_HINT_T0);
            rows[v] = _mm512_loadu_si512(group + v * sizeof(__m512i));
        }
        for (size_t q = 0; q < count; q++) {
            int32_t four;
            memcpy(&four, queries[q].codes + g * SCAN_GROUP, sizeof four);
            __m512i values = _mm512_set1_epi32(four);
            for (size_t v = 0; v < VECTORS; v++) {
                sums[q][v] = _mm512_dpbusd_epi32(sums[q][v], rows[v], values);
            }
        }
    }
    for (size_t q = 0; q < count; q++) {
        for (size_t v = 0; v < VECTORS; v++) {
            _mm512_storeu_si512(dots + q * SCAN_ROWS + v * LANES, sums[q][v]);
        }
    }
}

static void dots_avx512(const uint8_t *codes, size_t groups, const struct scan_query *queries,
                        size_t count, int32_t *dots)
{
    switch (count) {
    case 1:
        dots_of(codes, groups, queries, 1, dots);
        break;
    case 2:
        dots_of(codes, groups, queries, 2, dots);
        break;
    case 3:
        dots_of(codes, groups, queries, 3, dots);
        break;
    default:
        dots_of(codes, groups, queries, SCAN_QUERIES, dots);
        break;
    }
}

static uint64_t select_avx512(const struct scan_lanes *lanes, const struct scan_bound *bound)
{
    const __m512 factor = _mm512_set1_ps(bound->factor);
    const __m512 error_factor = _mm512_set1_ps(bound->error_factor);
    const __m512 lowest = _mm512_set1_ps(bound->floor);
    uint64_t selected = 0;
    for (size_t r = 0; r < SCAN_ROWS; r += LANES) {
        __m512 dots = _mm512_cvtepi32_ps(_mm512_loadu_si512(lanes->dots + r));
        __m512 product =
            _mm512_mul_ps(_mm512_mul_ps(factor, dots), _mm512_loadu_ps(lanes->scale + r));
        __m512 error = _mm512_mul_ps(error_factor, _mm512_loadu_ps(lanes->error + r));
        __m512 offset = lanes->offset ? _mm512_loadu_ps(lanes->offset + r) : _mm512_setzero_ps();
        __m512 upper = _mm512_add_ps(product, _mm512_add_ps(error, offset));
        uint64_t mask = _mm512_cmp_ps_mask(upper, lowest, _CMP_GE_OQ);
        selected |= mask << r;
    }
    return selected;
}

const struct scan_kernels scan_kernels_avx512 = {
    .name = "avx512",
    .dots = dots_avx512,
    .select = select_avx512,
};
