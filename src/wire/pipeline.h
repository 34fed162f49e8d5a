/* SPDX-License-Identifier: Apache-2.0
 *
 * What a model package says to do with an image before the model runs. src/model reads it from the
 * package, the load message takes it to the worker, src/media carries it out. A plain value.
 *
 * Order of the steps, as in the Hugging Face image processors: decode -> (EXIF transpose) -> RGB ->
 * resize -> centre crop -> pad -> rescale -> normalise -> channel flip -> layout and type.
 */
#ifndef SITU_WIRE_PIPELINE_H
#define SITU_WIRE_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "data/tensor.h"

/* Numbered as Pillow's Image.Resampling and the `resample` field. */
enum resample {
    RESAMPLE_NEAREST = 0,
    RESAMPLE_LANCZOS = 1,
    RESAMPLE_BILINEAR = 2,
    RESAMPLE_BICUBIC = 3,
    RESAMPLE_BOX = 4,
    RESAMPLE_HAMMING = 5,
};

enum resize_mode {
    RESIZE_NONE = 0,
    RESIZE_EXACT,         /* to resize_height x resize_width, aspect ratio lost */
    RESIZE_SHORTEST_EDGE, /* shortest edge to resize_height; long = int(size * long / short) */
    RESIZE_LONGEST_EDGE,  /* longest edge to resize_height, the other int(size * short / long) */
};

enum crop_rounding {
    CROP_FLOOR = 0, /* top = (H - h) // 2: Hugging Face */
    CROP_ROUND = 1, /* top = round-half-even((H - h) / 2.0): torchvision, timm, OpenCLIP */
};

enum decode_mode {
    DECODE_EXACT = 0, /* pixels equal to Pillow's */
    DECODE_FAST = 1,  /* DCT-scaled JPEG decoding if the photo is much larger than the input */
};

enum layout { LAYOUT_NCHW = 0, LAYOUT_NHWC = 1 };

enum { PIPELINE_EDGE_MAX = 8192 }; /* limit of every edge below */

struct pipeline {
    enum decode_mode decode;
    bool exif_transpose;

    enum resize_mode resize;
    enum resample resample;
    uint32_t resize_height; /* pixels */
    uint32_t resize_width;  /* pixels; RESIZE_EXACT only */

    bool center_crop; /* smaller images are padded with zeros, before rescaling */
    enum crop_rounding crop_rounding;
    uint32_t crop_height; /* pixels */
    uint32_t crop_width;

    bool pad; /* RESIZE_LONGEST_EDGE: centre on a square canvas of pad_value, resize_height wide */
    uint8_t pad_value[3];

    bool rescale;
    double rescale_factor; /* float32(value * factor), then the offset added in float32 */
    double rescale_offset;

    bool normalize;       /* (value - mean) / std, in RGB order */
    bool normalize_twice; /* EfficientNet's include_top: divides by std once more */
    double mean[3];
    double std[3];

    bool flip_channels; /* BGR, after normalising */

    /* What the model's input takes; from the ONNX file, set by the worker at load. */
    enum layout layout;
    enum datatype datatype; /* FP32, FP16 or UINT8 */
};

/* 0, or -EINVAL: every enum in range, edges within 1..PIPELINE_EDGE_MAX where used, std finite and
 * not 0, factors finite. Used on both sides of the process boundary. */
must_check int pipeline_check(const struct pipeline *pipeline);

/* The size of the resulting image for an input of any size: 0, or -EINVAL if the pipeline does not
 * fix it (no resize to a fixed size and no crop). */
must_check int pipeline_output_size(const struct pipeline *pipeline, uint32_t *ret_height,
                                    uint32_t *ret_width);

#endif
