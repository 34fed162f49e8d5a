/* SPDX-License-Identifier: Apache-2.0
 *
 * Night: a city's lit windows before a dark sky, perhaps by the water; and the stars over open
 * country, with the Milky Way and the moon.
 */
#include "draw_kinds.h"
#include "draw_noise.h"
#include "draw_ridge.h"

struct dusk {
    float horizon;
    struct color high;
    struct color low;
    struct noise haze;
};

static struct paint dusk_shader(const void *scene, float x, float y)
{
    const struct dusk *d = scene;
    float height = clamp_unit((d->horizon - y) / 1.6F);
    float haze = 0.15F * noise_fractal(&d->haze, x * 0.8F, y * 2.0F);

    return (struct paint){color_scale(color_mix(d->low, d->high, sqrtf(height)), 1.0F + haze),
                          1.0F};
}

struct tower {
    float pixel;
    float left;
    float right;
    float top;
    float foot;
    float roof;   /* height of the pointed roof; 0 flat */
    float column; /* width of a window with its wall */
    float floor;  /* height of a storey */
    float lit;    /* share of windows */
    float bright;
    struct color wall;
    struct color lamp;
    uint32_t seed;
    struct noise plaster;
};

static struct paint tower_shader(const void *scene, float x, float y)
{
    const struct tower *t = scene;
    float middle = (t->left + t->right) / 2.0F;
    float half = (t->right - t->left) / 2.0F;
    float side = fmaxf(t->left - x, x - t->right);
    float top = t->top - y;

    if (t->roof > 0.0F && y < t->top) {
        side = fabsf(x - middle) - half * (1.0F - (t->top - y) / t->roof);
        top = t->top - t->roof - y;
    }
    float u = (x - t->left) / t->column;
    float v = (y - t->top) / t->floor;
    float du = fabsf(u - floorf(u) - 0.5F) - 0.30F;
    float dv = fabsf(v - floorf(v) - 0.5F) - 0.28F;
    float window = edge_cover(du, t->pixel / t->column) * edge_cover(dv, t->pixel / t->floor);
    float chance = noise_cell(t->seed, (int)floorf(u), (int)floorf(v));
    bool in_wall = y > t->top + 0.3F * t->floor && x > t->left && x < t->right;

    float grain = noise_fractal(&t->plaster, x * 4.0F, y * 4.0F);
    struct color c = color_scale(t->wall, 1.0F + 0.25F * grain);
    if (in_wall) {
        bool on = chance < t->lit;
        float glow = on ? t->bright * (0.6F + 0.5F * chance / t->lit) : 0.0F;
        struct color pane = on ? color_scale(t->lamp, glow) : color_scale(t->wall, 0.7F);

        c = color_mix(c, pane, window);
    }
    return (struct paint){c, edge_cover(fmaxf(side, top), t->pixel)};
}

static struct color lamp_color(struct rng *rng)
{
    static const struct color lamps[] = {
        {1.0F, 0.84F, 0.50F},
        {1.0F, 0.90F, 0.66F},
        {1.0F, 0.72F, 0.36F},
        {0.86F, 0.93F, 1.0F},
    };
    return color_vary(rng, lamps[rng_integer(rng, 0, 3)], 0.06F);
}

/* One row of towers from left to right, `near` 0 at the back to 1 in front. */
static void paint_towers(struct canvas *canvas, const struct view *view, struct rng *rng,
                         const struct dusk *dusk, float near)
{
    struct box seen = view_box(view, canvas);
    struct color wall = color_mix(color_scale(dusk->low, 0.55F),
                                  (struct color){0.04F, 0.04F, 0.07F}, 0.35F + 0.5F * near);
    float x = seen.left - rng_uniform(rng, 0.0F, 0.2F);

    while (x < seen.right) {
        float width = rng_uniform(rng, 0.16F, 0.42F);
        float columns = (float)rng_integer(rng, 3, 7);
        struct tower tower = {
            .pixel = canvas->pixel,
            .left = x,
            .right = x + width,
            .top = dusk->horizon - mix(0.65F, 0.25F, near) - rng_uniform(rng, 0.0F, 0.75F),
            .foot = dusk->horizon,
            .roof = rng_chance(rng, 0.25F) ? rng_uniform(rng, 0.05F, 0.3F) : 0.0F,
            .column = width / columns,
            .floor = width / columns * rng_uniform(rng, 0.9F, 1.5F),
            .lit = rng_uniform(rng, 0.25F, 0.75F),
            .bright = mix(0.55F, 1.0F, near),
            .wall = color_vary(rng, wall, 0.025F),
            .lamp = lamp_color(rng),
            .seed = rng_bits(rng),
            .plaster = noise_make(rng_bits(rng), 0.25F, canvas->pixel, 0.7F),
        };
        struct box box = {tower.left, tower.top - tower.roof, tower.right, tower.foot};

        canvas_paint(canvas, view, &box, tower_shader, &tower);
        x += width + (rng_chance(rng, 0.3F) ? rng_uniform(rng, 0.0F, 0.12F) : 0.0F);
    }
}

/* Everything below the waterline mirrors what is above, broken by ripples. */
static void mirror_water(struct canvas *canvas, struct rng *rng, float waterline, struct color tint)
{
    struct noise ripple = noise_make(rng_bits(rng), 0.08F, canvas->pixel, 0.6F);
    int first = (int)((waterline + canvas->half_height) / canvas->pixel);

    for (int row = first < 0 ? 0 : first; row < canvas->height; row++) {
        float depth = (float)(row - first) * canvas->pixel;

        for (int column = 0; column < canvas->width; column++) {
            float x = (float)column * canvas->pixel;
            float wave = noise_fractal(&ripple, x * 3.0F, depth * 26.0F / (0.5F + depth));
            int up = first - 1 - (int)((depth * 1.1F + 0.16F * depth * wave) / canvas->pixel);
            int from = up < 0 ? 0 : (up >= first ? first - 1 : up);
            struct color c =
                first > 0 ? canvas->colors[(size_t)from * (size_t)canvas->width + (size_t)column]
                          : tint;

            canvas->colors[(size_t)row * (size_t)canvas->width + (size_t)column] =
                color_mix(color_scale(c, 0.82F + 0.25F * wave), tint, 0.18F);
        }
    }
}

void draw_city(struct canvas *canvas, struct rng *rng)
{
    static const struct color dusks[][2] = {
        {{0.05F, 0.07F, 0.22F}, {0.26F, 0.32F, 0.58F}},
        {{0.11F, 0.07F, 0.26F}, {0.66F, 0.34F, 0.52F}},
        {{0.07F, 0.08F, 0.24F}, {0.85F, 0.48F, 0.30F}},
        {{0.04F, 0.13F, 0.24F}, {0.22F, 0.52F, 0.62F}},
    };
    int hour = rng_integer(rng, 0, (int)(sizeof(dusks) / sizeof(dusks[0])) - 1);
    bool water = rng_chance(rng, 0.4F);
    float angle = water ? 0.0F : rng_uniform(rng, -0.05F, 0.05F);
    struct view view = view_make(angle, 1.0F, 0.0F, 0.0F);
    struct box seen = view_box(&view, canvas);
    struct dusk dusk = {
        .horizon = water ? rng_uniform(rng, 0.3F, 0.6F) : seen.bottom + 0.02F,
        .high = color_vary(rng, dusks[hour][0], 0.02F),
        .low = color_vary(rng, dusks[hour][1], 0.05F),
        .haze = noise_make(rng_bits(rng), 1.0F, canvas->pixel, 0.5F),
    };
    int rows = rng_integer(rng, 2, 3);

    canvas_paint(canvas, &view, NULL, dusk_shader, &dusk);
    for (int i = 0; i < rows; i++) {
        paint_towers(canvas, &view, rng, &dusk, (float)i / (float)(rows - 1));
    }
    if (water) {
        mirror_water(canvas, rng, dusk.horizon, color_scale(dusk.high, 1.3F));
    }
}

struct starfield {
    float pixel;
    float band_cosine; /* across the Milky Way */
    float band_sine;
    float band_offset;
    float band_width;
    float band_glow;
    float spikes;
    bool moon;
    float moon_x;
    float moon_y;
    float moon_radius;
    float moon_phase; /* shift of the shadow, in radii */
    struct color high;
    struct color low;
    struct color dust;
    uint32_t seed;
    struct noise clouds;
};

/* The star of one cell of a grid: it stays clear of the cell's edges. */
static float star_light(const struct starfield *s, float x, float y, float cell, float chance)
{
    float u = x / cell;
    float v = y / cell;
    int column = (int)floorf(u);
    int row = (int)floorf(v);
    uint32_t seed = s->seed + (uint32_t)(cell * 4096.0F);

    if (noise_cell(seed, column, row) > chance) {
        return 0.0F;
    }
    float dx = (u - (float)column - 0.3F - 0.4F * noise_cell(seed + 1, column, row)) * cell;
    float dy = (v - (float)row - 0.3F - 0.4F * noise_cell(seed + 2, column, row)) * cell;
    float magnitude = noise_cell(seed + 3, column, row);
    float size = fmaxf(cell * (0.03F + 0.07F * magnitude * magnitude), 0.55F * s->pixel);
    float distance = dx * dx + dy * dy;
    float light = expf(-distance / (size * size)) * (0.45F + 0.8F * magnitude);

    if (s->spikes > 0.0F && magnitude > 0.7F) {
        float reach = 0.22F * cell;
        float thin = fmaxf(0.4F * size, 0.4F * s->pixel);
        float across = fminf(fabsf(dx), fabsf(dy));
        float along = fmaxf(fabsf(dx), fabsf(dy));

        light += s->spikes * expf(-across / thin) * clamp_unit(1.0F - along / reach);
    }
    return light;
}

static struct paint stars_shader(const void *scene, float x, float y)
{
    const struct starfield *s = scene;
    float across = (x * s->band_cosine + y * s->band_sine - s->band_offset) / s->band_width;
    float cloud = noise_fractal(&s->clouds, x * 1.2F, y * 1.2F);
    float band = expf(-across * across) * clamp_unit(0.55F + 0.75F * cloud);
    struct color c = color_mix(s->high, s->low, clamp_unit(0.5F + 0.5F * y));

    c = color_scale(c, 1.0F + 0.25F * cloud);
    c = color_add(c, s->dust, s->band_glow * band);
    float dense = 0.35F + 0.6F * expf(-across * across);
    float light = star_light(s, x, y, 0.30F, 0.55F) + star_light(s, x + 3.1F, y, 0.15F, 0.5F) +
                  0.8F * star_light(s, x, y + 5.3F, 0.075F, dense * 0.8F);
    float tone = noise_at(s->seed, x * 5.0F, y * 5.0F);
    struct color star = {1.0F + 0.2F * tone, 0.97F, 1.0F - 0.25F * tone};

    c = color_add(c, star, light);
    if (s->moon) {
        float dx = x - s->moon_x;
        float dy = y - s->moon_y;
        float distance = sqrtf(dx * dx + dy * dy) - s->moon_radius;
        float shadow_x = dx - s->moon_phase * s->moon_radius;
        float shadow = sqrtf(shadow_x * shadow_x + dy * dy) - s->moon_radius;
        float lit = edge_cover(fmaxf(distance, -shadow), s->pixel);
        float face = 0.93F + 0.15F * noise_fractal(&s->clouds, x * 6.0F, y * 6.0F);

        c = color_add(c, (struct color){0.5F, 0.55F, 0.65F},
                      0.35F * expf(-fmaxf(distance, 0.0F) / 0.15F));
        c = color_mix(c, (struct color){face, 0.97F * face, 0.88F * face}, lit);
    }
    return (struct paint){c, 1.0F};
}

struct silhouette {
    float pixel;
    const struct ridge *ridge; /* borrowed */
    struct color ground;
};

static struct paint silhouette_shader(const void *scene, float x, float y)
{
    const struct silhouette *s = scene;

    return (struct paint){s->ground, edge_cover(ridge_height(s->ridge, x) - y, s->pixel)};
}

static void paint_silhouette(struct canvas *canvas, const struct view *view, struct rng *rng,
                             struct color ground)
{
    struct box seen = view_box(view, canvas);
    struct ridge_shape shape = {
        .level = rng_uniform(rng, 0.6F, 0.9F),
        .relief = rng_uniform(rng, 0.08F, 0.22F),
        .wavelength = rng_uniform(rng, 0.6F, 1.6F),
        .sharpness = rng_chance(rng, 0.4F) ? 1.0F : 0.0F,
        .gain = 0.45F,
    };
    cleanup_ridge struct ridge ridge = {0};

    if (ridge_init(&ridge, &shape, &seen, canvas->pixel, rng) != 0) {
        return;
    }
    struct silhouette silhouette = {canvas->pixel, &ridge, ground};
    canvas_paint(canvas, view, NULL, silhouette_shader, &silhouette);
}

void draw_stars(struct canvas *canvas, struct rng *rng)
{
    float band = rng_uniform(rng, 0.0F, 2.0F * PI_F);
    float hue = rng_uniform(rng, 0.52F, 0.80F);
    struct starfield field = {
        .pixel = canvas->pixel,
        .band_cosine = cosf(band),
        .band_sine = sinf(band),
        .band_offset = rng_uniform(rng, -0.4F, 0.4F),
        .band_width = rng_uniform(rng, 0.25F, 0.6F),
        .band_glow = rng_uniform(rng, 0.0F, 0.55F),
        .spikes = rng_chance(rng, 0.4F) ? rng_uniform(rng, 0.3F, 0.8F) : 0.0F,
        .moon = rng_chance(rng, 0.35F),
        .moon_x = rng_uniform(rng, -0.7F, 0.7F),
        .moon_y = rng_uniform(rng, -0.8F, 0.0F),
        .moon_radius = rng_uniform(rng, 0.1F, 0.22F),
        .moon_phase = rng_uniform(rng, 0.3F, 1.2F) * (rng_chance(rng, 0.5F) ? 1.0F : -1.0F),
        .high = color_hsv(hue, rng_uniform(rng, 0.6F, 0.9F), rng_uniform(rng, 0.05F, 0.16F)),
        .low = color_hsv(hue - rng_uniform(rng, 0.0F, 0.1F), 0.7F, rng_uniform(rng, 0.14F, 0.36F)),
        .dust = color_hsv(hue + rng_uniform(rng, -0.1F, 0.25F), 0.4F, 0.9F),
        .seed = rng_bits(rng),
        .clouds = noise_make(rng_bits(rng), 0.8F, canvas->pixel, 0.6F),
    };
    struct view view =
        view_make(rng_uniform(rng, -0.1F, 0.1F), rng_uniform(rng, 0.8F, 1.2F), 0.0F, 0.0F);

    field.pixel *= view.zoom;
    canvas_paint(canvas, &view, NULL, stars_shader, &field);
    if (rng_chance(rng, 0.5F)) {
        paint_silhouette(canvas, &view, rng, color_scale(field.high, 0.35F));
    }
}
