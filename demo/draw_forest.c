/* SPDX-License-Identifier: Apache-2.0
 *
 * A forest: rows of trees, from the far ones pale in the mist to the near ones, conifers or
 * broad-leaved, in summer, autumn or snow.
 */
#include "draw_kinds.h"
#include "draw_noise.h"
#include "draw_sky.h"

struct tree {
    float pixel;
    float x;
    float foot; /* y */
    float height;
    float width; /* half, at the widest */
    float tiers; /* of branches; conifers only */
    float snow;  /* 0..1 */
    float haze;
    struct color leaf;
    struct color bark;
    struct color air;
    struct noise foliage;
};

static struct paint conifer_shader(const void *scene, float x, float y)
{
    const struct tree *t = scene;
    float down = 1.0F - (t->foot - y) / t->height; /* 0 tip .. 1 foot */
    float aside = x - t->x;
    float texture = noise_fractal(&t->foliage, x * 14.0F, y * 14.0F);

    float tier = down * t->tiers;
    float inside = tier - floorf(tier);
    float reach = t->width * (0.10F + 1.0F * down) * (0.55F + 0.45F * inside + 0.18F * texture);
    float skirt = down > 0.0F && down < 0.92F ? fabsf(aside) - reach : 1.0F;
    float trunk = down > 0.0F && down <= 1.0F ? fabsf(aside) - 0.09F * t->width : 1.0F;
    float needles = edge_cover(skirt, t->pixel);
    float wood = edge_cover(trunk, t->pixel) * (1.0F - needles);

    float shade = 0.8F + 0.45F * inside + 0.35F * texture - 0.35F * aside / t->width;
    struct color c = color_scale(t->leaf, fmaxf(shade, 0.2F));
    float white = t->snow * smooth_ramp(0.35F, 0.95F, inside + 0.4F * texture);

    c = color_mix(c, (struct color){0.93F, 0.95F, 1.0F}, clamp_unit(white));
    c = color_mix(c, t->bark, wood);
    return (struct paint){color_mix(c, t->air, t->haze), needles + wood};
}

static struct paint broadleaf_shader(const void *scene, float x, float y)
{
    const struct tree *t = scene;
    float middle = t->foot - 0.62F * t->height;
    float u = (x - t->x) / (1.35F * t->width);
    float v = (y - middle) / (0.40F * t->height);
    float radius = sqrtf(u * u + v * v);
    float texture = noise_fractal(&t->foliage, x * 9.0F, y * 9.0F);
    float crown = (radius - 0.88F - 0.35F * texture) * t->width;
    float leaves = edge_cover(crown, t->pixel);

    float up = (t->foot - y) / t->height;
    float trunk =
        up >= 0.0F && up < 0.65F ? fabsf(x - t->x) - t->width * (0.13F - 0.08F * up) : 1.0F;
    float wood = edge_cover(trunk, t->pixel) * (1.0F - leaves);
    float shade = 0.85F - 0.3F * v - 0.15F * u + 0.55F * texture;
    struct color c = color_mix(color_scale(t->leaf, fmaxf(shade, 0.2F)), t->bark, wood);

    return (struct paint){color_mix(c, t->air, t->haze), leaves + wood};
}

struct clearing {
    float pixel;
    float level;
    float haze;
    struct color moss;
    struct color air;
    struct noise ground;
};

static struct paint clearing_shader(const void *scene, float x, float y)
{
    const struct clearing *c = scene;
    float texture = noise_fractal(&c->ground, x * 5.0F, y * 9.0F);
    float depth = y - c->level + 0.03F * texture;
    struct color moss = color_scale(c->moss, 1.0F + 0.35F * texture - 0.2F * clamp_unit(depth));

    return (struct paint){color_mix(moss, c->air, c->haze), edge_cover(-depth, c->pixel)};
}

struct wood_plan {
    bool broad;
    float snow;
    float broad_hue;
    float broad_spread;
    struct color leaf;
    struct color moss;
};

static struct wood_plan plan_make(struct rng *rng)
{
    struct wood_plan plan = {.broad = rng_chance(rng, 0.35F)};
    bool winter = !plan.broad && rng_chance(rng, 0.3F);

    plan.snow = winter ? rng_uniform(rng, 0.6F, 1.0F) : 0.0F;
    plan.leaf = color_hsv(rng_uniform(rng, 0.30F, 0.45F), rng_uniform(rng, 0.35F, 0.7F),
                          rng_uniform(rng, 0.25F, 0.42F));
    plan.broad_hue =
        rng_chance(rng, 0.5F) ? rng_uniform(rng, 0.22F, 0.33F) : rng_uniform(rng, 0.03F, 0.11F);
    plan.broad_spread = rng_uniform(rng, 0.02F, 0.06F);
    plan.moss = winter
                    ? (struct color){0.85F, 0.88F, 0.93F}
                    : color_hsv(rng_uniform(rng, 0.1F, 0.3F), 0.5F, rng_uniform(rng, 0.2F, 0.4F));
    return plan;
}

static void paint_tree(struct canvas *canvas, const struct view *view, struct rng *rng,
                       const struct wood_plan *plan, struct tree *tree)
{
    float crown = plan->broad ? 2.2F : 1.5F;
    float hue = plan->broad_hue + rng_uniform(rng, -1.0F, 1.0F) * plan->broad_spread;

    tree->leaf = plan->broad
                     ? color_hsv(hue, rng_uniform(rng, 0.6F, 0.85F), rng_uniform(rng, 0.45F, 0.8F))
                     : color_vary(rng, plan->leaf, 0.05F);
    tree->tiers = (float)rng_integer(rng, 6, 11);
    tree->snow = plan->snow;
    tree->foliage = noise_make(rng_bits(rng), 1.0F / 12.0F, canvas->pixel, 0.7F);

    struct box box = {tree->x - crown * tree->width, tree->foot - 1.25F * tree->height,
                      tree->x + crown * tree->width, tree->foot};
    canvas_paint(canvas, view, &box, plan->broad ? broadleaf_shader : conifer_shader, tree);
}

static void paint_row(struct canvas *canvas, const struct view *view, struct rng *rng,
                      const struct wood_plan *plan, struct tree *tree, float near)
{
    struct box seen = view_box(view, canvas);
    float level = mix(0.05F, 0.85F, near);
    float height = mix(0.55F, 1.5F, near);
    struct clearing clearing = {
        .pixel = canvas->pixel,
        .level = level - 0.05F,
        .haze = tree->haze,
        .moss = color_vary(rng, plan->moss, 0.04F),
        .air = tree->air,
        .ground = noise_make(rng_bits(rng), 0.2F, canvas->pixel, 0.65F),
    };
    canvas_paint(canvas, view, &(struct box){seen.left, level - 0.2F, seen.right, seen.bottom},
                 clearing_shader, &clearing);

    float step = height * (plan->broad ? 0.42F : 0.30F);
    float x = seen.left - step;
    while (x < seen.right + step) {
        tree->x = x;
        tree->height = height * rng_uniform(rng, 0.7F, 1.15F);
        tree->foot = level + rng_uniform(rng, -0.03F, 0.04F);
        tree->width = tree->height * rng_uniform(rng, 0.17F, 0.24F);
        paint_tree(canvas, view, rng, plan, tree);
        x += step * rng_uniform(rng, 0.6F, 1.5F);
    }
}

void draw_forest(struct canvas *canvas, struct rng *rng)
{
    struct view view = view_make(rng_uniform(rng, -0.06F, 0.06F), rng_uniform(rng, 0.85F, 1.25F),
                                 rng_uniform(rng, -3.0F, 3.0F), rng_uniform(rng, -0.1F, 0.1F));
    struct sky sky = sky_make(rng, canvas, 0.3F);
    struct wood_plan plan = plan_make(rng);
    int rows = rng_integer(rng, 3, 4);
    float mist = rng_uniform(rng, 0.35F, 0.8F);
    struct tree tree = {
        .pixel = canvas->pixel * view.zoom,
        .bark = color_vary(rng, (struct color){0.25F, 0.18F, 0.13F}, 0.05F),
        .air = sky.low,
    };

    sky.has_sun = rng_chance(rng, 0.3F);
    sky.sun_x += view.shift_x;
    canvas_paint(canvas, &view, NULL, sky_shader, &sky);
    for (int i = 0; i < rows; i++) {
        float near = (float)i / (float)(rows - 1);

        tree.haze = mist * (1.0F - near);
        paint_row(canvas, &view, rng, &plan, &tree, near);
    }
}
