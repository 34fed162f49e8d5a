/* SPDX-License-Identifier: Apache-2.0
 *
 * From bytes to the tensor's elements: rescale, normalise, channel order, layout and type. An
 * element depends on its byte and its colour only, so all of it is three tables of 256 entries,
 * computed as the Hugging Face processors compute an array:
 *
 *   rescale    float32(float64(value) * factor); an offset other than 0 is then added in float32
 *   normalise  float32: (value - float32(mean)) / float32(std)
 *   twice      once more: value / float32(std)
 *   type       float16 by rounding to nearest even; uint8 by truncation (clamped to 0..255)
 *
 * One thread.
 */
#ifndef SITU_MEDIA_NORMALIZE_H
#define SITU_MEDIA_NORMALIZE_H

#include "media/kernels.h"
#include "wire/pipeline.h"

struct normalizer {                /* start: all zero but `kernels` */
    const struct kernels *kernels; /* borrowed */
    bool ready;
    struct pipeline made_for; /* whose rescale, normalise and type fields the tables are made of */
    struct byte_table tables[3]; /* of red, green and blue */
};

/* The tensor of one image that is being written. */
struct tensor_image {
    char *data; /* borrowed */
    uint32_t height, width;
    enum layout layout;
    bool flip; /* blue first */
};

/* Makes the tables, or keeps them where the pipeline needs the same. Never fails. */
void normalizer_set(struct normalizer *normalizer, const struct pipeline *pipeline);

/* Pixels whose red, green and blue bytes are in planes. */
struct planar_row {
    const uint8_t *bytes; /* borrowed */
    size_t plane;         /* bytes from plane to plane */
    size_t count;         /* pixels */
};

/* Writes a row's pixels at row y, from column x on. */
void normalizer_row(const struct normalizer *normalizer, const struct tensor_image *image,
                    uint32_t y, uint32_t x, const struct planar_row *row);

/* Fills the tensor with one colour. */
void normalizer_fill(const struct normalizer *normalizer, const struct tensor_image *image,
                     const uint8_t colour[3]);

#endif
