/* SPDX-License-Identifier: Apache-2.0
 *
 * Ridges: the outline of a range of hills against the sky, stored as a table of heights from which
 * a shader reads it with two loads.
 */
#ifndef SITU_DEMO_DRAW_RIDGE_H
#define SITU_DEMO_DRAW_RIDGE_H

#include "draw_canvas.h"
#include "draw_noise.h"

struct ridge {
    float left; /* where the table begins */
    float step;
    int count;
    float *heights; /* owned; y of the outline, down is positive */
};

struct ridge_shape {
    float level;      /* middle of the outline */
    float relief;     /* how far it rises and falls */
    float wavelength; /* of the largest hills */
    float sharpness;  /* 0 rolling hills .. 1 alpine crests */
    float gain;       /* roughness: share of an octave in the one before */
};

/* 0 or -ENOMEM; covers `seen` from left to right, one sample per pixel. */
must_check int ridge_init(struct ridge *ridge, const struct ridge_shape *shape,
                          const struct box *seen, float pixel, struct rng *rng);
void ridge_done(struct ridge *ridge);

float ridge_height(const struct ridge *ridge, float x);

/* How steeply the outline falls to the right, about -1..1. */
float ridge_slope(const struct ridge *ridge, float x);

static inline void cleanup_ridge_function(struct ridge *ridge)
{
    ridge_done(ridge);
}
#define cleanup_ridge __attribute__((cleanup(cleanup_ridge_function)))

#endif
