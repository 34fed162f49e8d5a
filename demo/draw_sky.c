/* SPDX-License-Identifier: Apache-2.0
 *
 * Skies at five hours of the day, each colour varied a little.
 */
#include "draw_sky.h"

struct hour {
    struct color high, low, light, cloud;
};

static const struct hour hours[] = {
    {{0.20F, 0.45F, 0.80F}, {0.70F, 0.85F, 0.95F}, {1.0F, 0.98F, 0.88F}, {0.97F, 0.97F, 0.98F}},
    {{0.30F, 0.52F, 0.76F}, {0.92F, 0.88F, 0.76F}, {1.0F, 0.94F, 0.72F}, {0.98F, 0.93F, 0.86F}},
    {{0.26F, 0.25F, 0.48F}, {0.98F, 0.60F, 0.34F}, {1.0F, 0.82F, 0.50F}, {0.85F, 0.45F, 0.40F}},
    {{0.36F, 0.28F, 0.50F}, {0.95F, 0.58F, 0.60F}, {1.0F, 0.78F, 0.66F}, {0.80F, 0.50F, 0.60F}},
    {{0.55F, 0.62F, 0.68F}, {0.86F, 0.88F, 0.88F}, {1.0F, 0.99F, 0.94F}, {0.92F, 0.93F, 0.94F}},
};

struct sky sky_make(struct rng *rng, const struct canvas *canvas, float horizon)
{
    const struct hour *hour =
        &hours[rng_integer(rng, 0, (int)(sizeof(hours) / sizeof(hours[0])) - 1)];

    return (struct sky){
        .pixel = canvas->pixel,
        .horizon = horizon,
        .high = color_vary(rng, hour->high, 0.06F),
        .low = color_vary(rng, hour->low, 0.06F),
        .light = hour->light,
        .cloud = color_vary(rng, hour->cloud, 0.04F),
        .has_sun = true,
        .sun_x = rng_uniform(rng, -0.7F, 0.7F),
        .sun_y = horizon - rng_uniform(rng, 0.08F, 0.7F),
        .sun_radius = rng_uniform(rng, 0.07F, 0.16F),
        .glow = rng_uniform(rng, 0.15F, 0.5F),
        .cover = rng_chance(rng, 0.6F) ? rng_uniform(rng, 0.1F, 0.6F) : 0.0F,
        .clouds = noise_make(rng_bits(rng), 0.8F, canvas->pixel, 0.55F),
    };
}

struct paint sky_shader(const void *scene, float x, float y)
{
    const struct sky *s = scene;
    float height = clamp_unit((s->horizon - y) / (s->horizon + 1.2F));
    struct color c = color_mix(s->low, s->high, sqrtf(height));

    if (s->has_sun) {
        float dx = x - s->sun_x;
        float dy = y - s->sun_y;
        float distance = sqrtf(dx * dx + dy * dy);
        float glow = expf(-distance / (s->glow + 0.1F));

        c = color_mix(c, s->light, 0.75F * glow);
        c = color_mix(c, color_mix(s->light, (struct color){1.0F, 1.0F, 1.0F}, 0.35F),
                      edge_cover(distance - s->sun_radius, fmaxf(s->pixel, 0.01F)));
    }
    if (s->cover > 0.0F) {
        /* Streaks: noise drawn out along the horizon. */
        float field = noise_fractal(&s->clouds, x * 0.8F, y * 3.2F);
        c = color_mix(c, s->cloud, s->cover * smooth_ramp(0.0F, 0.7F, field));
    }
    return (struct paint){c, 1.0F};
}
