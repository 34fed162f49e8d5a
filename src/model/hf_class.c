/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of image processor classes.
 */
#include "model/hf_class.h"

#include <stdio.h>
#include <string.h>

#include "model/statistics.h"

#define STATISTICS(name) .normalizes = true, .mean = name##_MEAN, .std = name##_STD

static const struct hf_class classes[] = {
    {"ViT", HF_SIZE_EXACT, RESAMPLE_BILINEAR, .edge = 224, STATISTICS(HALF)},
    {"DeiT", HF_SIZE_EXACT, RESAMPLE_BICUBIC, .edge = 256, .crop_edge = 224, .crop = true,
     STATISTICS(HALF)},
    {"Beit", HF_SIZE_EXACT, RESAMPLE_BICUBIC, .edge = 256, .crop_edge = 224, .crop = true,
     STATISTICS(HALF)},
    {"CLIP", HF_SIZE_SHORTEST, RESAMPLE_BICUBIC, .edge = 224, .crop_edge = 224, .crop = true,
     STATISTICS(CLIP)},
    {"Siglip", HF_SIZE_EXACT, RESAMPLE_BICUBIC, .edge = 224, STATISTICS(HALF)},
    {"Bit", HF_SIZE_SHORTEST, RESAMPLE_BICUBIC, .edge = 224, .crop_edge = 224, .crop = true,
     STATISTICS(CLIP)},
    {"ConvNext", HF_SIZE_CONVNEXT, RESAMPLE_BICUBIC, .edge = 384, STATISTICS(HALF)},
    {"MobileNetV1", HF_SIZE_SHORTEST, RESAMPLE_BILINEAR, .edge = 256, .crop_edge = 224,
     .crop = true, STATISTICS(HALF)},
    {"MobileNetV2", HF_SIZE_SHORTEST, RESAMPLE_BILINEAR, .edge = 256, .crop_edge = 224,
     .crop = true, STATISTICS(HALF)},
    {"MobileViT", HF_SIZE_SHORTEST, RESAMPLE_BILINEAR, .edge = 224, .crop_edge = 256, .crop = true,
     .flips = true},
    {"EfficientNet", HF_SIZE_EXACT, RESAMPLE_NEAREST, .edge = 346, .crop_edge = 289,
     .offsets = true, STATISTICS(HALF)},
};

static const struct hf_class generic = {NULL, HF_SIZE_STATED, RESAMPLE_BILINEAR, .edge = 0};

enum { CLASS_COUNT = sizeof classes / sizeof classes[0] };

static const struct hf_class *find_stem(const char *stem, size_t length)
{
    for (size_t i = 0; i < CLASS_COUNT; i++) {
        if (strlen(classes[i].stem) == length && memcmp(classes[i].stem, stem, length) == 0) {
            return &classes[i];
        }
    }
    return NULL;
}

const struct hf_class *hf_class_find(const char *type, bool *ret_fast)
{
    static const struct {
        const char *text;
        bool fast;
    } endings[] = {
        {"ImageProcessor", false},
        {"ImageProcessorFast", true},
        {"ImageProcessorPil", false},
        {"FeatureExtractor", false},
    };
    size_t length = strlen(type);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t ending = strlen(endings[i].text);
        if (length > ending && strcmp(type + length - ending, endings[i].text) == 0) {
            *ret_fast = endings[i].fast;
            return find_stem(type, length - ending);
        }
    }
    return NULL;
}

const struct hf_class *hf_class_of_model_type(const char *model_type)
{
    static const char *const table[][2] = {
        {"beit", "Beit"},
        {"clip", "CLIP"},
        {"clip_vision_model", "CLIP"},
        {"convnext", "ConvNext"},
        {"convnextv2", "ConvNext"},
        {"cvt", "ConvNext"},
        {"data2vec-vision", "Beit"},
        {"deit", "DeiT"},
        {"dinat", "ViT"},
        {"dinov2", "Bit"},
        {"efficientnet", "EfficientNet"},
        {"focalnet", "Bit"},
        {"hiera", "Bit"},
        {"mobilenet_v1", "MobileNetV1"},
        {"mobilenet_v2", "MobileNetV2"},
        {"mobilevit", "MobileViT"},
        {"mobilevitv2", "MobileViT"},
        {"nat", "ViT"},
        {"regnet", "ConvNext"},
        {"resnet", "ConvNext"},
        {"siglip", "Siglip"},
        {"siglip_vision_model", "Siglip"},
        {"swiftformer", "ViT"},
        {"swin", "ViT"},
        {"swinv2", "ViT"},
        {"van", "ConvNext"},
        {"vit", "ViT"},
        {"vit_mae", "ViT"},
        {"vit_msn", "ViT"},
        {"bit", "Bit"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i][0], model_type) == 0) {
            return find_stem(table[i][1], strlen(table[i][1]));
        }
    }
    return NULL;
}

const struct hf_class *hf_class_generic(void)
{
    return &generic;
}

const char *hf_class_list(char *buffer, unsigned size)
{
    size_t used = 0;
    for (size_t i = 0; i < CLASS_COUNT && used < size; i++) {
        int length =
            snprintf(buffer + used, size - used, "%s%s", i > 0 ? ", " : "", classes[i].stem);
        used += length > 0 ? (size_t)length : 0;
    }
    return buffer;
}
