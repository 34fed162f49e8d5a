/* SPDX-License-Identifier: Apache-2.0
 *
 * The kinds of pictures: each has a drawing function, which fills a canvas of any size, down to
 * single pixels, from the random numbers of the picture's generator.
 */
#ifndef SITU_DEMO_DRAW_KINDS_H
#define SITU_DEMO_DRAW_KINDS_H

#include "draw_canvas.h"
#include "draw_random.h"

typedef void (*draw_function)(struct canvas *canvas, struct rng *rng);

struct kind {
    const char *name; /* a label of the trained model, and the first part of file names */
    draw_function draw;
};

enum { KIND_COUNT = 12 };

/* In the order of the labels: by name. */
const struct kind *kind_at(int index);

/* The index of a kind, or -ENOENT. */
must_check int kind_find(const char *name);

void draw_bricks(struct canvas *canvas, struct rng *rng);
void draw_checkerboard(struct canvas *canvas, struct rng *rng);
void draw_city(struct canvas *canvas, struct rng *rng);
void draw_clouds(struct canvas *canvas, struct rng *rng);
void draw_dots(struct canvas *canvas, struct rng *rng);
void draw_flower(struct canvas *canvas, struct rng *rng);
void draw_forest(struct canvas *canvas, struct rng *rng);
void draw_hills(struct canvas *canvas, struct rng *rng);
void draw_sea(struct canvas *canvas, struct rng *rng);
void draw_spiral(struct canvas *canvas, struct rng *rng);
void draw_stars(struct canvas *canvas, struct rng *rng);
void draw_wood(struct canvas *canvas, struct rng *rng);

#endif
