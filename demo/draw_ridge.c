/* SPDX-License-Identifier: Apache-2.0
 *
 * Ridges from fractal noise along a line; alpine ones fold the noise so that crests are sharp.
 */
#include "draw_ridge.h"

#include <errno.h>
#include <stdlib.h>

int ridge_init(struct ridge *ridge, const struct ridge_shape *shape, const struct box *seen,
               float pixel, struct rng *rng)
{
    struct noise noise = noise_make(rng_bits(rng), shape->wavelength, pixel, shape->gain);
    float y = rng_uniform(rng, 0.0F, 100.0F);

    ridge->left = seen->left - 2.0F * pixel;
    ridge->step = pixel;
    ridge->count = (int)((seen->right - seen->left) / pixel) + 6;
    ridge->heights = malloc((size_t)ridge->count * sizeof(float));
    if (!ridge->heights) {
        return -ENOMEM;
    }
    for (int i = 0; i < ridge->count; i++) {
        float x = (ridge->left + (float)i * pixel) / shape->wavelength;
        float rolling = noise_fractal(&noise, x, y);
        float crest = 0.8F - 2.2F * fabsf(rolling);

        ridge->heights[i] = shape->level - shape->relief * mix(rolling, crest, shape->sharpness);
    }
    return 0;
}

void ridge_done(struct ridge *ridge)
{
    free(ridge->heights);
    *ridge = (struct ridge){0};
}

float ridge_height(const struct ridge *ridge, float x)
{
    float at = (x - ridge->left) / ridge->step;
    int i = at > 0.0F ? (int)at : 0;

    if (i > ridge->count - 2) {
        i = ridge->count - 2;
    }
    return mix(ridge->heights[i], ridge->heights[i + 1], clamp_unit(at - (float)i));
}

float ridge_slope(const struct ridge *ridge, float x)
{
    float reach = 0.04F;
    float fall = ridge_height(ridge, x + reach) - ridge_height(ridge, x - reach);

    return fmaxf(-1.0F, fminf(1.0F, fall / (2.0F * reach)));
}
