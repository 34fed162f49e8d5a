/* SPDX-License-Identifier: Apache-2.0
 *
 * What the image processor classes of transformers do and take as defaults, as facts in a table: a
 * preprocessor_config.json says only what its writer's version found worth saying. Private to
 * src/model.
 */
#ifndef SITU_MODEL_HF_CLASS_H
#define SITU_MODEL_HF_CLASS_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/pipeline.h"

/* What a class makes of the field `size`. */
enum hf_size {
    HF_SIZE_EXACT,    /* a number is a square; {height, width} */
    HF_SIZE_SHORTEST, /* a number is the shortest edge; {shortest_edge} or {height, width} */
    HF_SIZE_CONVNEXT, /* a number or {shortest_edge}; below 384 enlarged by crop_pct and cropped */
    HF_SIZE_STATED,   /* no class is known: a number alone has no meaning */
};

struct hf_class {
    const char *stem; /* "ViT" of ViTImageProcessor; NULL: no class is known */
    enum hf_size size;
    enum resample resample; /* the default, as all below */
    uint32_t edge;
    uint32_t crop_edge; /* 0: the class does not crop */
    bool crop;          /* do_center_crop */
    bool normalizes;    /* the class knows do_normalize; default true */
    bool flips;         /* the class knows do_flip_channel_order; default true */
    bool offsets;       /* the class knows rescale_offset (false) and include_top (true) */
    double mean[3];
    double std[3];
};

/* The class of a type's name: image_processor_type or the older feature_extractor_type. NULL where
 * it is unknown. *ret_fast where the name ends with Fast. */
const struct hf_class *hf_class_find(const char *type, bool *ret_fast);

/* The class that transformers takes for a model_type of config.json; NULL where none is known. */
const struct hf_class *hf_class_of_model_type(const char *model_type);

/* The class for files that name none: nothing has a default. */
const struct hf_class *hf_class_generic(void);

/* "ViTImageProcessor, CLIPImageProcessor, ..." into a caller's buffer; returns the buffer. */
const char *hf_class_list(char *buffer, unsigned size);

#endif
