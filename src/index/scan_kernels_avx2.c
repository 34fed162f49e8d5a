/* SPDX-License-Identifier: Apache-2.0
 *
 * The inner loops for AVX2. VPMADDUBSW multiplies unsigned by signed bytes and adds two products in
 * 16 bits, saturating: the query's magnitudes are the unsigned ones, its signs are given to the
 * codes, and as 2 x 127 x 127 is below 32,768, nothing saturates.
 */
#include "index/scan_kernels.h"

#include <immintrin.h>
#include <string.h>

enum { LANES = 8, VECTORS = SCAN_ROWS / LANES };

static void dots_of_one(const uint8_t *codes, size_t groups, const struct scan_query *query,
                        int32_t *dots)
{
    const __m256i bias = _mm256_set1_epi8(-128), ones = _mm256_set1_epi16(1);
    __m256i sums[VECTORS];
    for (size_t v = 0; v < VECTORS; v++) {
        sums[v] = _mm256_setzero_si256();
    }
    for (size_t g = 0; g < groups; g++) {
        const uint8_t *group = codes + g * SCAN_GROUP_BYTES;
        int32_t four;
        memcpy(&four, query->codes + g * SCAN_GROUP, sizeof four);
        __m256i values = _mm256_set1_epi32(four);
        __m256i magnitudes = _mm256_abs_epi8(values);
        for (size_t v = 0; v < VECTORS; v++) {
            const void *at = group + v * sizeof(__m256i);
            __m256i rows = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)at), bias);
            __m256i pairs = _mm256_maddubs_epi16(magnitudes, _mm256_sign_epi8(rows, values));
            sums[v] = _mm256_add_epi32(sums[v], _mm256_madd_epi16(pairs, ones));
        }
    }
    for (size_t v = 0; v < VECTORS; v++) {
        void *to = dots + v * LANES;
        _mm256_storeu_si256((__m256i *)to, sums[v]);
    }
}

/* A block stays in the first cache for the next query. */
static void dots_avx2(const uint8_t *codes, size_t groups, const struct scan_query *queries,
                      size_t count, int32_t *dots)
{
    for (size_t q = 0; q < count; q++) {
        dots_of_one(codes, groups, &queries[q], dots + q * SCAN_ROWS);
    }
}

static uint64_t select_avx2(const struct scan_lanes *lanes, const struct scan_bound *bound)
{
    const __m256 factor = _mm256_set1_ps(bound->factor);
    const __m256 error_factor = _mm256_set1_ps(bound->error_factor);
    const __m256 lowest = _mm256_set1_ps(bound->floor);
    uint64_t selected = 0;
    for (size_t r = 0; r < SCAN_ROWS; r += LANES) {
        const void *at = lanes->dots + r;
        __m256 dots = _mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *)at));
        __m256 product =
            _mm256_mul_ps(_mm256_mul_ps(factor, dots), _mm256_loadu_ps(lanes->scale + r));
        __m256 error = _mm256_mul_ps(error_factor, _mm256_loadu_ps(lanes->error + r));
        __m256 offset = lanes->offset ? _mm256_loadu_ps(lanes->offset + r) : _mm256_setzero_ps();
        __m256 upper = _mm256_add_ps(product, _mm256_add_ps(error, offset));
        int mask = _mm256_movemask_ps(_mm256_cmp_ps(upper, lowest, _CMP_GE_OQ));
        selected |= (uint64_t)(unsigned)mask << r;
    }
    return selected;
}

const struct scan_kernels scan_kernels_avx2 = {
    .name = "avx2",
    .dots = dots_avx2,
    .select = select_avx2,
};
