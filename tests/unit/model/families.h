/* SPDX-License-Identifier: Apache-2.0
 *
 * preprocessor_config.json files as the families' packages have them, and the pipelines that they
 * mean: the members of a designated initialiser.
 */
#ifndef SITU_TESTS_MODEL_FAMILIES_H
#define SITU_TESTS_MODEL_FAMILIES_H

#define SHORTEST(edge, filter)                                                                     \
    .resize = RESIZE_SHORTEST_EDGE, .resize_height = (edge), .resample = (filter)
#define SQUARE(edge, filter)                                                                       \
    .resize = RESIZE_EXACT, .resize_height = (edge), .resize_width = (edge), .resample = (filter)
#define CROP(edge) .center_crop = true, .crop_height = (edge), .crop_width = (edge)
#define RESCALE .rescale = true, .rescale_factor = 1.0 / 255.0
#define MEAN_STD(m0, m1, m2, s0, s1, s2)                                                           \
    .normalize = true, .mean = {m0, m1, m2}, .std = {s0, s1, s2}
#define IMAGENET MEAN_STD(0.485, 0.456, 0.406, 0.229, 0.224, 0.225)
#define HALF MEAN_STD(0.5, 0.5, 0.5, 0.5, 0.5, 0.5)
#define CLIP MEAN_STD(0.48145466, 0.4578275, 0.40821073, 0.26862954, 0.26130258, 0.27577711)
#define FP32 .datatype = DATATYPE_FP32

#define JSON_IMAGENET "\"image_mean\":[0.485,0.456,0.406],\"image_std\":[0.229,0.224,0.225]"
#define JSON_HALF "\"image_mean\":[0.5,0.5,0.5],\"image_std\":[0.5,0.5,0.5]"
#define JSON_CLIP                                                                                  \
    "\"image_mean\":[0.48145466,0.4578275,0.40821073],"                                            \
    "\"image_std\":[0.26862954,0.26130258,0.27577711]"
#define JSON_STEPS                                                                                 \
    "\"do_resize\":true,\"do_rescale\":true,\"do_normalize\":true,"                                \
    "\"rescale_factor\":0.00392156862745098,"

#define VIT                                                                                        \
    "{\"image_processor_type\":\"ViTImageProcessor\"," JSON_STEPS JSON_HALF                        \
    ",\"resample\":2,\"size\":{\"height\":224,\"width\":224}}"
#define RESNET                                                                                     \
    "{\"image_processor_type\":\"ConvNextImageProcessor\"," JSON_STEPS JSON_IMAGENET               \
    ",\"resample\":3,\"crop_pct\":0.875,\"size\":{\"shortest_edge\":224}}"
#define CONVNEXT_384                                                                               \
    "{\"image_processor_type\":\"ConvNextImageProcessor\"," JSON_STEPS JSON_IMAGENET               \
    ",\"resample\":3,\"crop_pct\":0.95,\"size\":{\"shortest_edge\":384}}"
#define CONVNEXT_BARE                                                                              \
    "{\"image_processor_type\":\"ConvNextImageProcessor\"," JSON_STEPS JSON_IMAGENET               \
    ",\"resample\":2,\"size\":{\"shortest_edge\":288}}"
#define MOBILENET_V1                                                                               \
    "{\"image_processor_type\":\"MobileNetV1ImageProcessor\"," JSON_STEPS JSON_HALF                \
    ",\"resample\":2,\"do_center_crop\":true,\"crop_size\":{\"height\":224,\"width\":224},"        \
    "\"size\":{\"shortest_edge\":256}}"
#define MOBILENET_V2                                                                               \
    "{\"image_processor_type\":\"MobileNetV2ImageProcessor\"," JSON_STEPS JSON_HALF                \
    ",\"resample\":2,\"do_center_crop\":true,\"crop_size\":{\"height\":192,\"width\":160},"        \
    "\"size\":{\"shortest_edge\":288}}"
#define EFFICIENTNET                                                                               \
    "{\"image_processor_type\":\"EfficientNetImageProcessor\"," JSON_STEPS                         \
    "\"image_mean\":[0.485,0.456,0.406],\"image_std\":[0.47853944,0.4732864,0.47434163],"          \
    "\"resample\":0,\"do_center_crop\":false,\"crop_size\":{\"height\":289,\"width\":289},"        \
    "\"include_top\":true,\"rescale_offset\":false,\"size\":{\"height\":224,\"width\":224}}"
#define CLIP_FILE                                                                                  \
    "{\"image_processor_type\":\"CLIPImageProcessor\"," JSON_STEPS JSON_CLIP                       \
    ",\"resample\":3,\"do_center_crop\":true,\"crop_size\":{\"height\":224,\"width\":224},"        \
    "\"do_convert_rgb\":true,\"size\":{\"shortest_edge\":224}}"
#define DINOV2                                                                                     \
    "{\"image_processor_type\":\"BitImageProcessor\"," JSON_STEPS JSON_IMAGENET                    \
    ",\"resample\":3,\"do_center_crop\":true,\"crop_size\":{\"height\":224,\"width\":224},"        \
    "\"do_convert_rgb\":true,\"size\":{\"shortest_edge\":256}}"
#define SIGLIP                                                                                     \
    "{\"image_processor_type\":\"SiglipImageProcessor\",\"processor_class\":"                      \
    "\"SiglipProcessor\"," JSON_STEPS JSON_HALF                                                    \
    ",\"resample\":3,\"size\":{\"height\":224,\"width\":224}}"
#define MOBILEVIT                                                                                  \
    "{\"feature_extractor_type\":\"MobileViTFeatureExtractor\",\"do_resize\":true,\"size\":288,"   \
    "\"resample\":2,\"do_center_crop\":true,\"crop_size\":256,\"do_flip_channel_order\":true}"
#define DEIT_OLD                                                                                   \
    "{\"feature_extractor_type\":\"DeiTFeatureExtractor\",\"do_resize\":true,\"size\":256,"        \
    "\"resample\":3,\"do_center_crop\":true,\"crop_size\":224,\"do_normalize\":"                   \
    "true," JSON_IMAGENET "}"
#define BEIT_OLD                                                                                   \
    "{\"feature_extractor_type\":\"BeitFeatureExtractor\",\"do_resize\":true,\"size\":224,"        \
    "\"resample\":2,\"do_center_crop\":false,\"crop_size\":224,\"do_normalize\":true,"             \
    "\"reduce_labels\":true," JSON_HALF "}"
#define SWIN_OLD                                                                                   \
    "{\"feature_extractor_type\":\"ViTFeatureExtractor\",\"do_resize\":true,\"size\":224,"         \
    "\"resample\":3,\"do_normalize\":true," JSON_IMAGENET "}"
#define CLIP_OLD                                                                                   \
    "{\"feature_extractor_type\":\"CLIPFeatureExtractor\",\"do_resize\":true,\"size\":224,"        \
    "\"resample\":3,\"do_center_crop\":true,\"crop_size\":224,\"do_normalize\":true," JSON_CLIP    \
    "}"
#define CONVNEXT_OLD                                                                               \
    "{\"feature_extractor_type\":\"ConvNextFeatureExtractor\",\"do_resize\":true,\"size\":224,"    \
    "\"resample\":3,\"crop_pct\":0.875,\"do_normalize\":true," JSON_IMAGENET "}"
#define VIT_FAST                                                                                   \
    "{\"image_processor_type\":\"ViTImageProcessorFast\"," JSON_STEPS JSON_HALF                    \
    ",\"resample\":2,\"size\":{\"height\":224,\"width\":224},\"crop_size\":null,"                  \
    "\"data_format\":\"channels_first\",\"default_to_square\":true,\"device\":null,"               \
    "\"do_center_crop\":null,\"do_convert_rgb\":null,\"input_data_format\":null,"                  \
    "\"return_tensors\":null,\"disable_grouping\":null,\"do_pad\":null,\"pad_size\":null}"

#endif
