/* SPDX-License-Identifier: Apache-2.0
 *
 * Patterns: polka dots on cloth, a spiral, and planks of wood. Each is a struct of random choices
 * and a shader over it.
 */
#include "draw_kinds.h"
#include "draw_noise.h"

struct dots {
    float pixel;
    float cell;
    float row_height; /* in cells */
    float radius;     /* in cells */
    float stagger;    /* shift of every other row, in cells */
    float round;      /* 0 printed dots .. 1 balls */
    float thread;     /* wavelength of the weave */
    struct color cloth;
    struct color inks[3];
    uint32_t seed;
    struct noise folds;
};

static struct paint dots_shader(const void *scene, float x, float y)
{
    const struct dots *d = scene;
    float row = floorf(y / (d->cell * d->row_height));
    float along = x / d->cell + (fmodf(row, 2.0F) == 0.0F ? 0.0F : d->stagger);
    float column = floorf(along);
    float dx = along - column - 0.5F;
    float dy = y / d->cell - (row + 0.5F) * d->row_height;
    float distance = sqrtf(dx * dx + dy * dy);
    float cover = edge_cover((distance - d->radius) * d->cell, d->pixel);

    int ink = (int)(3.0F * noise_cell(d->seed, (int)column, (int)row));
    float weave = sinf(x * 2.0F * PI_F / d->thread) * sinf(y * 2.0F * PI_F / d->thread);
    float shade = 1.0F + 0.05F * weave + 0.3F * noise_fractal(&d->folds, x * 0.7F, y * 0.7F);

    float light = 1.2F - 1.6F * ((dx + 0.1F) * (dx + 0.1F) + (dy + 0.12F) * (dy + 0.12F)) /
                             (d->radius * d->radius);
    struct color dot = color_scale(d->inks[ink], mix(1.0F, fmaxf(light, 0.35F), d->round));
    float fallen = d->round * edge_cover((distance - d->radius * 1.15F) * d->cell, 0.3F * d->cell);
    struct color cloth = color_scale(d->cloth, 1.0F - 0.5F * fallen);

    return (struct paint){color_scale(color_mix(cloth, dot, cover), shade), 1.0F};
}

void draw_dots(struct canvas *canvas, struct rng *rng)
{
    bool hexagonal = rng_chance(rng, 0.5F);
    struct dots dots = {
        .pixel = canvas->pixel,
        .cell = rng_uniform(rng, 0.2F, 0.6F),
        .row_height = hexagonal ? 0.866F : 1.0F,
        .radius = rng_uniform(rng, 0.2F, 0.41F),
        .stagger = hexagonal || rng_chance(rng, 0.4F) ? 0.5F : 0.0F,
        .round = rng_chance(rng, 0.35F) ? rng_uniform(rng, 0.5F, 1.0F) : 0.0F,
        .thread = fmaxf(0.03F, 4.0F * canvas->pixel),
        .seed = rng_bits(rng),
        .folds = noise_make(rng_bits(rng), 1.4F, canvas->pixel, 0.5F),
    };
    color_pair(rng, 0.3F, &dots.cloth, &dots.inks[0]);
    dots.inks[1] = dots.inks[0];
    dots.inks[2] = dots.inks[0];
    if (rng_chance(rng, 0.4F)) {
        /* Dots of several hues with the same brightness, all distinct from the cloth. */
        float luma = color_luma(dots.inks[0]);

        for (int i = 1; i < 3; i++) {
            struct color c = color_hsv(rng_uniform(rng, 0.0F, 1.0F), 0.7F, 0.9F);
            dots.inks[i] = color_scale(c, luma / fmaxf(color_luma(c), 0.1F));
        }
    }

    struct view view = view_make(rng_uniform(rng, 0.0F, 2.0F * PI_F), 1.0F,
                                 rng_uniform(rng, 20.0F, 29.0F), rng_uniform(rng, 20.0F, 29.0F));
    canvas_paint(canvas, &view, NULL, dots_shader, &dots);
}

struct spiral {
    float pixel;
    float arms;
    float turns; /* of an arm, for one unit of radius or of its logarithm */
    float power; /* radius^power between the straight and the opening spiral */
    float width; /* of the second colour, 0..1 of a period */
    float wobble;
    float relief;
    struct color inner[2];
    struct color outer[2];
    struct noise paper;
};

static struct paint spiral_shader(const void *scene, float x, float y)
{
    const struct spiral *s = scene;
    float radius = sqrtf(x * x + y * y) + 1e-4F;
    float texture = noise_fractal(&s->paper, x * 2.0F, y * 2.0F);
    float reach = powf(radius, s->power);
    float phase = s->arms * atan2f(y, x) / (2.0F * PI_F) + s->turns * reach + s->wobble * texture;
    float inside = phase - floorf(phase);
    float along_radius = s->turns * s->power * reach / radius;
    float across = s->arms / (2.0F * PI_F * radius);
    float slope = sqrtf(along_radius * along_radius + across * across);

    float from_middle = fabsf(inside - 0.5F) - s->width / 2.0F;
    float cover = edge_cover(from_middle / slope, s->pixel);
    cover = mix(cover, s->width, clamp_unit(2.0F * slope * s->pixel - 0.6F));

    float out = clamp_unit(radius * 0.7F);
    struct color ground = color_mix(s->inner[0], s->outer[0], out);
    struct color arm = color_mix(s->inner[1], s->outer[1], out);
    float bulge = 1.0F + s->relief * (inside - 0.5F) + 0.12F * texture;

    return (struct paint){color_scale(color_mix(ground, arm, cover), bulge), 1.0F};
}

void draw_spiral(struct canvas *canvas, struct rng *rng)
{
    int arms = rng_integer(rng, 1, 6);
    struct spiral spiral = {
        .pixel = canvas->pixel,
        .arms = (float)(rng_chance(rng, 0.5F) ? arms : -arms),
        .power = rng_uniform(rng, 0.45F, 1.0F),
        .width = rng_uniform(rng, 0.3F, 0.7F),
        .wobble = rng_chance(rng, 0.4F) ? rng_uniform(rng, 0.0F, 0.2F) : 0.0F,
        .relief = rng_uniform(rng, -0.5F, 0.5F),
        .paper = noise_make(rng_bits(rng), 0.5F, canvas->pixel, 0.6F),
    };
    /* Many arms wind slowly, few arms fast; never fewer than two rounds of bands to the edge. */
    spiral.turns = rng_uniform(rng, 2.2F, 4.5F) + 2.0F / (float)arms;
    color_pair(rng, 0.3F, &spiral.inner[0], &spiral.inner[1]);
    spiral.outer[0] = color_vary(rng, spiral.inner[0], 0.2F);
    spiral.outer[1] = color_vary(rng, spiral.inner[1], 0.2F);
    if (color_luma(spiral.inner[0]) > color_luma(spiral.inner[1])) {
        spiral.outer[1] = color_scale(spiral.outer[1], 0.85F);
    } else {
        spiral.outer[0] = color_scale(spiral.outer[0], 0.85F);
    }

    struct view view = view_make(rng_uniform(rng, 0.0F, 2.0F * PI_F), rng_uniform(rng, 0.7F, 1.3F),
                                 rng_uniform(rng, -0.35F, 0.35F), rng_uniform(rng, -0.35F, 0.35F));
    spiral.pixel *= view.zoom;
    canvas_paint(canvas, &view, NULL, spiral_shader, &spiral);
}

enum { KNOTS_MAX = 4 };

struct wood {
    float pixel;
    float plank; /* width of a plank */
    float rings; /* year rings for one unit */
    float bend;
    float contrast;
    int knot_count;
    float knots[KNOTS_MAX][3]; /* x, y, radius */
    struct color early;        /* the soft wood of spring */
    struct color late;
    uint32_t seed;
    struct noise fibre;
    struct noise curve;
};

/* Year rings run along the plank and flow around the knots; returns the knots' darkness. */
static float knots_bend(const struct wood *w, float x, float y, float *rings)
{
    float dark = 0.0F;

    for (int i = 0; i < w->knot_count; i++) {
        float dx = (x - w->knots[i][0]) / (2.2F * w->knots[i][2]);
        float dy = (y - w->knots[i][1]) / w->knots[i][2];
        float near = expf(-(dx * dx + dy * dy) * 0.7F);

        *rings += near * 0.22F * (dy > 0.0F ? 1.0F : -1.0F) * (1.0F - expf(-fabsf(dy) * 4.0F));
        float core = 4.0F * dx * dx + dy * dy;
        dark = fmaxf(dark, 1.0F - smooth_ramp(0.06F, 0.35F, core));
    }
    return dark;
}

static struct paint wood_shader(const void *scene, float x, float y)
{
    const struct wood *w = scene;
    float plank = floorf(y / w->plank);
    float inside = y - plank * w->plank;
    float chance = noise_cell(w->seed, (int)plank, 7);
    float along = x + 13.0F * chance;

    float across = y + w->bend * noise_fractal(&w->curve, along * 0.35F, y * 0.8F + 5.0F * plank);
    float dark = knots_bend(w, x, y, &across);
    float ring = across * w->rings * (0.7F + 0.6F * chance);
    float phase = ring - floorf(ring);
    /* Slow growth in autumn, then abruptly the next spring. */
    float late = phase * phase * (1.0F - smooth_ramp(0.88F, 1.0F, phase));
    float fibre = noise_fractal(&w->fibre, along * 1.2F, y * 26.0F);

    float amount = clamp_unit(w->contrast * (0.2F + 1.1F * late + 0.45F * fibre));
    struct color c = color_mix(w->early, w->late, amount);
    c = color_scale(c, (0.88F + 0.24F * noise_cell(w->seed, (int)plank, 3)) * (1.0F - 0.6F * dark));

    float seam = fminf(inside, w->plank - inside);
    c = color_scale(c, 1.0F - 0.65F * edge_cover(seam - 0.008F, fmaxf(w->pixel, 0.012F)));
    return (struct paint){c, 1.0F};
}

void draw_wood(struct canvas *canvas, struct rng *rng)
{
    static const struct color woods[][2] = {
        {{0.85F, 0.66F, 0.43F}, {0.58F, 0.36F, 0.18F}},
        {{0.65F, 0.42F, 0.24F}, {0.35F, 0.19F, 0.09F}},
        {{0.44F, 0.29F, 0.19F}, {0.20F, 0.12F, 0.08F}},
        {{0.90F, 0.78F, 0.58F}, {0.70F, 0.52F, 0.32F}},
        {{0.68F, 0.34F, 0.20F}, {0.38F, 0.14F, 0.08F}},
        {{0.66F, 0.62F, 0.56F}, {0.40F, 0.36F, 0.32F}},
    };
    int kind = rng_integer(rng, 0, (int)(sizeof(woods) / sizeof(woods[0])) - 1);
    struct wood wood = {
        .pixel = canvas->pixel,
        .plank = rng_uniform(rng, 0.45F, 1.3F),
        .rings = rng_uniform(rng, 7.0F, 16.0F),
        .bend = rng_uniform(rng, 0.08F, 0.3F),
        .contrast = rng_uniform(rng, 0.7F, 1.2F),
        .knot_count = rng_integer(rng, 0, KNOTS_MAX),
        .early = color_vary(rng, woods[kind][0], 0.05F),
        .late = color_vary(rng, woods[kind][1], 0.05F),
        .seed = rng_bits(rng),
        .fibre = noise_make(rng_bits(rng), 0.2F, canvas->pixel, 0.7F),
        .curve = {.seed = rng_bits(rng), .octaves = 3, .gain = 0.5F},
    };
    struct view view = view_make(rng_uniform(rng, 0.0F, PI_F), 1.0F, rng_uniform(rng, 5.0F, 9.0F),
                                 rng_uniform(rng, 5.0F, 9.0F));
    struct box seen = view_box(&view, canvas);

    for (int i = 0; i < wood.knot_count; i++) {
        wood.knots[i][0] = rng_uniform(rng, seen.left, seen.right);
        wood.knots[i][1] = rng_uniform(rng, seen.top, seen.bottom);
        wood.knots[i][2] = rng_uniform(rng, 0.06F, 0.18F);
    }
    canvas_paint(canvas, &view, NULL, wood_shader, &wood);
}
