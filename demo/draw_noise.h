/* SPDX-License-Identifier: Apache-2.0
 *
 * Smooth random fields over the plane, for clouds, hills, bark and stone: gradient noise
 * and its sum over octaves (fractal noise). Pure functions of seed and place.
 */
#ifndef SITU_DEMO_DRAW_NOISE_H
#define SITU_DEMO_DRAW_NOISE_H

#include <stdint.h>

enum { NOISE_OCTAVES_MAX = 12 };

struct noise {
    uint32_t seed;
    int octaves; /* 1..NOISE_OCTAVES_MAX, each of half the wavelength of the one before */
    float gain;  /* amplitude of an octave over that of the one before, below 1 */
};

/* A value in [0, 1) for a cell of the integer lattice. */
float noise_cell(uint32_t seed, int x, int y);

/* Gradient noise, about -1..1, wavelength about 1. */
float noise_at(uint32_t seed, float x, float y);

/* Fractal noise, about -1..1; its longest wavelength is about 1. */
float noise_fractal(const struct noise *noise, float x, float y);

/* As many octaves as a picture can show: from `wavelength` down to two pixels. */
struct noise noise_make(uint32_t seed, float wavelength, float pixel, float gain);

#endif
