/* SPDX-License-Identifier: Apache-2.0
 *
 * Flowers: one large, perhaps some smaller behind it, before an out-of-focus garden. A flower is
 * rings of petals, painted from the outermost, around a disc of florets.
 */
#include "draw_kinds.h"
#include "draw_noise.h"

enum { LAYERS_MAX = 3, BLURS_MAX = 14 };

struct garden {
    struct color ground[2];
    struct noise shade;
    int blur_count;
    float blurs[BLURS_MAX][3]; /* x, y, radius: lights out of focus */
    struct color blur_colors[BLURS_MAX];
};

struct petals {
    float radius;
    float count;
    float turn;  /* in petals */
    float width; /* 0..1 of the room that a petal has */
    float point; /* where the petal is widest: small is near the tip */
};

struct flower {
    float pixel;
    float x;
    float y;
    float squeeze; /* seen from the side: y over x */
    float disc;    /* radius */
    int layer_count;
    struct petals layers[LAYERS_MAX]; /* from behind */
    struct color base;
    struct color tip;
    struct color florets;
    struct noise texture;
};

static struct paint garden_shader(const void *scene, float x, float y)
{
    const struct garden *g = scene;
    float shade = noise_fractal(&g->shade, x * 0.9F, y * 0.9F);
    struct color c = color_mix(g->ground[0], g->ground[1], clamp_unit(0.5F + 0.8F * shade));

    for (int i = 0; i < g->blur_count; i++) {
        float dx = x - g->blurs[i][0];
        float dy = y - g->blurs[i][1];
        float distance = sqrtf(dx * dx + dy * dy) - g->blurs[i][2];

        c = color_mix(c, g->blur_colors[i], 0.35F * edge_cover(distance, 0.08F));
    }
    return (struct paint){c, 1.0F};
}

/* Half the width of a petal at `t` of its length, 0..1. */
static float petal_outline(const struct petals *p, float t)
{
    if (t <= 0.0F || t >= 1.0F) {
        return 0.0F;
    }
    return p->width * sinf(PI_F * powf(t, p->point));
}

static struct paint flower_shader(const void *scene, float x, float y)
{
    const struct flower *f = scene;
    float dx = x - f->x;
    float dy = (y - f->y) / f->squeeze;
    float radius = sqrtf(dx * dx + dy * dy);
    float angle = atan2f(dy, dx) / (2.0F * PI_F);
    float texture = noise_fractal(&f->texture, dx * 8.0F, dy * 8.0F);
    struct paint out = {f->base, 0.0F};

    for (int i = 0; i < f->layer_count; i++) {
        const struct petals *p = &f->layers[i];
        float turn = angle * p->count + p->turn;
        float aside = turn - floorf(turn) - 0.5F;
        float t = radius / p->radius;
        float room = 2.0F * PI_F * p->radius / p->count;
        float outline = petal_outline(p, t) * room / 2.0F;
        float off = fabsf(aside) * 2.0F * PI_F * radius / p->count;
        float distance = t >= 1.0F ? radius - p->radius + 0.02F : off - outline;

        float vein = 0.06F * cosf(aside * 40.0F) + 0.12F * texture;
        float fold = 0.30F * (1.0F - clamp_unit(off / fmaxf(outline, 1e-3F)));
        float level = 0.72F + 0.12F * (float)i + fold + vein;
        struct color c = color_scale(color_mix(f->base, f->tip, clamp_unit(t)), level);
        float shadow = 0.45F * edge_cover(distance - 0.02F, 0.09F);

        out.color =
            color_mix(color_scale(out.color, 1.0F - shadow), c, edge_cover(distance, f->pixel));
        out.cover = fmaxf(out.cover, edge_cover(distance, f->pixel));
    }
    float distance = radius - f->disc;
    float seeds = noise_at(f->texture.seed + 9U, dx * 42.0F, dy * 42.0F);
    float level = 0.95F + 0.35F * seeds - 0.35F * clamp_unit(radius / f->disc - 0.3F);
    float cover = edge_cover(distance, f->pixel);
    float shadow = 0.4F * edge_cover(distance - 0.02F, 0.07F);

    out.color =
        color_mix(color_scale(out.color, 1.0F - shadow), color_scale(f->florets, level), cover);
    out.cover = fmaxf(out.cover, cover);
    return out;
}

static struct flower flower_make(struct rng *rng, const struct canvas *canvas, float radius)
{
    static const float hues[] = {0.0F, 0.04F, 0.12F, 0.15F, 0.62F, 0.72F, 0.80F, 0.88F, 0.94F};
    float hue = hues[rng_integer(rng, 0, (int)(sizeof(hues) / sizeof(hues[0])) - 1)];
    float pale = rng_chance(rng, 0.3F) ? 0.12F : rng_uniform(rng, 0.45F, 0.95F);
    int count = rng_integer(rng, 5, 14);
    struct flower flower = {
        .pixel = canvas->pixel,
        .squeeze = rng_uniform(rng, 0.72F, 1.0F),
        .disc = radius * rng_uniform(rng, 0.16F, 0.34F),
        .layer_count = rng_integer(rng, 1, LAYERS_MAX),
        .base =
            color_hsv(hue + rng_uniform(rng, -0.07F, 0.07F), pale, rng_uniform(rng, 0.6F, 0.95F)),
        .tip = color_hsv(hue, pale * rng_uniform(rng, 0.5F, 1.0F), rng_uniform(rng, 0.85F, 1.0F)),
        .florets = color_hsv(rng_uniform(rng, 0.07F, 0.15F), rng_uniform(rng, 0.6F, 0.9F),
                             rng_chance(rng, 0.6F) ? 0.9F : 0.35F),
        .texture = noise_make(rng_bits(rng), 0.125F, canvas->pixel, 0.6F),
    };
    float width = rng_uniform(rng, 0.62F, 0.98F);
    float point = rng_uniform(rng, 0.9F, 2.2F);

    for (int i = 0; i < flower.layer_count; i++) {
        flower.layers[i] = (struct petals){
            .radius = radius * (1.0F - 0.2F * (float)i),
            .count = (float)count,
            .turn = 0.5F * (float)i + rng_uniform(rng, -0.1F, 0.1F),
            .width = width,
            .point = point,
        };
    }
    return flower;
}

static void paint_flower(struct canvas *canvas, struct rng *rng, const struct view *view,
                         const float place[3])
{
    struct flower flower = flower_make(rng, canvas, place[2]);
    float reach = place[2] + 0.05F;

    flower.x = place[0];
    flower.y = place[1];
    canvas_paint(
        canvas, view,
        &(struct box){place[0] - reach, place[1] - reach, place[0] + reach, place[1] + reach},
        flower_shader, &flower);
}

void draw_flower(struct canvas *canvas, struct rng *rng)
{
    struct view view = view_make(rng_uniform(rng, 0.0F, 2.0F * PI_F), 1.0F, 0.0F, 0.0F);
    struct box seen = view_box(&view, canvas);
    float hue =
        rng_chance(rng, 0.75F) ? rng_uniform(rng, 0.2F, 0.42F) : rng_uniform(rng, 0.5F, 0.65F);
    struct garden garden = {
        .ground = {color_hsv(hue, rng_uniform(rng, 0.4F, 0.8F), rng_uniform(rng, 0.1F, 0.3F)),
                   color_hsv(hue + 0.03F, rng_uniform(rng, 0.3F, 0.7F),
                             rng_uniform(rng, 0.4F, 0.7F))},
        .shade = noise_make(rng_bits(rng), 1.1F, canvas->pixel, 0.35F),
        .blur_count = rng_integer(rng, 0, BLURS_MAX),
    };
    for (int i = 0; i < garden.blur_count; i++) {
        garden.blurs[i][0] = rng_uniform(rng, seen.left, seen.right);
        garden.blurs[i][1] = rng_uniform(rng, seen.top, seen.bottom);
        garden.blurs[i][2] = rng_uniform(rng, 0.06F, 0.25F);
        garden.blur_colors[i] =
            color_hsv(hue + rng_uniform(rng, -0.15F, 0.1F), rng_uniform(rng, 0.2F, 0.6F),
                      rng_uniform(rng, 0.5F, 0.9F));
    }
    canvas_paint(canvas, &view, NULL, garden_shader, &garden);

    int others = rng_chance(rng, 0.5F) ? rng_integer(rng, 1, 3) : 0;
    for (int i = 0; i < others; i++) {
        float turn = rng_uniform(rng, 0.0F, 2.0F * PI_F);
        float far = rng_uniform(rng, 0.9F, 1.2F);

        paint_flower(canvas, rng, &view,
                     (float[]){far * cosf(turn), far * sinf(turn), rng_uniform(rng, 0.25F, 0.5F)});
    }
    paint_flower(canvas, rng, &view,
                 (float[]){rng_uniform(rng, -0.22F, 0.22F), rng_uniform(rng, -0.22F, 0.22F),
                           rng_uniform(rng, 0.55F, 0.95F)});
}
