/* SPDX-License-Identifier: Apache-2.0
 *
 * A table of the transformers image processor classes, with what they do and their defaults: a
 * preprocessor_config.json may leave these out. Private to src/model.
 */
#ifndef SITU_MODEL_HF_CLASS_H
#define SITU_MODEL_HF_CLASS_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/pipeline.h"

/* How a class reads the field `size`. */
enum hf_size {
    HF_SIZE_EXACT,    /* a number is a square; {height, width} */
    HF_SIZE_SHORTEST, /* a number is the shortest edge; {shortest_edge} or {height, width} */
    HF_SIZE_CONVNEXT, /* a number or {shortest_edge}; below 384 enlarged by crop_pct and then
                         cropped */
    HF_SIZE_STATED,   /* class unknown: a number alone has no meaning */
};

struct hf_class {
    const char *stem; /* "ViT" of ViTImageProcessor; NULL: class unknown */
    enum hf_size size;
    enum resample resample; /* the default, like all below */
    uint32_t edge;
    uint32_t crop_edge; /* 0: the class does not crop */
    bool crop;          /* do_center_crop */
    bool normalizes;    /* the class knows do_normalize; default true */
    bool flips;         /* the class knows do_flip_channel_order; default true */
    bool offsets;       /* the class knows rescale_offset (false) and include_top (true) */
    double mean[3];
    double std[3];
};

/* The class of image_processor_type or the older feature_extractor_type. NULL if it is unknown.
 * *ret_fast if the name ends with Fast. */
const struct hf_class *hf_class_find(const char *type, bool *ret_fast);

/* The class that transformers uses for a model_type of config.json; NULL if none is known. */
const struct hf_class *hf_class_of_model_type(const char *model_type);

/* The class for files that name none: it has no defaults. */
const struct hf_class *hf_class_generic(void);

/* "ViTImageProcessor, CLIPImageProcessor, ..." into a caller's buffer; returns the buffer. */
const char *hf_class_list(char *buffer, unsigned size);

#endif
