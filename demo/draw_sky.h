/* SPDX-License-Identifier: Apache-2.0
 *
 * Skies by day and at dusk: a gradient, a sun with its glow, thin clouds. Shared by the scenes
 * that have a horizon.
 */
#ifndef SITU_DEMO_DRAW_SKY_H
#define SITU_DEMO_DRAW_SKY_H

#include "draw_canvas.h"
#include "draw_noise.h"

struct sky {
    float pixel;
    float horizon; /* y */
    struct color high;
    struct color low; /* at the horizon; also the colour of haze */
    struct color light;
    struct color cloud;
    bool has_sun;
    float sun_x;
    float sun_y;
    float sun_radius;
    float glow;
    float cover; /* of thin clouds, 0..1 */
    struct noise clouds;
};

/* A random hour of the day; `horizon` is where the sky ends. */
struct sky sky_make(struct rng *rng, const struct canvas *canvas, float horizon);

/* A canvas_shader over a struct sky. */
struct paint sky_shader(const void *scene, float x, float y);

#endif
