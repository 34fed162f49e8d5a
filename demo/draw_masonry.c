/* SPDX-License-Identifier: Apache-2.0
 *
 * Flat surfaces made of pieces: a brick wall and a checkerboard floor. Each is a struct of random
 * choices and a shader over it.
 */
#include "draw_kinds.h"
#include "draw_noise.h"

struct bricks {
    float pixel;
    float length;
    float height;
    float joint;   /* width of the mortar */
    float shift;   /* of a course against the one below, in bricks */
    float uneven;  /* how much single bricks differ, 0..1 */
    float light_x; /* where the light comes from */
    float light_y;
    struct color clay[2];
    struct color mortar;
    uint32_t seed;
    struct noise grain;
};

static struct paint bricks_shader(const void *scene, float x, float y)
{
    const struct bricks *b = scene;
    float texture = noise_fractal(&b->grain, x * 6.0F, y * 6.0F);

    float wobble = 0.15F * b->joint * texture;
    float course = floorf(y / b->height);
    float along = x / b->length + course * b->shift;
    float brick = floorf(along);
    float from_left = (along - brick) * b->length;
    float from_top = y - course * b->height;
    float dx = fminf(from_left, b->length - from_left) - b->joint / 2.0F;
    float dy = fminf(from_top, b->height - from_top) - b->joint / 2.0F;
    float distance = wobble - fminf(dx, dy);

    /* A lit edge towards the light, a dark one away from it. */
    float rim = clamp_unit(1.0F + distance / (0.6F * b->joint));
    float facing = dx < dy ? (from_left < b->length / 2.0F ? -b->light_x : b->light_x)
                           : (from_top < b->height / 2.0F ? -b->light_y : b->light_y);
    float hue = noise_cell(b->seed, (int)brick, (int)course);
    float shade = 1.0F + b->uneven * (noise_cell(b->seed + 1, (int)brick, (int)course) - 0.5F);
    struct color clay = color_mix(b->clay[0], b->clay[1], hue);
    clay = color_scale(clay, shade + 0.22F * texture + 0.3F * rim * facing);

    /* The mortar lies deeper: a shadow falls on it beside the brick. */
    float depth = clamp_unit(distance / (0.5F * b->joint));
    struct color mortar = color_scale(b->mortar, 0.65F + 0.3F * depth + 0.2F * texture);

    return (struct paint){color_mix(mortar, clay, edge_cover(distance, b->pixel)), 1.0F};
}

void draw_bricks(struct canvas *canvas, struct rng *rng)
{
    static const struct color clays[][2] = {
        {{0.62F, 0.25F, 0.18F}, {0.75F, 0.38F, 0.26F}},
        {{0.50F, 0.20F, 0.16F}, {0.66F, 0.33F, 0.22F}},
        {{0.80F, 0.66F, 0.46F}, {0.70F, 0.52F, 0.34F}},
        {{0.55F, 0.53F, 0.50F}, {0.42F, 0.41F, 0.42F}},
        {{0.84F, 0.82F, 0.78F}, {0.76F, 0.73F, 0.70F}},
        {{0.36F, 0.30F, 0.32F}, {0.48F, 0.36F, 0.32F}},
        {{0.35F, 0.45F, 0.52F}, {0.45F, 0.55F, 0.60F}},
    };
    int clay = rng_integer(rng, 0, (int)(sizeof(clays) / sizeof(clays[0])) - 1);
    float length = rng_uniform(rng, 0.32F, 0.85F);
    float light = rng_uniform(rng, 0.0F, 2.0F * PI_F);
    float angle = rng_chance(rng, 0.7F) ? rng_uniform(rng, -0.15F, 0.15F)
                                        : rng_uniform(rng, 0.0F, 2.0F * PI_F);
    bool bright_mortar = clay != 4 && rng_chance(rng, 0.75F);
    struct bricks bricks = {
        .pixel = canvas->pixel,
        .length = length,
        .height = length * rng_uniform(rng, 0.30F, 0.48F),
        .shift = rng_chance(rng, 0.8F) ? 0.5F : rng_uniform(rng, 0.3F, 0.7F),
        .uneven = rng_uniform(rng, 0.1F, 0.5F),
        .light_x = cosf(light),
        .light_y = sinf(light),
        .mortar = color_vary(rng,
                             bright_mortar ? (struct color){0.78F, 0.75F, 0.70F}
                                           : (struct color){0.27F, 0.26F, 0.25F},
                             0.08F),
        .seed = rng_bits(rng),
        .grain = noise_make(rng_bits(rng), 1.0F / 6.0F, canvas->pixel, 0.65F),
    };
    bricks.joint = fmaxf(bricks.height * rng_uniform(rng, 0.10F, 0.2F), 1.6F * canvas->pixel);
    bricks.clay[0] = color_vary(rng, clays[clay][0], 0.06F);
    bricks.clay[1] = color_vary(rng, clays[clay][1], 0.06F);

    struct view view =
        view_make(angle, 1.0F, rng_uniform(rng, 0.0F, 9.0F), rng_uniform(rng, 0.0F, 9.0F));
    canvas_paint(canvas, &view, NULL, bricks_shader, &bricks);
}

struct checkerboard {
    float pixel;
    float cell;
    float tilt; /* perspective: how much smaller the tiles are at the top */
    float shift_x;
    float shift_y;
    float veins; /* strength of the marble */
    float groove;
    struct color tiles[2];
    struct noise marble;
    uint32_t seed;
};

/* The distance to the nearest edge between tiles; its sign is the kind of tile. */
static float signed_edge(float v, float *ret_index)
{
    float index = floorf(v);
    float inside = v - index;
    float distance = fminf(inside, 1.0F - inside);
    bool odd = fmodf(index, 2.0F) != 0.0F;

    *ret_index = index;
    return odd ? -distance : distance;
}

static struct paint checkerboard_shader(const void *scene, float x, float y)
{
    const struct checkerboard *c = scene;
    float depth = 1.0F / (1.0F + c->tilt * y);
    float u = x * depth + c->shift_x;
    float v = y * depth + c->shift_y;
    float pixel = c->pixel * depth / c->cell;
    float column;
    float row;
    float edge_x = signed_edge(u / c->cell, &column);
    float edge_y = signed_edge(v / c->cell, &row);
    float side =
        fmaxf(-0.5F, fminf(0.5F, edge_x / pixel)) * fmaxf(-0.5F, fminf(0.5F, edge_y / pixel));
    float second = 0.5F + 2.0F * side;

    /* Marble: thin veins where the noise crosses zero, different on every tile. */
    float tile = noise_cell(c->seed, (int)column, (int)row);
    float field = noise_fractal(&c->marble, u * 3.0F + 37.0F * tile, v * 3.0F);
    float vein = 1.0F - smooth_ramp(0.0F, 0.22F, fabsf(field));
    float shade = 1.0F + c->veins * (0.35F * field - 0.3F * vein + 0.3F * (tile - 0.5F));
    float near = fminf(fabsf(edge_x), fabsf(edge_y));

    shade *= 1.0F - 0.45F * edge_cover(near - c->groove, fmaxf(pixel, 0.02F));
    return (struct paint){color_scale(color_mix(c->tiles[0], c->tiles[1], second), shade), 1.0F};
}

void draw_checkerboard(struct canvas *canvas, struct rng *rng)
{
    struct checkerboard board = {
        .pixel = canvas->pixel,
        .cell = rng_uniform(rng, 0.16F, 0.5F),
        .tilt = rng_chance(rng, 0.5F) ? rng_uniform(rng, 0.1F, 0.42F) : 0.0F,
        .shift_x = rng_uniform(rng, 20.0F, 29.0F),
        .shift_y = rng_uniform(rng, 20.0F, 29.0F),
        .veins = rng_uniform(rng, 0.1F, 0.9F),
        .groove = rng_chance(rng, 0.4F) ? rng_uniform(rng, 0.0F, 0.04F) : -1.0F,
        .marble = noise_make(rng_bits(rng), 1.0F / 3.0F, canvas->pixel, 0.6F),
        .seed = rng_bits(rng),
    };
    color_pair(rng, 0.3F, &board.tiles[0], &board.tiles[1]);
    if (rng_chance(rng, 0.35F)) {
        board.tiles[0] = color_vary(rng, (struct color){0.9F, 0.88F, 0.84F}, 0.05F);
        board.tiles[1] = color_vary(rng, (struct color){0.12F, 0.11F, 0.12F}, 0.05F);
    }

    struct view view = view_make(rng_uniform(rng, 0.0F, 2.0F * PI_F), 1.0F, 0.0F, 0.0F);
    canvas_paint(canvas, &view, NULL, checkerboard_shader, &board);
}
