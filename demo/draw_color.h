/* SPDX-License-Identifier: Apache-2.0
 *
 * Colours, and the small arithmetic of shading: mixing, ramps, soft edges. Plain values and pure
 * functions, inline because they run several times for each pixel.
 */
#ifndef SITU_DEMO_DRAW_COLOR_H
#define SITU_DEMO_DRAW_COLOR_H

#include <math.h>

#include "draw_random.h"

#define PI_F 3.14159265F

struct color {
    float r, g, b;
};

static inline float clamp_unit(float v)
{
    return v < 0.0F ? 0.0F : (v > 1.0F ? 1.0F : v);
}

/* 0 below `low`, 1 above `high`, smooth between; low < high. */
static inline float smooth_ramp(float low, float high, float v)
{
    float t = clamp_unit((v - low) / (high - low));
    return t * t * (3.0F - 2.0F * t);
}

/* How much of a pixel lies inside a shape whose edge is `distance` away (negative: inside). */
static inline float edge_cover(float distance, float pixel)
{
    return clamp_unit(0.5F - distance / pixel);
}

static inline float mix(float a, float b, float t)
{
    return a + (b - a) * t;
}

static inline struct color color_mix(struct color a, struct color b, float t)
{
    return (struct color){mix(a.r, b.r, t), mix(a.g, b.g, t), mix(a.b, b.b, t)};
}

static inline struct color color_scale(struct color c, float factor)
{
    return (struct color){c.r * factor, c.g * factor, c.b * factor};
}

static inline struct color color_add(struct color a, struct color b, float factor)
{
    return (struct color){a.r + b.r * factor, a.g + b.g * factor, a.b + b.b * factor};
}

static inline float color_luma(struct color c)
{
    return 0.299F * c.r + 0.587F * c.g + 0.114F * c.b;
}

/* Hue in turns (any value; 0 red, 1/3 green, 2/3 blue), saturation and value 0..1. */
struct color color_hsv(float hue, float saturation, float value);

/* `c` with every channel changed by up to `amount`. */
struct color color_vary(struct rng *rng, struct color c, float amount);

/* Two random colours that differ in brightness by at least `contrast` (at most 0.5). */
void color_pair(struct rng *rng, float contrast, struct color *ret_a, struct color *ret_b);

#endif
