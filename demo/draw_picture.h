/* SPDX-License-Identifier: Apache-2.0
 *
 * One picture from a seed and a number: chooses size, scene, light and compression, and returns
 * the JPEG file's bytes. The same arguments give the same bytes on the same machine.
 */
#ifndef SITU_DEMO_DRAW_PICTURE_H
#define SITU_DEMO_DRAW_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

enum {
    PICTURE_EDGE_MIN = 16,
    PICTURE_LARGE_WIDTH = 4000, /* 12 megapixels */
    PICTURE_LARGE_HEIGHT = 3000,
    PICTURE_LARGE_BYTES_MIN = 3500000,
    PICTURE_LARGE_BYTES_MAX = 4500000,
};

struct picture_plan {
    uint64_t seed;
    int kind;  /* index of the kind; -1: the kinds in turn */
    int width; /* pixels; 0: random sizes */
    int height;
    int edge_min; /* random sizes: the longer edge lies in edge_min..edge_max */
    int edge_max;
    bool large; /* a camera's photo: 12 megapixels, 4:2:0, 3.5 to 4.5 MB */
};

/* The index of the kind of picture `number`. */
int picture_kind(const struct picture_plan *plan, uint64_t number);

/* 0 or a negative errno; the caller frees *ret_bytes. */
must_check int picture_draw(const struct picture_plan *plan, uint64_t number, uint8_t **ret_bytes,
                            size_t *ret_size, struct error *error);

#endif
