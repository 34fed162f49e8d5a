/* SPDX-License-Identifier: Apache-2.0
 *
 * Light and camera, applied to the finished scene, pixel by pixel.
 */
#include "draw_light.h"

#include "draw_noise.h"

struct lamp {
    float slope_x;
    float slope_y;
    float vignette;
    float exposure;
    float contrast;
    struct color cast;
    float grain;
    float color_grain;
};

static struct lamp lamp_make(struct rng *rng, bool grainy)
{
    float angle = rng_uniform(rng, 0.0F, 2.0F * PI_F);
    float slope = rng_uniform(rng, 0.0F, 0.25F);
    bool noisy = grainy && rng_chance(rng, 0.5F);
    struct lamp lamp = {
        .slope_x = slope * cosf(angle),
        .slope_y = slope * sinf(angle),
        .vignette = rng_chance(rng, 0.5F) ? rng_uniform(rng, 0.0F, 0.30F) : 0.0F,
        .exposure = rng_uniform(rng, 0.78F, 1.15F),
        .contrast = rng_uniform(rng, 0.85F, 1.15F),
        .cast = {rng_uniform(rng, 0.93F, 1.07F), 1.0F, rng_uniform(rng, 0.93F, 1.07F)},
        .grain = noisy ? rng_uniform(rng, 0.0F, 0.045F) : 0.004F,
    };
    lamp.color_grain = 0.5F * lamp.grain;
    return lamp;
}

void light_apply(struct canvas *canvas, struct rng *rng, bool grainy)
{
    struct lamp lamp = lamp_make(rng, grainy);

    for (int row = 0; row < canvas->height; row++) {
        float y = ((float)row + 0.5F) * canvas->pixel - canvas->half_height;
        struct color *out = canvas->colors + (size_t)row * (size_t)canvas->width;

        for (int column = 0; column < canvas->width; column++) {
            float x = ((float)column + 0.5F) * canvas->pixel - canvas->half_width;
            float level = lamp.exposure * (1.0F + lamp.slope_x * x + lamp.slope_y * y -
                                           lamp.vignette * (x * x + y * y) * 0.7F);
            float grain = lamp.grain * rng_normal(rng);
            float tint = lamp.color_grain * rng_normal(rng);
            struct color c = out[column];

            c.r = 0.5F + lamp.contrast * (c.r * level * lamp.cast.r - 0.5F) + grain + tint;
            c.g = 0.5F + lamp.contrast * (c.g * level * lamp.cast.g - 0.5F) + grain;
            c.b = 0.5F + lamp.contrast * (c.b * level * lamp.cast.b - 0.5F) + grain - tint;
            out[column] = c;
        }
    }
}

void light_detail(struct canvas *canvas, struct rng *rng, float amount)
{
    struct noise surface = noise_make(rng_bits(rng), 1.0F / 14.0F, 0.5F * canvas->pixel, 0.95F);

    for (int row = 0; row < canvas->height; row++) {
        float y = (float)row * canvas->pixel;
        struct color *out = canvas->colors + (size_t)row * (size_t)canvas->width;

        for (int column = 0; column < canvas->width; column++) {
            float x = (float)column * canvas->pixel;
            float field = noise_fractal(&surface, x * 14.0F, y * 14.0F);

            /* A constant is added so that the shadows have detail, too. */
            out[column] = color_scale(out[column], 1.0F + amount * field);
            out[column] =
                color_add(out[column], (struct color){1.0F, 1.0F, 1.0F}, 0.3F * amount * field);
        }
    }
}
