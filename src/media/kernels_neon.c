/* SPDX-License-Identifier: Apache-2.0
 *
 * The inner loops for NEON (aarch64). Pixels are widened to 32 bits and multiplied by the weights
 * as they are; VMLA works modulo 2^32, which is what plain C computes.
 */
#include "media/kernels.h"

#include <arm_neon.h>
#include <string.h>

/* The sums' bytes: arithmetic shift, then two saturating steps. */
static inline uint8x8_t narrow(int32x4_t low, int32x4_t high)
{
    int16x8_t words = vcombine_s16(vqmovn_s32(vshrq_n_s32(low, COEFFICIENT_BITS)),
                                   vqmovn_s32(vshrq_n_s32(high, COEFFICIENT_BITS)));
    return vqmovun_s16(words);
}

/* Red, green, blue and one more byte of a pixel, as 32 bit numbers. */
static inline int32x4_t load_pixel(const uint8_t *pixel)
{
    uint32_t bytes;
    memcpy(&bytes, pixel, sizeof(bytes));
    uint16x8_t words = vmovl_u8(vcreate_u8(bytes));
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(words)));
}

static void rows_neon(const struct coefficients *c, const uint8_t *pixels, uint8_t *planar,
                      size_t plane)
{
    for (uint32_t i = 0; i < c->axis.count; i++) {
        const int32_t *weights = &c->weights[(size_t)i * c->taps];
        const uint8_t *pixel = pixels + (size_t)c->start[i] * 3;
        int32x4_t sums = vdupq_n_s32(COEFFICIENT_HALF);
        for (uint32_t k = 0; k < c->used[i]; k++, pixel += 3) {
            sums = vmlaq_n_s32(sums, load_pixel(pixel), weights[k]);
        }
        uint8x8_t bytes = narrow(sums, sums);
        planar[i] = vget_lane_u8(bytes, 0);
        planar[i + plane] = vget_lane_u8(bytes, 1);
        planar[i + 2 * plane] = vget_lane_u8(bytes, 2);
    }
}

/* One tap of 16 columns. */
static inline void column_tap(int32x4_t sums[4], uint8x16_t bytes, int32_t weight)
{
    uint16x8_t low = vmovl_u8(vget_low_u8(bytes)), high = vmovl_u8(vget_high_u8(bytes));
    const uint16x4_t words[4] = {vget_low_u16(low), vget_high_u16(low), vget_low_u16(high),
                                 vget_high_u16(high)};
    for (int i = 0; i < 4; i++) {
        sums[i] = vmlaq_n_s32(sums[i], vreinterpretq_s32_u32(vmovl_u16(words[i])), weight);
    }
}

static void columns_neon(const struct coefficients *c, uint32_t output, const uint8_t *const *rows,
                         uint8_t *out, size_t size)
{
    const int32_t *weights = &c->weights[(size_t)output * c->taps];
    for (size_t at = 0; at < size; at += 16) {
        int32x4_t half = vdupq_n_s32(COEFFICIENT_HALF);
        int32x4_t sums[4] = {half, half, half, half};
        for (uint32_t k = 0; k < c->used[output]; k++) {
            column_tap(sums, vld1q_u8(rows[k] + at), weights[k]);
        }
        vst1q_u8(out + at, vcombine_u8(narrow(sums[0], sums[1]), narrow(sums[2], sums[3])));
    }
}

static void lookup_neon(const struct byte_table *table, const uint8_t *bytes, void *elements,
                        size_t count)
{
    kernels_c.lookup(table, bytes, elements, count);
}

const struct kernels kernels_neon = {
    .name = "neon",
    .rows = rows_neon,
    .columns = columns_neon,
    .lookup = lookup_neon,
};
