/* SPDX-License-Identifier: Apache-2.0
 *
 * preprocessor_config.json of every family -> its pipeline; special cases; fields that are refused
 * by name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "families.h"
#include "fixture.h"

#define MODEL_CONFIG "{\"architectures\":[\"SomeModel\"]}"

struct family {
    const char *name;
    const char *processor;
    const char *family;
    struct pipeline pipeline;
};

static const struct family families[] = {
    {"vit", VIT, "ViTImageProcessor", {SQUARE(224, RESAMPLE_BILINEAR), RESCALE, HALF, FP32}},
    {"resnet",
     RESNET,
     "ConvNextImageProcessor",
     {SHORTEST(256, RESAMPLE_BICUBIC), CROP(224), RESCALE, IMAGENET, FP32}},
    {"convnext from 384 on warps",
     CONVNEXT_384,
     "ConvNextImageProcessor",
     {SQUARE(384, RESAMPLE_BICUBIC), RESCALE, IMAGENET, FP32}},
    {"convnext without crop_pct",
     CONVNEXT_BARE,
     "ConvNextImageProcessor",
     {SHORTEST(329, RESAMPLE_BILINEAR), CROP(288), RESCALE, IMAGENET, FP32}},
    {"mobilenet v1",
     MOBILENET_V1,
     "MobileNetV1ImageProcessor",
     {SHORTEST(256, RESAMPLE_BILINEAR), CROP(224), RESCALE, HALF, FP32}},
    {"mobilenet v2, crop not square",
     MOBILENET_V2,
     "MobileNetV2ImageProcessor",
     {SHORTEST(288, RESAMPLE_BILINEAR), .center_crop = true, .crop_height = 192, .crop_width = 160,
      RESCALE, HALF, FP32}},
    {"efficientnet",
     EFFICIENTNET,
     "EfficientNetImageProcessor",
     {SQUARE(224, RESAMPLE_NEAREST), RESCALE,
      MEAN_STD(0.485, 0.456, 0.406, 0.47853944, 0.4732864, 0.47434163), .normalize_twice = true,
      FP32}},
    {"clip",
     CLIP_FILE,
     "CLIPImageProcessor",
     {SHORTEST(224, RESAMPLE_BICUBIC), CROP(224), RESCALE, CLIP, FP32}},
    {"dinov2",
     DINOV2,
     "BitImageProcessor",
     {SHORTEST(256, RESAMPLE_BICUBIC), CROP(224), RESCALE, IMAGENET, FP32}},
    {"siglip",
     SIGLIP,
     "SiglipImageProcessor",
     {SQUARE(224, RESAMPLE_BICUBIC), RESCALE, HALF, FP32}},
    {"mobilevit is BGR without normalise",
     MOBILEVIT,
     "MobileViTImageProcessor",
     {SHORTEST(288, RESAMPLE_BILINEAR), CROP(256), RESCALE, .flip_channels = true, FP32}},
    {"deit, old: a number is a square",
     DEIT_OLD,
     "DeiTImageProcessor",
     {SQUARE(256, RESAMPLE_BICUBIC), CROP(224), RESCALE, IMAGENET, FP32}},
    {"beit, old: no crop asked for",
     BEIT_OLD,
     "BeitImageProcessor",
     {SQUARE(224, RESAMPLE_BILINEAR), RESCALE, HALF, FP32}},
    {"swin, old: a number is a square",
     SWIN_OLD,
     "ViTImageProcessor",
     {SQUARE(224, RESAMPLE_BICUBIC), RESCALE, IMAGENET, FP32}},
    {"clip, old: a number is the shortest edge",
     CLIP_OLD,
     "CLIPImageProcessor",
     {SHORTEST(224, RESAMPLE_BICUBIC), CROP(224), RESCALE, CLIP, FP32}},
    {"convnext, old: a number goes through crop_pct",
     CONVNEXT_OLD,
     "ConvNextImageProcessor",
     {SHORTEST(256, RESAMPLE_BICUBIC), CROP(224), RESCALE, IMAGENET, FP32}},
    {"vit, fast",
     VIT_FAST,
     "ViTImageProcessor",
     {SQUARE(224, RESAMPLE_BILINEAR), RESCALE, HALF, FP32}},
    {"nothing but the class: all of CLIP's defaults",
     "{\"image_processor_type\":\"CLIPImageProcessor\"}",
     "CLIPImageProcessor",
     {SHORTEST(224, RESAMPLE_BICUBIC), CROP(224), RESCALE, CLIP, FP32}},
    {"nothing but the class: all of ConvNext's defaults",
     "{\"image_processor_type\":\"ConvNextImageProcessor\"}",
     "ConvNextImageProcessor",
     {SQUARE(384, RESAMPLE_BICUBIC), RESCALE, HALF, FP32}},
    {"nothing but the class: all of EfficientNet's defaults",
     "{\"image_processor_type\":\"EfficientNetImageProcessor\"}",
     "EfficientNetImageProcessor",
     {SQUARE(346, RESAMPLE_NEAREST), RESCALE, HALF, .normalize_twice = true, FP32}},
    {"nothing but the class: all of MobileViT's defaults",
     "{\"image_processor_type\":\"MobileViTImageProcessor\"}",
     "MobileViTImageProcessor",
     {SHORTEST(224, RESAMPLE_BILINEAR), CROP(256), RESCALE, .flip_channels = true, FP32}},
};

static void every_family_becomes_its_pipeline(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        const struct family *family = &families[i];
        struct model_spec *spec = NULL;
        struct error error = {0};
        print_message("  %s\n", family->name);
        if (package_read_texts(family->processor, MODEL_CONFIG, NULL, &spec, &error) < 0) {
            fail_msg("%s: %s", family->name, error.message);
        }
        assert_string_equal(spec->family, family->family);
        assert_pipelines_equal(&spec->pipeline, &family->pipeline);
        assert_int_equal(pipeline_check(&spec->pipeline), 0);
        model_spec_free(spec);
    }
}

static struct model_spec *read_ok(const char *processor, const char *config)
{
    struct model_spec *spec = NULL;
    struct error error = {0};
    if (package_read_texts(processor, config, NULL, &spec, &error) < 0) {
        fail_msg("%s", error.message);
    }
    return spec;
}

static void what_the_file_leaves_out_is_noted(void **state)
{
    (void)state;
    struct model_spec *spec = read_ok(
        "{\"feature_extractor_type\":\"ViTFeatureExtractor\",\"size\":224,\"do_normalize\":true,"
        "\"do_resize\":true," JSON_HALF "}",
        MODEL_CONFIG);
    assert_int_equal(spec->pipeline.resample, RESAMPLE_BILINEAR);
    assert_true(spec_has_note(spec, "resample: 2 (bilinear) is not in preprocessor_config.json"));
    assert_true(spec_has_note(spec, "do_rescale: true is not in preprocessor_config.json"));
    assert_false(spec_has_note(spec, "image_mean"));
    model_spec_free(spec);

    spec = read_ok(VIT, MODEL_CONFIG);
    assert_int_equal(spec->note_count, 0);
    model_spec_free(spec);

    spec = read_ok(VIT_FAST, MODEL_CONFIG);
    assert_true(spec_has_note(spec, "resizes with torchvision"));
    model_spec_free(spec);
}

static void a_file_without_a_class_takes_it_from_the_model_type(void **state)
{
    (void)state;
    const char *processor =
        "{\"do_resize\":true,\"size\":224,\"do_normalize\":true," JSON_IMAGENET "}";
    struct model_spec *spec =
        read_ok(processor, "{\"model_type\":\"resnet\",\"architectures\":[\"ResNetModel\"]}");
    assert_string_equal(spec->family, "ConvNextImageProcessor");
    assert_int_equal(spec->pipeline.resize_height, 256);
    assert_true(spec_has_note(spec, "taken for the model_type 'resnet'"));
    model_spec_free(spec);
}

static void efficientnet_offset_and_top_stand_alone(void **state)
{
    (void)state;
    struct model_spec *spec = read_ok(
        "{\"image_processor_type\":\"EfficientNetImageProcessor\",\"rescale_offset\":true,"
        "\"rescale_factor\":0.00784313725490196,\"do_normalize\":false,\"include_top\":true,"
        "\"image_mean\":[0.485,0.456,0.406],\"image_std\":[0.4,0.5,0.6]}",
        MODEL_CONFIG);
    assert_true(spec->pipeline.rescale_offset == -1.0);
    assert_true(spec->pipeline.rescale_factor == 0.00784313725490196);
    /* Without do_normalize include_top divides once, and subtracts nothing. */
    assert_true(spec->pipeline.normalize);
    assert_false(spec->pipeline.normalize_twice);
    assert_true(spec->pipeline.mean[0] == 0.0);
    assert_true(spec->pipeline.std[2] == 0.6);
    model_spec_free(spec);
}

static void our_own_fields_are_read(void **state)
{
    (void)state;
    struct model_spec *spec =
        read_ok("{\"image_processor_type\":\"ViTImageProcessor\",\"decode\":\"fast\","
                "\"do_exif_transpose\":true,\"image_mean\":0.25,\"image_std\":0.5}",
                MODEL_CONFIG);
    assert_int_equal(spec->pipeline.decode, DECODE_FAST);
    assert_true(spec->pipeline.exif_transpose);
    assert_true(spec->pipeline.mean[2] == 0.25);
    model_spec_free(spec);
}

#define WITH(class, rest) "{\"image_processor_type\":\"" class "ImageProcessor\"," rest "}"

struct refusal {
    const char *processor;
    enum error_code code;
    const char *text;
};

static const struct refusal refusals[] = {
    {"{", ERROR_MALFORMED, "preprocessor_config.json: not valid JSON"},
    {"[]", ERROR_MALFORMED, "preprocessor_config.json: wants an object"},
    {"{\"size\":1,\"size\":2}", ERROR_MALFORMED, "preprocessor_config.json"},
    {WITH("ViT", "\"do_sharpen\":true"), ERROR_UNFIT, "unknown field 'do_sharpen'"},
    {WITH("ViT", "\"do_pad\":true"), ERROR_UNFIT, "unknown field 'do_pad'"},
    {WITH("ViT", "\"auto_map\":{\"AutoImageProcessor\":\"x.Y\"}"), ERROR_UNFIT, "'auto_map'"},
    {WITH("ViT", "\"auto_map\":[]"), ERROR_MALFORMED, "'auto_map'"},
    {WITH("ViT", "\"do_center_crop\":true"), ERROR_UNFIT, "'do_center_crop'"},
    {WITH("ViT", "\"do_flip_channel_order\":true"), ERROR_UNFIT, "'do_flip_channel_order'"},
    {WITH("ViT", "\"crop_pct\":0.9"), ERROR_UNFIT, "'crop_pct'"},
    {WITH("ViT", "\"include_top\":true"), ERROR_UNFIT, "'include_top'"},
    {WITH("ViT", "\"rescale_offset\":true"), ERROR_UNFIT, "'rescale_offset'"},
    {WITH("ConvNext", "\"do_center_crop\":true"), ERROR_UNFIT, "'do_center_crop'"},
    {WITH("MobileViT", "\"do_normalize\":true"), ERROR_UNFIT, "'do_normalize'"},
    {WITH("Levit", "\"size\":224"), ERROR_UNFIT, "'LevitImageProcessor' is not known"},
    {"{\"feature_extractor_type\":\"Wav2Vec2FeatureExtractor\"}", ERROR_UNFIT, "tensor"},
    {WITH("ViT", "\"resample\":6"), ERROR_MALFORMED, "'resample'"},
    {WITH("ViT", "\"resample\":-1"), ERROR_MALFORMED, "'resample'"},
    {WITH("ViT", "\"resample\":\"bicubic\""), ERROR_MALFORMED, "'resample'"},
    {WITH("ViT", "\"do_resize\":1"), ERROR_MALFORMED, "'do_resize' wants true or false"},
    {WITH("ViT", "\"size\":0"), ERROR_MALFORMED, "'size' must be at least 1"},
    {WITH("ViT", "\"size\":224.5"), ERROR_MALFORMED, "'size' wants a whole number"},
    {WITH("ViT", "\"size\":8193"), ERROR_TOO_LARGE, "'size' is above the limit"},
    {WITH("ViT", "\"size\":99999999999999"), ERROR_TOO_LARGE, "'size' is above the limit"},
    {WITH("ViT", "\"size\":{\"height\":224}"), ERROR_MALFORMED, "'size' wants"},
    {WITH("ViT", "\"size\":{\"longest_edge\":224}"), ERROR_UNFIT, "longest_edge"},
    {WITH("ViT", "\"size\":{\"height\":1,\"width\":1,\"shortest_edge\":3}"), ERROR_MALFORMED,
     "'size' wants"},
    {WITH("ViT", "\"size\":{\"shortest_edge\":224}"), ERROR_UNFIT, "leaves the size"},
    {WITH("ViT", "\"do_resize\":false"), ERROR_UNFIT, "leaves the size"},
    {WITH("ViT", "\"size\":[224,224,3]"), ERROR_MALFORMED, "'size' wants two numbers"},
    {WITH("Siglip", "\"size\":224"), ERROR_MALFORMED, "'size' is a number"},
    {WITH("ConvNext", "\"size\":{\"height\":224,\"width\":224}"), ERROR_MALFORMED,
     "\"shortest_edge\" alone"},
    {WITH("ConvNext", "\"size\":224,\"crop_pct\":0"), ERROR_MALFORMED, "'crop_pct'"},
    {WITH("ConvNext", "\"size\":224,\"crop_pct\":1e-9"), ERROR_MALFORMED, "'crop_pct'"},
    {WITH("CLIP", "\"crop_size\":{\"shortest_edge\":224}"), ERROR_UNFIT, "shortest_edge"},
    {WITH("CLIP", "\"crop_size\":{\"height\":224}"), ERROR_MALFORMED, "'crop_size'"},
    {WITH("ViT", "\"image_mean\":[0.5]"), ERROR_UNFIT, "'image_mean' has 1 numbers"},
    {WITH("ViT", "\"image_mean\":[0.5,0.5,\"x\"]"), ERROR_MALFORMED, "'image_mean'"},
    {WITH("ViT", "\"image_std\":[0.5,0,0.5]"), ERROR_MALFORMED, "'image_std' must not be 0"},
    {WITH("ViT", "\"rescale_factor\":\"1/255\""), ERROR_MALFORMED, "'rescale_factor'"},
    {WITH("ViT", "\"decode\":\"quick\""), ERROR_MALFORMED, "'decode'"},
    {WITH("ViT", "\"data_format\":\"diagonal\""), ERROR_MALFORMED, "'data_format'"},
    /* No class and no model_type: nothing may be guessed. */
    {"{\"size\":{\"height\":8,\"width\":8}}", ERROR_MALFORMED, "'do_resize'"},
    {"{\"do_resize\":true,\"resample\":2,\"size\":224}", ERROR_MALFORMED, "'size' is a number"},
    {"{\"do_resize\":true,\"size\":{\"height\":8,\"width\":8}}", ERROR_MALFORMED, "'resample'"},
};

static void what_cannot_be_followed_is_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct model_spec *spec = NULL;
        struct error error = {0};
        int r = package_read_texts(refusals[i].processor, MODEL_CONFIG, NULL, &spec, &error);
        if (r >= 0) {
            fail_msg("accepted: %s", refusals[i].processor);
        }
        assert_null(spec);
        assert_int_equal(r, error_code_errno(refusals[i].code));
        assert_message(&error, refusals[i].code, refusals[i].text);
    }
}

static void switches_that_are_off_are_accepted(void **state)
{
    (void)state;
    struct model_spec *spec = read_ok(
        WITH("ViT", "\"do_sharpen\":false,\"do_pad\":null,\"do_center_crop\":false,"
                    "\"crop_size\":{\"height\":224,\"width\":224},"
                    "\"do_flip_channel_order\":false,\"_valid_processor_keys\":[\"images\"]"),
        MODEL_CONFIG);
    assert_false(spec->pipeline.center_crop);
    assert_false(spec->pipeline.flip_channels);
    model_spec_free(spec);
}

/* PaliGemma's and Florence's packages have them; they change no pixel. */
static void fields_of_a_language_model_beside_it_are_accepted(void **state)
{
    (void)state;
    struct model_spec *spec =
        read_ok(WITH("Siglip", "\"image_seq_length\":1024,\"size\":{\"height\":448,\"width\":448},"
                               "\"auto_map\":{\"AutoProcessor\":\"processing_x.XProcessor\"}"),
                MODEL_CONFIG);
    assert_int_equal(spec->pipeline.resize_height, 448);
    model_spec_free(spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_family_becomes_its_pipeline),
        cmocka_unit_test(what_the_file_leaves_out_is_noted),
        cmocka_unit_test(a_file_without_a_class_takes_it_from_the_model_type),
        cmocka_unit_test(efficientnet_offset_and_top_stand_alone),
        cmocka_unit_test(our_own_fields_are_read),
        cmocka_unit_test(what_cannot_be_followed_is_refused_by_name),
        cmocka_unit_test(switches_that_are_off_are_accepted),
        cmocka_unit_test(fields_of_a_language_model_beside_it_are_accepted),
    };
    return cmocka_run_group_tests_name("model/processor", tests, NULL, NULL);
}
