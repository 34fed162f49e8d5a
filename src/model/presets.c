/* SPDX-License-Identifier: Apache-2.0
 *
 * Presets for a single .onnx file: the preprocessing of well-known families, as in the image
 * processor of Hugging Face for the family, or as in torchvision for "imagenet".
 */
#include <stdio.h>
#include <string.h>

#include "model/parse.h"
#include "model/statistics.h"

#define RESCALE .rescale = true, .rescale_factor = 1.0 / 255.0
#define NORMALIZE(name)                                                                            \
    .normalize = true, .mean = name##_MEAN, .std = name##_STD, .datatype = DATATYPE_FP32
#define SHORTEST(edge, filter)                                                                     \
    .resize = RESIZE_SHORTEST_EDGE, .resize_height = (edge), .resample = (filter)
#define SQUARE(edge, filter)                                                                       \
    .resize = RESIZE_EXACT, .resize_height = (edge), .resize_width = (edge), .resample = (filter)
#define CROP(edge) .center_crop = true, .crop_height = (edge), .crop_width = (edge)

static const struct preset presets[] = {
    {"imagenet",
     MODEL_IMAGE_CLASSIFICATION,
     {SHORTEST(256, RESAMPLE_BILINEAR), CROP(224), .crop_rounding = CROP_ROUND, RESCALE,
      NORMALIZE(IMAGENET)}},
    {"imagenet-vit",
     MODEL_IMAGE_CLASSIFICATION,
     {SQUARE(224, RESAMPLE_BILINEAR), RESCALE, NORMALIZE(HALF)}},
    {"mobilenet",
     MODEL_IMAGE_CLASSIFICATION,
     {SHORTEST(256, RESAMPLE_BILINEAR), CROP(224), RESCALE, NORMALIZE(HALF)}},
    {"raw",
     MODEL_IMAGE_CLASSIFICATION,
     {SHORTEST(256, RESAMPLE_BILINEAR), CROP(224), .crop_rounding = CROP_ROUND,
      .datatype = DATATYPE_FP32}},
    {"clip",
     MODEL_FEATURE_EXTRACTION,
     {SHORTEST(224, RESAMPLE_BICUBIC), CROP(224), RESCALE, NORMALIZE(CLIP)}},
    {"siglip", MODEL_FEATURE_EXTRACTION, {SQUARE(224, RESAMPLE_BICUBIC), RESCALE, NORMALIZE(HALF)}},
    {"dinov2",
     MODEL_FEATURE_EXTRACTION,
     {SHORTEST(256, RESAMPLE_BICUBIC), CROP(224), RESCALE, NORMALIZE(IMAGENET)}},
    {"tensor", MODEL_TENSOR, {.datatype = DATATYPE_FP32}},
};

enum { PRESET_COUNT = sizeof presets / sizeof presets[0] };

int preset_find(const char *name, const struct preset **ret_preset, struct error *error)
{
    char known[128] = "";
    size_t used = 0;
    for (size_t i = 0; i < PRESET_COUNT; i++) {
        if (strcmp(presets[i].name, name) == 0) {
            *ret_preset = &presets[i];
            return 0;
        }
        int length =
            snprintf(known + used, sizeof known - used, "%s%s", i > 0 ? ", " : "", presets[i].name);
        if (length > 0 && (size_t)length < sizeof known - used) {
            used += (size_t)length;
        }
    }
    return error_set(error, ERROR_MALFORMED, "no preset '%.60s'; there are %s", name, known);
}
