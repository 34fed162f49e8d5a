/* SPDX-License-Identifier: Apache-2.0
 *
 * config.json of timm and the configurations of OpenCLIP -> the transforms that these libraries
 * make from them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "families.h"
#include "fixture.h"

#define TORCH .crop_rounding = CROP_ROUND
#define TIMM_STATISTICS "\"mean\":[0.485,0.456,0.406],\"std\":[0.229,0.224,0.225]"
#define TIMM(fields)                                                                               \
    "{\"architecture\":\"resnet50\",\"num_classes\":1000,\"num_features\":2048,"                   \
    "\"pretrained_cfg\":{\"tag\":\"a1_in1k\",\"custom_load\":false,\"num_classes\":1000,"          \
    "\"pool_size\":[7,7],\"first_conv\":\"conv1\",\"classifier\":\"fc\"," fields "}}"

struct sample {
    const char *file;
    const char *text;
    struct pipeline pipeline;
};

static const struct sample samples[] = {
    {"config.json",
     TIMM("\"input_size\":[3,224,224],\"fixed_input_size\":false,\"interpolation\":\"bicubic\","
          "\"crop_pct\":0.95,\"crop_mode\":\"center\",\"test_input_size\":[3,288,288],"
          "\"test_crop_pct\":1.0," TIMM_STATISTICS),
     {SHORTEST(235, RESAMPLE_BICUBIC), CROP(224), TORCH, RESCALE, IMAGENET, FP32}},
    {"config.json", /* flat, as before pretrained_cfg */
     "{\"architecture\":\"x\",\"num_classes\":10,\"input_size\":[3,240,240],\"crop_pct\":0.9,"
     "\"interpolation\":\"bilinear\",\"first_conv\":\"c\",\"global_pool\":\"avg\"," TIMM_STATISTICS
     "}",
     {SHORTEST(266, RESAMPLE_BILINEAR), CROP(240), TORCH, RESCALE, IMAGENET, FP32}},
    {"config.json", /* timm's own defaults */
     "{\"architecture\":\"x\",\"pretrained_cfg\":{}}",
     {SHORTEST(256, RESAMPLE_BICUBIC), CROP(224), TORCH, RESCALE, IMAGENET, FP32}},
    {"config.json",
     TIMM("\"input_size\":[3,384,256],\"interpolation\":\"lanczos\",\"crop_pct\":0.96,"
          "\"crop_mode\":\"squash\",\"mean\":[0.5,0.5,0.5],\"std\":[0.5,0.5,0.5]"),
     {.resize = RESIZE_EXACT,
      .resize_height = 400,
      .resize_width = 266,
      .resample = RESAMPLE_LANCZOS,
      .center_crop = true,
      .crop_height = 384,
      .crop_width = 256,
      TORCH,
      RESCALE,
      HALF,
      FP32}},
    {"config.json",
     TIMM("\"input_size\":[3,256,256],\"interpolation\":\"bicubic\",\"crop_pct\":1.0,"
          "\"crop_mode\":\"border\"," TIMM_STATISTICS),
     {.resize = RESIZE_LONGEST_EDGE,
      .resize_height = 256,
      .resample = RESAMPLE_BICUBIC,
      .pad = true,
      .pad_value = {124, 116, 104},
      RESCALE,
      IMAGENET,
      FP32}},
    {"open_clip_config.json",
     "{\"model_cfg\":{\"embed_dim\":512,\"vision_cfg\":{\"image_size\":336,\"layers\":12}},"
     "\"preprocess_cfg\":{\"mean\":[0.5,0.5,0.5],\"std\":[0.5,0.5,0.5],"
     "\"interpolation\":\"bilinear\",\"resize_mode\":\"squash\"}}",
     {SQUARE(336, RESAMPLE_BILINEAR), RESCALE, HALF, FP32}},
    {"open_clip_config.json", /* all defaults except the tower's size */
     "{\"model_cfg\":{\"vision_cfg\":{\"image_size\":[240,240]}}}",
     {SHORTEST(240, RESAMPLE_BICUBIC), CROP(240), TORCH, RESCALE, CLIP, FP32}},
    {"preprocess_cfg.json",
     "{\"size\":224,\"mode\":\"RGB\",\"interpolation\":\"bicubic\",\"resize_mode\":\"shortest\","
     "\"fill_color\":0,\"mean\":[0.48145466,0.4578275,0.40821073],"
     "\"std\":[0.26862954,0.26130258,0.27577711]}",
     {SHORTEST(224, RESAMPLE_BICUBIC), CROP(224), TORCH, RESCALE, CLIP, FP32}},
    {"preprocess_cfg.json",
     "{\"size\":[256,256],\"resize_mode\":\"longest\",\"fill_color\":127}",
     {.resize = RESIZE_LONGEST_EDGE,
      .resize_height = 256,
      .resample = RESAMPLE_BICUBIC,
      .pad = true,
      .pad_value = {127, 127, 127},
      RESCALE,
      CLIP,
      FP32}},
};

static int read_file(const char *file, const char *text, const char *situ,
                     struct model_spec **ret_spec, struct error *error)
{
    struct package package;
    package_make(&package);
    package_write(&package, "visual.onnx", "x");
    package_write(&package, file, text);
    if (situ) {
        package_write(&package, "situ.json", situ);
    }
    *ret_spec = NULL;
    int r = model_package_read(package.path, NULL, ret_spec, error);
    package_remove(&package);
    return r;
}

static struct model_spec *read_ok(const char *file, const char *text, const char *situ)
{
    struct model_spec *spec = NULL;
    struct error error = {0};
    if (read_file(file, text, situ, &spec, &error) < 0) {
        fail_msg("%s", error.message);
    }
    return spec;
}

static void every_configuration_becomes_its_transform(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct model_spec *spec = read_ok(samples[i].file, samples[i].text, NULL);
        print_message("  %zu %s\n", i, samples[i].file);
        assert_pipelines_equal(&spec->pipeline, &samples[i].pipeline);
        assert_string_equal(spec->onnx_path, "visual.onnx");
        bool timm = strcmp(samples[i].file, "config.json") == 0;
        assert_string_equal(spec->family, timm ? "timm" : "OpenCLIP");
        assert_int_equal(spec->task, timm ? MODEL_IMAGE_CLASSIFICATION : MODEL_FEATURE_EXTRACTION);
        if (spec->pipeline.resize == RESIZE_LONGEST_EDGE) {
            /* The other edge is rounded, not cut, by both libraries. */
            assert_int_equal(spec->pipeline.crop_rounding, CROP_ROUND);
        }
        model_spec_free(spec);
    }
}

static void the_test_size_is_used_where_asked_for(void **state)
{
    (void)state;
    struct model_spec *spec = read_ok("config.json", samples[0].text, NULL);
    assert_true(spec_has_note(spec, "test_input_size"));
    model_spec_free(spec);
    spec = read_ok("config.json", samples[0].text, "{\"use_test_input_size\":true}");
    assert_int_equal(spec->pipeline.resize_height, 288);
    assert_int_equal(spec->pipeline.crop_height, 288);
    model_spec_free(spec);
}

static void timm_labels_are_described(void **state)
{
    (void)state;
    struct model_spec *spec = read_ok(
        "config.json",
        "{\"architecture\":\"x\",\"num_classes\":3,\"label_names\":[\"n01\",\"n02\",\"n03\"],"
        "\"label_descriptions\":{\"n01\":\"tench\",\"n03\":\"shark\"},\"pretrained_cfg\":{}}",
        NULL);
    assert_int_equal(spec->label_count, 3);
    assert_string_equal(spec->labels[0], "tench");
    assert_string_equal(spec->labels[1], "n02");
    assert_string_equal(spec->labels[2], "shark");
    model_spec_free(spec);
}

static void timm_without_classes_extracts_features(void **state)
{
    (void)state;
    struct model_spec *spec = read_ok(
        "config.json", "{\"architecture\":\"x\",\"num_classes\":0,\"pretrained_cfg\":{}}", NULL);
    assert_int_equal(spec->task, MODEL_FEATURE_EXTRACTION);
    model_spec_free(spec);
}

static void the_timm_wrapper_of_transformers_is_timm(void **state)
{
    (void)state;
    struct model_spec *spec =
        read_ok("preprocessor_config.json",
                "{\"image_processor_type\":\"TimmWrapperImageProcessor\",\"architecture\":\"x\","
                "\"pretrained_cfg\":{\"input_size\":[3,160,160],\"crop_pct\":1.0,"
                "\"interpolation\":\"bicubic\"}}",
                NULL);
    assert_string_equal(spec->family, "timm");
    assert_int_equal(spec->pipeline.crop_height, 160);
    model_spec_free(spec);
}

static void what_cannot_be_followed_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        const char *text;
        const char *message;
    } cases[] = {
        {"config.json", TIMM("\"interpolation\":\"random\""), "interpolation 'random'"},
        {"config.json", TIMM("\"crop_mode\":\"spiral\""), "crop_mode 'spiral'"},
        {"config.json", TIMM("\"crop_border_pixels\":4"), "'crop_border_pixels'"},
        {"config.json", TIMM("\"input_size\":[1,28,28]"), "'input_size'"},
        {"config.json", TIMM("\"input_size\":[3,224,160]"), "not square"},
        {"config.json", TIMM("\"crop_pct\":1.5"), "'crop_pct'"},
        {"config.json", TIMM("\"crop_pct\":0.9,\"crop_mode\":\"border\""), "'border'"},
        {"preprocess_cfg.json", "{\"resize_mode\":\"cover\"}", "resize_mode 'cover'"},
        {"preprocess_cfg.json", "{\"size\":[224,160]}", "resize_mode 'shortest'"},
        {"preprocess_cfg.json", "{\"interpolation\":\"nearest\"}", "interpolation 'nearest'"},
        {"preprocess_cfg.json", "{\"mode\":\"L\"}", "'mode'"},
        {"preprocess_cfg.json", "{\"blur\":2}", "'blur'"},
        {"preprocess_cfg.json", "{\"resize_mode\":\"longest\",\"fill_color\":300}", "fill_color"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct model_spec *spec = NULL;
        struct error error = {0};
        if (read_file(cases[i].file, cases[i].text, NULL, &spec, &error) >= 0) {
            fail_msg("accepted: %s", cases[i].text);
        }
        assert_message(&error, ERROR_UNFIT, cases[i].message);
        assert_non_null(strstr(error.message, cases[i].file));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_configuration_becomes_its_transform),
        cmocka_unit_test(the_test_size_is_used_where_asked_for),
        cmocka_unit_test(timm_labels_are_described),
        cmocka_unit_test(timm_without_classes_extracts_features),
        cmocka_unit_test(the_timm_wrapper_of_transformers_is_timm),
        cmocka_unit_test(what_cannot_be_followed_is_refused),
    };
    return cmocka_run_group_tests_name("model/timm_openclip", tests, NULL, NULL);
}
