/* SPDX-License-Identifier: Apache-2.0
 *
 * The sea: waves in perspective under a low sun, its glitter on the water, sometimes a sail.
 */
#include "draw_kinds.h"
#include "draw_noise.h"
#include "draw_sky.h"

struct sea {
    float pixel;
    float horizon;
    float swell; /* waves for one unit across, in front */
    float foam;  /* 0 calm .. 1 white crests */
    float sun_x;
    float glitter;
    struct color near;
    struct color far;
    struct color light;
    struct noise waves;
};

static struct paint sea_shader(const void *scene, float x, float y)
{
    const struct sea *s = scene;
    float depth = y - s->horizon;
    float cover = edge_cover(-depth, s->pixel);

    if (cover <= 0.0F) {
        return (struct paint){s->near, 0.0F};
    }
    /* Rows of waves grow with the distance below the horizon, as seen from a shore. */
    float away = fmaxf(depth, 0.0F) + 0.03F;
    float u = x / away * s->swell * 0.42F;
    float v = logf(away) * s->swell * 1.5F;
    float field =
        noise_fractal(&s->waves, u * 0.55F, v + 0.35F * noise_at(s->waves.seed, u, v * 0.3F));
    float crest = 1.0F - fabsf(field) * 1.8F;
    float fade = smooth_ramp(0.0F, 0.25F, depth);

    struct color c = color_mix(s->far, s->near, sqrtf(clamp_unit(depth * 0.9F)));
    c = color_scale(c, 1.0F + (0.15F + 0.25F * fade) * field);
    c = color_mix(c, color_mix(s->far, s->light, 0.5F), 0.30F * fade * clamp_unit(crest));

    float white = smooth_ramp(0.86F, 1.0F, crest) * s->foam * fade;
    c = color_mix(c, (struct color){0.96F, 0.98F, 0.98F}, clamp_unit(white));

    float aside = (x - s->sun_x) / (0.10F + 0.35F * depth);
    float spark = smooth_ramp(-0.1F, 0.55F, field + 0.15F) * expf(-aside * aside);
    c = color_mix(c, s->light, clamp_unit(s->glitter * spark));
    return (struct paint){c, cover};
}

struct sail {
    float pixel;
    float x;
    float water; /* y of the waterline */
    float size;
    struct color cloth;
    struct color hull;
};

static struct paint sail_shader(const void *scene, float x, float y)
{
    const struct sail *s = scene;
    float u = (x - s->x) / s->size;
    float v = (s->water - y) / s->size; /* up from the water */
    float pixel = s->pixel / s->size;

    float hull = fmaxf(fmaxf(-v, v - 0.14F), fabsf(u) - (0.38F + 0.8F * v));
    float main = fmaxf(fmaxf(0.2F - v, -(u + 0.02F)), u + 0.45F * (v - 1.3F));
    float jib = fmaxf(fmaxf(0.2F - v, u + 0.06F), -u - 0.36F + 0.36F * (v - 0.2F));
    struct paint out = {s->cloth, edge_cover(fminf(main, jib), pixel)};

    if (jib < main) {
        out.color = color_scale(out.color, 0.85F);
    }
    float wood = edge_cover(hull, pixel);
    out.color = color_mix(out.color, s->hull, wood);
    out.cover = fmaxf(out.cover, wood);
    return out;
}

static void paint_sails(struct canvas *canvas, const struct view *view, struct rng *rng,
                        float horizon)
{
    int count = rng_chance(rng, 0.4F) ? rng_integer(rng, 1, 2) : 0;

    for (int i = 0; i < count; i++) {
        float size = rng_uniform(rng, 0.1F, 0.28F);
        struct sail sail = {
            .pixel = canvas->pixel,
            .x = rng_uniform(rng, -0.8F, 0.8F),
            .water = horizon + 0.5F * size + rng_uniform(rng, -0.02F, 0.08F),
            .size = size,
            .cloth = color_vary(rng, (struct color){0.95F, 0.93F, 0.88F}, 0.05F),
            .hull = color_vary(rng, (struct color){0.28F, 0.18F, 0.16F}, 0.1F),
        };
        struct box box = {sail.x - size, sail.water - 1.5F * size, sail.x + size, sail.water};

        canvas_paint(canvas, view, &box, sail_shader, &sail);
    }
}

void draw_sea(struct canvas *canvas, struct rng *rng)
{
    static const struct color waters[][2] = {
        {{0.03F, 0.20F, 0.38F}, {0.25F, 0.50F, 0.66F}},
        {{0.02F, 0.32F, 0.38F}, {0.30F, 0.64F, 0.68F}},
        {{0.08F, 0.18F, 0.28F}, {0.38F, 0.48F, 0.56F}},
        {{0.05F, 0.40F, 0.48F}, {0.22F, 0.58F, 0.74F}},
    };
    int water = rng_integer(rng, 0, (int)(sizeof(waters) / sizeof(waters[0])) - 1);
    float horizon = rng_uniform(rng, -0.55F, 0.0F);
    struct view view = view_make(rng_uniform(rng, -0.06F, 0.06F), 1.0F, 0.0F, 0.0F);
    struct sky sky = sky_make(rng, canvas, horizon);
    struct sea sea = {
        .pixel = canvas->pixel,
        .horizon = horizon,
        .swell = rng_uniform(rng, 3.0F, 6.5F),
        .foam = rng_chance(rng, 0.5F) ? rng_uniform(rng, 0.3F, 1.0F) : 0.0F,
        .sun_x = sky.sun_x,
        .glitter = rng_uniform(rng, 0.3F, 1.0F),
        .near = color_vary(rng, waters[water][0], 0.04F),
        .far = color_mix(color_vary(rng, waters[water][1], 0.05F), sky.low, 0.3F),
        .light = sky.light,
        .waves = noise_make(rng_bits(rng), 0.25F, canvas->pixel, 0.5F),
    };

    sky.sun_y = horizon - rng_uniform(rng, 0.0F, 0.4F);
    sky.has_sun = rng_chance(rng, 0.75F);
    if (!sky.has_sun) {
        sea.glitter = 0.0F;
    }
    canvas_paint(canvas, &view, NULL, sky_shader, &sky);
    canvas_paint(canvas, &view, NULL, sea_shader, &sea);
    paint_sails(canvas, &view, rng, horizon);
}
