/* SPDX-License-Identifier: Apache-2.0
 *
 * The canvas: a picture of float RGB values (0 black, 1 full, in the file's gamma), and how scenes
 * are painted on it: a shader returns for each place its colour and how much of it is covered.
 *
 * Places: the canvas' centre is (0, 0), its shorter edge spans -1..1, y points down. A view turns,
 * scales and shifts these into the coordinates of a scene. One canvas belongs to one thread.
 */
#ifndef SITU_DEMO_DRAW_CANVAS_H
#define SITU_DEMO_DRAW_CANVAS_H

#include "base/cleanup.h"
#include "draw_color.h"

enum { CANVAS_EDGE_MAX = 8192 };

struct canvas {
    int width;        /* pixels */
    int height;       /* pixels */
    float pixel;      /* edge of a pixel */
    float half_width; /* the canvas spans -half_width..half_width */
    float half_height;
    struct color *colors; /* owned; row by row */
};

struct view {
    float cosine;
    float sine;
    float zoom;
    float shift_x;
    float shift_y;
};

struct box {
    float left, top, right, bottom;
};

struct paint {
    struct color color;
    float cover; /* 0 leaves the canvas, 1 covers it */
};

typedef struct paint (*canvas_shader)(const void *scene, float x, float y);

/* 0, -EINVAL if an edge is not in 1..CANVAS_EDGE_MAX, or -ENOMEM. The canvas is black. */
must_check int canvas_init(struct canvas *canvas, int width, int height);
void canvas_done(struct canvas *canvas);

/* Turned by `angle` radians and then magnified: larger `zoom` shows more of the scene. */
struct view view_make(float angle, float zoom, float shift_x, float shift_y);
void view_place(const struct view *view, float x, float y, float *ret_x, float *ret_y);

/* The rectangle in the scene that holds all of the canvas. */
struct box view_box(const struct view *view, const struct canvas *canvas);

/* Paints the part of the scene within `box`; NULL: all of it. */
void canvas_paint(struct canvas *canvas, const struct view *view, const struct box *box,
                  canvas_shader shader, const void *scene);

#endif
