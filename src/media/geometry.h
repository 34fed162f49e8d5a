/* SPDX-License-Identifier: Apache-2.0
 *
 * What a pipeline does to an image of a given size: resized size, the part of it that is seen, and
 * where that part goes in the tensor. Pure.
 *
 * "Upright" is the image as the model sees it: as stored, or transposed as EXIF says where the
 * pipeline asks for that.
 *
 * Rounding. CROP_FLOOR is the Hugging Face way: the other edge is int(size * long / short), crop
 * offsets round down, and an image smaller than the crop is placed at ceil((crop - size) / 2).
 * CROP_ROUND is the torchvision way (timm, OpenCLIP): offsets round half to even, smaller images
 * are placed at floor((crop - size) / 2), and with RESIZE_LONGEST_EDGE the short edge is rounded
 * half to even as OpenCLIP's resize does. A padding canvas has the image at floor of half the
 * difference in both.
 */
#ifndef SITU_MEDIA_GEOMETRY_H
#define SITU_MEDIA_GEOMETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "wire/pipeline.h"

struct edge {         /* one axis of the upright image */
    uint32_t resized; /* pixels after the resize */
    uint32_t first;   /* first one that is seen */
    uint32_t seen;    /* how many are seen; at least 1 */
    uint32_t out;     /* pixels of the tensor */
    uint32_t at;      /* where in the tensor the seen part starts; the rest is fill */
    bool mirror;      /* upright from first to last is stored from last to first */
};

struct geometry {
    bool transposed; /* upright x runs along the stored rows, that is from row to row */
    struct edge x, y;
    uint8_t fill[3]; /* RGB around the seen part, before rescaling */
};

/* For a stored image of width x height with that EXIF orientation (1..8, others count as 1).
 * ERROR_UNFIT where an edge would be resized to nothing. */
must_check int geometry_plan(const struct pipeline *pipeline, uint32_t width, uint32_t height,
                             uint32_t orientation, struct geometry *ret_geometry,
                             struct error *error);

/* DECODE_FAST: the smallest eighths (1, 2, 4 or 8) at which the stored image is still at least
 * GEOMETRY_FAST_MARGIN times the resized size on both axes; 8 with DECODE_EXACT or no resize. With
 * twice the size, the resampling filter still averages at least two pixels an axis, and the
 * reduction's own box filter hardly changes the result. */
enum { GEOMETRY_FAST_MARGIN = 2 };
unsigned geometry_fast_eighths(const struct pipeline *pipeline, const struct geometry *geometry,
                               uint32_t width, uint32_t height);

#endif
