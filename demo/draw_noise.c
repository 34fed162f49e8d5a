/* SPDX-License-Identifier: Apache-2.0
 *
 * Gradient noise on the integer lattice: at every lattice point one of eight directions, chosen by
 * a hash; between them the gradients' ramps, blended by a quintic. Pure functions.
 */
#include "draw_noise.h"

static uint32_t lattice_hash(uint32_t seed, int x, int y)
{
    uint32_t h = seed ^ ((uint32_t)x * 0x9e3779b1U) ^ ((uint32_t)y * 0x85ebca77U);

    h = (h ^ (h >> 15)) * 0x2c1b3c6dU;
    h = (h ^ (h >> 12)) * 0x297a2d39U;
    return h ^ (h >> 15);
}

static int floor_int(float v)
{
    int i = (int)v;
    return (float)i > v ? i - 1 : i;
}

static float ramp(uint32_t hash, float x, float y)
{
    static const float direction[8][2] = {
        {1.0F, 0.0F},  {0.7071F, 0.7071F},   {0.0F, 1.0F},  {-0.7071F, 0.7071F},
        {-1.0F, 0.0F}, {-0.7071F, -0.7071F}, {0.0F, -1.0F}, {0.7071F, -0.7071F},
    };
    const float *d = direction[hash & 7U];

    return d[0] * x + d[1] * y;
}

static float fade(float t)
{
    return t * t * t * (t * (t * 6.0F - 15.0F) + 10.0F);
}

float noise_cell(uint32_t seed, int x, int y)
{
    return (float)(lattice_hash(seed, x, y) >> 8) * 0x1p-24F;
}

float noise_at(uint32_t seed, float x, float y)
{
    int ix = floor_int(x);
    int iy = floor_int(y);
    float fx = x - (float)ix;
    float fy = y - (float)iy;
    float u = fade(fx);
    float a = ramp(lattice_hash(seed, ix, iy), fx, fy);
    float b = ramp(lattice_hash(seed, ix + 1, iy), fx - 1.0F, fy);
    float c = ramp(lattice_hash(seed, ix, iy + 1), fx, fy - 1.0F);
    float d = ramp(lattice_hash(seed, ix + 1, iy + 1), fx - 1.0F, fy - 1.0F);
    float top = a + (b - a) * u;
    float bottom = c + (d - c) * u;

    return 1.6F * (top + (bottom - top) * fade(fy));
}

float noise_fractal(const struct noise *noise, float x, float y)
{
    float sum = 0.0F;
    float total = 0.0F;
    float amplitude = 1.0F;

    for (int i = 0; i < noise->octaves; i++) {
        sum += amplitude * noise_at(noise->seed + (uint32_t)i * 0x68bc21ebU, x, y);
        total += amplitude;
        amplitude *= noise->gain;
        /* Turned by about 37 degrees, so that the lattices of the octaves do not line up. */
        float turned = 1.6F * x + 1.2F * y;
        y = 1.6F * y - 1.2F * x;
        x = turned;
    }
    return 1.5F * sum / total;
}

struct noise noise_make(uint32_t seed, float wavelength, float pixel, float gain)
{
    int octaves = 1;

    while (octaves < NOISE_OCTAVES_MAX && wavelength > 4.0F * pixel) {
        wavelength *= 0.5F;
        octaves++;
    }
    return (struct noise){.seed = seed, .octaves = octaves, .gain = gain};
}
