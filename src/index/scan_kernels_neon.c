/* SPDX-License-Identifier: Apache-2.0
 *
 * The inner loops for NEON (aarch64). Products of bytes are added in pairs in 16 bits, which
 * 2 x 127 x 127 fits, and the pairs to the lanes in 32.
 */
#include "index/scan_kernels.h"

#include <arm_neon.h>
#include <string.h>

enum { LANES = 4, VECTORS = SCAN_ROWS / LANES };

static void dots_of_one(const uint8_t *codes, size_t groups, const struct scan_query *query,
                        int32_t *dots)
{
    const uint8x16_t bias = vdupq_n_u8(128);
    int32x4_t sums[VECTORS];
    for (size_t v = 0; v < VECTORS; v++) {
        sums[v] = vdupq_n_s32(0);
    }
    for (size_t g = 0; g < groups; g++) {
        const uint8_t *group = codes + g * SCAN_GROUP_BYTES;
        int32_t four;
        memcpy(&four, query->codes + g * SCAN_GROUP, sizeof four);
        int8x8_t values = vget_low_s8(vreinterpretq_s8_s32(vdupq_n_s32(four)));
        for (size_t v = 0; v < VECTORS; v++) {
            int8x16_t rows = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(group + v * 16), bias));
            int16x8_t low = vmull_s8(vget_low_s8(rows), values);
            int16x8_t high = vmull_s8(vget_high_s8(rows), values);
            sums[v] = vpadalq_s16(sums[v], vpaddq_s16(low, high));
        }
    }
    for (size_t v = 0; v < VECTORS; v++) {
        vst1q_s32(dots + v * LANES, sums[v]);
    }
}

/* A block stays in the first cache for the next query. */
static void dots_neon(const uint8_t *codes, size_t groups, const struct scan_query *queries,
                      size_t count, int32_t *dots)
{
    for (size_t q = 0; q < count; q++) {
        dots_of_one(codes, groups, &queries[q], dots + q * SCAN_ROWS);
    }
}

static uint64_t select_neon(const struct scan_lanes *lanes, const struct scan_bound *bound)
{
    static const uint32_t bits[LANES] = {1, 2, 4, 8};
    const float32x4_t factor = vdupq_n_f32(bound->factor);
    const float32x4_t error_factor = vdupq_n_f32(bound->error_factor);
    const float32x4_t lowest = vdupq_n_f32(bound->floor);
    const uint32x4_t places = vld1q_u32(bits);
    uint64_t selected = 0;
    for (size_t r = 0; r < SCAN_ROWS; r += LANES) {
        float32x4_t dots = vcvtq_f32_s32(vld1q_s32(lanes->dots + r));
        float32x4_t product = vmulq_f32(vmulq_f32(factor, dots), vld1q_f32(lanes->scale + r));
        float32x4_t error = vmulq_f32(error_factor, vld1q_f32(lanes->error + r));
        float32x4_t offset = lanes->offset ? vld1q_f32(lanes->offset + r) : vdupq_n_f32(0.0f);
        float32x4_t upper = vaddq_f32(product, vaddq_f32(error, offset));
        uint32x4_t passed = vandq_u32(vcgeq_f32(upper, lowest), places);
        selected |= (uint64_t)vaddvq_u32(passed) << r;
    }
    return selected;
}

const struct scan_kernels scan_kernels_neon = {
    .name = "neon",
    .dots = dots_neon,
    .select = select_neon,
};
