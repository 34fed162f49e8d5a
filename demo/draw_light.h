/* SPDX-License-Identifier: Apache-2.0
 *
 * What the camera adds: uneven light, a vignette, exposure, colour cast, grain; and, for large
 * photos, surface detail down to the pixels.
 */
#ifndef SITU_DEMO_DRAW_LIGHT_H
#define SITU_DEMO_DRAW_LIGHT_H

#include "draw_canvas.h"

/* `grainy` allows the grain of a small sensor; without it there is hardly any. */
void light_apply(struct canvas *canvas, struct rng *rng, bool grainy);

/* Multiplies the picture by fractal noise from a thirtieth of the short edge down to single pixels,
 * `amount` strong. */
void light_detail(struct canvas *canvas, struct rng *rng, float amount);

#endif
