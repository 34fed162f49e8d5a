/* SPDX-License-Identifier: Apache-2.0
 *
 * Random colours and the conversion from hue, saturation and value. Pure functions of their
 * arguments and the picture's generator.
 */
#include "draw_color.h"

struct color color_hsv(float hue, float saturation, float value)
{
    float h = hue - floorf(hue);
    float r = clamp_unit(fabsf(h * 6.0F - 3.0F) - 1.0F);
    float g = clamp_unit(2.0F - fabsf(h * 6.0F - 2.0F));
    float b = clamp_unit(2.0F - fabsf(h * 6.0F - 4.0F));

    return (struct color){value * mix(1.0F, r, saturation), value * mix(1.0F, g, saturation),
                          value * mix(1.0F, b, saturation)};
}

struct color color_vary(struct rng *rng, struct color c, float amount)
{
    c.r = clamp_unit(c.r + rng_uniform(rng, -amount, amount));
    c.g = clamp_unit(c.g + rng_uniform(rng, -amount, amount));
    c.b = clamp_unit(c.b + rng_uniform(rng, -amount, amount));
    return c;
}

void color_pair(struct rng *rng, float contrast, struct color *ret_a, struct color *ret_b)
{
    struct color a = {0};
    struct color b = {1.0F, 1.0F, 1.0F};

    for (int attempt = 0; attempt < 32; attempt++) {
        float hue = rng_uniform(rng, 0.0F, 1.0F);

        a = color_hsv(hue, rng_uniform(rng, 0.05F, 0.9F), rng_uniform(rng, 0.15F, 0.95F));
        hue += rng_uniform(rng, 0.0F, 1.0F) * rng_uniform(rng, 0.0F, 1.0F);
        b = color_hsv(hue, rng_uniform(rng, 0.05F, 0.9F), rng_uniform(rng, 0.15F, 0.95F));
        if (fabsf(color_luma(a) - color_luma(b)) >= contrast) {
            break;
        }
    }
    *ret_a = a;
    *ret_b = b;
}
