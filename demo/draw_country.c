/* SPDX-License-Identifier: Apache-2.0
 *
 * Open country: hills under the sun, and a sky full of clouds.
 */
#include "draw_kinds.h"
#include "draw_ridge.h"
#include "draw_sky.h"

struct range {
    float pixel;
    const struct ridge *ridge; /* borrowed */
    struct color crest;
    struct color foot;
    float haze;       /* 0 near .. 1 lost in the air */
    struct color air; /* the haze's colour */
    float snow;       /* depth of the snow below the crests; 0 none */
    float light;      /* -1 from the left .. 1 from the right */
    float furrows;    /* ploughed lines for one unit; 0 meadow */
    struct noise grass;
};

static struct paint range_shader(const void *scene, float x, float y)
{
    const struct range *r = scene;
    float depth = y - ridge_height(r->ridge, x);
    float cover = edge_cover(-depth, r->pixel);

    if (cover <= 0.0F) {
        return (struct paint){r->crest, 0.0F};
    }
    float texture = noise_fractal(&r->grass, x * 6.0F, y * 16.0F);
    float slope = ridge_slope(r->ridge, x);
    float shade = 1.0F + 0.45F * r->light * slope * expf(-depth * 2.0F) + 0.34F * texture;
    struct color c = color_mix(r->crest, r->foot, clamp_unit(depth * 1.3F));

    if (r->furrows > 0.0F) {
        float line = sinf((x * 0.6F + depth * 2.2F) * r->furrows);
        shade += 0.10F * line * smooth_ramp(0.0F, 0.15F, depth);
    }
    if (r->snow > 0.0F) {
        float edge = depth + 0.12F * texture + 0.12F * slope * r->light;
        c = color_mix(c, (struct color){0.95F, 0.96F, 1.0F},
                      1.0F - smooth_ramp(r->snow * 0.6F, r->snow, edge));
    }
    return (struct paint){color_mix(color_scale(c, shade), r->air, r->haze), cover};
}

/* One range of hills, `near` 0 at the back to 1 in front. */
static void paint_range(struct canvas *canvas, const struct view *view, struct rng *rng,
                        struct range *range, float near)
{
    struct box seen = view_box(view, canvas);
    bool back = near < 0.3F;
    float alpine = range->snow > 0.0F && back ? 1.0F : 0.0F;
    struct ridge_shape shape = {
        .level = mix(-0.10F, 0.72F, near) + rng_uniform(rng, -0.06F, 0.06F),
        .relief = mix(0.30F, 0.16F, near) * rng_uniform(rng, 0.7F, 1.2F),
        .wavelength = rng_uniform(rng, 1.0F, 2.2F),
        .sharpness = alpine,
        .gain = alpine > 0.0F ? 0.48F : 0.28F,
    };
    cleanup_ridge struct ridge ridge = {0};

    if (ridge_init(&ridge, &shape, &seen, canvas->pixel, rng) != 0) {
        return;
    }
    range->ridge = &ridge;
    float snow = range->snow;
    range->snow = back ? snow : 0.0F;
    seen.top = shape.level - 1.6F * shape.relief;
    canvas_paint(canvas, view, &seen, range_shader, range);
    range->snow = snow;
    range->ridge = NULL;
}

void draw_hills(struct canvas *canvas, struct rng *rng)
{
    static const struct color grounds[][2] = {
        {{0.42F, 0.60F, 0.22F}, {0.22F, 0.38F, 0.14F}},
        {{0.58F, 0.62F, 0.25F}, {0.34F, 0.40F, 0.15F}},
        {{0.78F, 0.66F, 0.32F}, {0.52F, 0.40F, 0.20F}},
        {{0.28F, 0.48F, 0.28F}, {0.12F, 0.26F, 0.16F}},
        {{0.66F, 0.44F, 0.26F}, {0.40F, 0.24F, 0.16F}},
    };
    struct view view = view_make(rng_uniform(rng, -0.08F, 0.08F), 1.0F, 0.0F, 0.0F);
    struct sky sky = sky_make(rng, canvas, 0.25F);
    int ground = rng_integer(rng, 0, (int)(sizeof(grounds) / sizeof(grounds[0])) - 1);
    int count = rng_integer(rng, 3, 5);
    float snow = rng_chance(rng, 0.35F) ? rng_uniform(rng, 0.12F, 0.3F) : 0.0F;
    struct range range = {
        .pixel = canvas->pixel,
        .air = sky.low,
        .snow = snow,
        .light = sky.sun_x > 0.0F ? -1.0F : 1.0F,
    };

    sky.sun_y = rng_uniform(rng, -0.85F, -0.35F);
    canvas_paint(canvas, &view, NULL, sky_shader, &sky);
    for (int i = 0; i < count; i++) {
        float near = (float)i / (float)(count - 1);
        bool ploughed = near > 0.4F && rng_chance(rng, 0.4F);

        range.crest = color_vary(rng, grounds[ground][0], 0.07F);
        range.foot = color_vary(rng, grounds[ground][1], 0.05F);
        if (snow > 0.0F && near < 0.3F) {
            range.crest = (struct color){0.38F, 0.40F, 0.46F};
            range.foot = (struct color){0.30F, 0.36F, 0.36F};
        }
        range.haze = 0.62F * (1.0F - near) * (1.0F - near);
        range.furrows = ploughed ? rng_uniform(rng, 30.0F, 80.0F) : 0.0F;
        range.grass = noise_make(rng_bits(rng), 0.15F, canvas->pixel, 0.7F);
        paint_range(canvas, &view, rng, &range, near);
    }
}

struct cloudscape {
    float scale;
    float threshold;
    float softness;
    float flatten;
    float light_x;
    float light_y;
    struct color high;
    struct color low;
    struct color lit;
    struct color shaded;
    struct noise billow;
    struct noise warp;
};

static struct paint clouds_shader(const void *scene, float x, float y)
{
    const struct cloudscape *s = scene;
    float u = x * s->scale;
    float v = y * s->scale * s->flatten;
    float warp = 0.16F * noise_fractal(&s->warp, u, v);
    float here = noise_fractal(&s->billow, u + warp, v - warp);
    float toward = noise_fractal(&s->billow, u + warp + s->light_x, v - warp + s->light_y);

    float density = smooth_ramp(s->threshold, s->threshold + s->softness, here);
    float lit = clamp_unit(0.72F + 1.3F * (here - toward) - 0.45F * density * here);
    struct color sky = color_mix(s->high, s->low, clamp_unit(0.5F + 0.5F * y));
    struct color cloud = color_mix(s->shaded, s->lit, lit);

    return (struct paint){color_mix(sky, cloud, density), 1.0F};
}

void draw_clouds(struct canvas *canvas, struct rng *rng)
{
    static const struct color skies[][4] = {
        {{0.16F, 0.40F, 0.78F}, {0.50F, 0.74F, 0.94F}, {1.0F, 1.0F, 1.0F}, {0.62F, 0.68F, 0.78F}},
        {{0.25F, 0.52F, 0.85F}, {0.68F, 0.84F, 0.95F}, {1.0F, 0.99F, 0.96F}, {0.70F, 0.73F, 0.78F}},
        {{0.30F, 0.36F, 0.62F}, {0.95F, 0.70F, 0.50F}, {1.0F, 0.80F, 0.62F}, {0.55F, 0.38F, 0.48F}},
        {{0.40F, 0.42F, 0.66F}, {0.93F, 0.66F, 0.70F}, {1.0F, 0.86F, 0.84F}, {0.55F, 0.45F, 0.58F}},
        {{0.33F, 0.45F, 0.58F},
         {0.62F, 0.72F, 0.80F},
         {0.90F, 0.91F, 0.92F},
         {0.40F, 0.44F, 0.50F}},
    };
    const struct color *sky =
        skies[rng_integer(rng, 0, (int)(sizeof(skies) / sizeof(skies[0])) - 1)];
    float light = rng_uniform(rng, 0.0F, 2.0F * PI_F);
    float scale = rng_uniform(rng, 0.7F, 1.6F);
    struct cloudscape scape = {
        .scale = scale,
        .threshold = rng_uniform(rng, -0.42F, 0.02F),
        .softness = rng_uniform(rng, 0.25F, 0.5F),
        .flatten = rng_uniform(rng, 1.1F, 1.9F),
        .light_x = 0.16F * cosf(light),
        .light_y = -0.16F * fabsf(sinf(light)),
        .high = color_vary(rng, sky[0], 0.06F),
        .low = color_vary(rng, sky[1], 0.06F),
        .lit = color_vary(rng, sky[2], 0.03F),
        .shaded = color_vary(rng, sky[3], 0.05F),
        .billow = noise_make(rng_bits(rng), 1.0F / scale, canvas->pixel, 0.52F),
        .warp = {.seed = rng_bits(rng), .octaves = 2, .gain = 0.5F},
    };
    struct view view = view_make(rng_uniform(rng, -0.12F, 0.12F), 1.0F, 0.0F, 0.0F);

    canvas_paint(canvas, &view, NULL, clouds_shader, &scape);
}
