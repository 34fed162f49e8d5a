/* SPDX-License-Identifier: Apache-2.0
 *
 * The inner loops of resampling and normalising, in one form for each instruction set. All forms
 * give the same bytes as the plain C one; each is a const table. Which one is used is chosen by the
 * CPU at run time (media_isa, media_select_isa in media.h).
 *
 * Buffers: `rows` reads up to KERNEL_ROW_PADDING bytes after the last pixel of its row, so that
 * many bytes after every row must be readable. `columns` reads and writes whole multiples of
 * KERNEL_BLOCK bytes. The three planes of a planar row are `plane` bytes apart, a multiple of
 * KERNEL_GROUP that is at least the width.
 */
#ifndef SITU_MEDIA_KERNELS_H
#define SITU_MEDIA_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "media/coefficients.h"

enum {
    KERNEL_ROW_PADDING = 128,
    KERNEL_BLOCK = 64,
    KERNEL_GROUP = 16,
};

/* What a byte becomes in the tensor. `bytes[i]` holds byte i of every 4, 2 or 1 byte element, for
 * the forms that look up bytes; `elements` the same in one piece. */
struct byte_table {
    unsigned element_size; /* 1, 2 or 4 bytes */
    union {
        float f32[256];
        uint16_t f16[256];
        uint8_t u8[256];
    } elements;
    uint8_t bytes[4][256] __attribute__((aligned(64)));
};

struct kernels {
    const char *name;

    /* Makes c->packed_rows or c->packed_columns, which the functions below need; 0 or -ENOMEM.
     * NULL: this form needs none. */
    int (*pack_rows)(struct coefficients *c);
    int (*pack_columns)(struct coefficients *c);

    /* One row of RGB pixels, from window_first on, to a planar row of c->axis.count pixels. */
    void (*rows)(const struct coefficients *c, const uint8_t *pixels, uint8_t *planar,
                 size_t plane);

    /* `size` bytes of the output row `output` from its c->used[output] rows. The pointers are
     * rounded up to a multiple of 4; those after `used` may be any readable row. */
    void (*columns)(const struct coefficients *c, uint32_t output, const uint8_t *const *rows,
                    uint8_t *out, size_t size);

    /* `count` bytes to elements, one after the other. */
    void (*lookup)(const struct byte_table *table, const uint8_t *bytes, void *elements,
                   size_t count);
};

extern const struct kernels kernels_c;
extern const struct kernels kernels_avx2;   /* x86-64 builds only */
extern const struct kernels kernels_avx512; /* x86-64 builds only; F, BW, VL, VBMI and VNNI */
extern const struct kernels kernels_neon;   /* aarch64 builds only */

/* The form in use. */
const struct kernels *kernels_selected(void);

/* Makes the packed weights where they are missing; 0 or -ENOMEM. */
must_check int kernels_prepare_rows(const struct kernels *kernels, struct coefficients *c);
must_check int kernels_prepare_columns(const struct kernels *kernels, struct coefficients *c);

static inline size_t kernels_round_up(size_t value, size_t multiple)
{
    return (value + multiple - 1) / multiple * multiple;
}

#endif
