/* SPDX-License-Identifier: Apache-2.0
 *
 * The inner loops in plain C: the reference for every other form, and the fallback. Sums are modulo
 * 2^32, as in all forms.
 */
#include "media/kernels.h"

#include <string.h>

static uint8_t clip(uint32_t sum)
{
    int32_t value = (int32_t)sum >> COEFFICIENT_BITS;
    if (value < 0) {
        return 0;
    }
    return value > 255 ? 255 : (uint8_t)value;
}

static void rows_c(const struct coefficients *c, const uint8_t *pixels, uint8_t *planar,
                   size_t plane)
{
    for (uint32_t i = 0; i < c->axis.count; i++) {
        const int32_t *weights = &c->weights[(size_t)i * c->taps];
        const uint8_t *pixel = pixels + (size_t)c->start[i] * 3;
        uint32_t red = COEFFICIENT_HALF, green = COEFFICIENT_HALF, blue = COEFFICIENT_HALF;
        for (uint32_t k = 0; k < c->used[i]; k++, pixel += 3) {
            uint32_t weight = (uint32_t)weights[k];
            red += pixel[0] * weight;
            green += pixel[1] * weight;
            blue += pixel[2] * weight;
        }
        planar[i] = clip(red);
        planar[i + plane] = clip(green);
        planar[i + 2 * plane] = clip(blue);
    }
}

/* Row by row over a block of sums, so that the compiler can vectorise the loops. */
static void columns_c(const struct coefficients *c, uint32_t output, const uint8_t *const *rows,
                      uint8_t *out, size_t size)
{
    const int32_t *weights = &c->weights[(size_t)output * c->taps];
    for (size_t at = 0; at < size; at += KERNEL_BLOCK) {
        uint32_t sums[KERNEL_BLOCK];
        for (int i = 0; i < KERNEL_BLOCK; i++) {
            sums[i] = COEFFICIENT_HALF;
        }
        for (uint32_t k = 0; k < c->used[output]; k++) {
            uint32_t weight = (uint32_t)weights[k];
            const uint8_t *row = rows[k] + at;
            for (int i = 0; i < KERNEL_BLOCK; i++) {
                sums[i] += row[i] * weight;
            }
        }
        for (int i = 0; i < KERNEL_BLOCK; i++) {
            out[at + (size_t)i] = clip(sums[i]);
        }
    }
}

static void lookup_c(const struct byte_table *table, const uint8_t *bytes, void *elements,
                     size_t count)
{
    if (table->element_size == sizeof(float)) {
        float *to = elements;
        for (size_t i = 0; i < count; i++) {
            to[i] = table->elements.f32[bytes[i]];
        }
    } else if (table->element_size == sizeof(uint16_t)) {
        uint16_t *to = elements;
        for (size_t i = 0; i < count; i++) {
            to[i] = table->elements.f16[bytes[i]];
        }
    } else {
        uint8_t *to = elements;
        for (size_t i = 0; i < count; i++) {
            to[i] = table->elements.u8[bytes[i]];
        }
    }
}

const struct kernels kernels_c = {
    .name = "c",
    .rows = rows_c,
    .columns = columns_c,
    .lookup = lookup_c,
};
