/* SPDX-License-Identifier: Apache-2.0
 *
 * config.json -> task and labels; presets and situ.json, which override.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "families.h"
#include "fixture.h"

static struct model_spec *read_ok(const char *processor, const char *config, const char *preset)
{
    struct model_spec *spec = NULL;
    struct error error = {0};
    if (package_read_texts(processor, config, preset, &spec, &error) < 0) {
        fail_msg("%s", error.message);
    }
    return spec;
}

static void read_refused(const char *processor, const char *config, const char *preset,
                         enum error_code code, const char *text)
{
    struct model_spec *spec = NULL;
    struct error error = {0};
    int r = package_read_texts(processor, config, preset, &spec, &error);
    assert_true(r < 0);
    assert_message(&error, code, text);
}

static void the_architecture_tells_the_task(void **state)
{
    (void)state;
    static const struct {
        const char *architecture;
        enum model_task task;
    } cases[] = {
        {"ResNetForImageClassification", MODEL_IMAGE_CLASSIFICATION},
        {"DeiTForImageClassificationWithTeacher", MODEL_IMAGE_CLASSIFICATION},
        {"CLIPVisionModelWithProjection", MODEL_FEATURE_EXTRACTION},
        {"Dinov2Model", MODEL_FEATURE_EXTRACTION},
        {"ViTModel", MODEL_FEATURE_EXTRACTION},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char config[128];
        (void)snprintf(config, sizeof config, "{\"architectures\":[\"%s\"]}",
                       cases[i].architecture);
        struct model_spec *spec = read_ok(VIT, config, NULL);
        assert_int_equal(spec->task, cases[i].task);
        assert_int_equal(spec->normalize_embedding, cases[i].task == MODEL_FEATURE_EXTRACTION);
        assert_int_equal(spec->apply_softmax, -1);
        assert_null(spec->labels);
        model_spec_free(spec);
    }
    read_refused(VIT, "{\"architectures\":[\"SegformerForSemanticSegmentation\"]}", NULL,
                 ERROR_UNFIT, "SegformerForSemanticSegmentation");
    read_refused(VIT, "{}", NULL, ERROR_MALFORMED, "'architectures'");
    read_refused(VIT, NULL, NULL, ERROR_MALFORMED, "no config.json");
}

#define CLASSIFIER "\"architectures\":[\"XForImageClassification\"]"

static void labels_stand_by_index(void **state)
{
    (void)state;
    struct model_spec *spec =
        read_ok(VIT, "{\"id2label\":{\"1\":\"b\",\"0\":\"a, \\\"first\\\"\",\"3\":7}}", NULL);
    assert_int_equal(spec->task, MODEL_IMAGE_CLASSIFICATION);
    assert_int_equal(spec->label_count, 4);
    assert_string_equal(spec->labels[0], "a, \"first\"");
    assert_string_equal(spec->labels[1], "b");
    assert_string_equal(spec->labels[2], "LABEL_2");
    assert_string_equal(spec->labels[3], "7");
    assert_true(spec_has_note(spec, "1 of 4 labels"));
    model_spec_free(spec);

    spec = read_ok(VIT, "{" CLASSIFIER ",\"num_labels\":3,\"id2label\":{\"0\":\"a\"}}", NULL);
    assert_int_equal(spec->label_count, 3);
    assert_string_equal(spec->labels[2], "LABEL_2");
    model_spec_free(spec);
}

static void labels_that_are_no_labels_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *labels;
        enum error_code code;
    } cases[] = {
        {"[\"a\"]", ERROR_MALFORMED},
        {"{\"x\":\"a\"}", ERROR_MALFORMED},
        {"{\"-1\":\"a\"}", ERROR_MALFORMED},
        {"{\"01\":\"a\"}", ERROR_MALFORMED},
        {"{\"\":\"a\"}", ERROR_MALFORMED},
        {"{\"0\":[]}", ERROR_MALFORMED},
        {"{\"0\":null}", ERROR_MALFORMED},
        {"{\"65536\":\"a\"}", ERROR_TOO_LARGE},
        {"{\"99999999999999999999\":\"a\"}", ERROR_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char config[160];
        (void)snprintf(config, sizeof config, "{" CLASSIFIER ",\"id2label\":%s}", cases[i].labels);
        read_refused(VIT, config, NULL, cases[i].code, "config.json: 'id2label'");
    }
    read_refused(VIT, "{" CLASSIFIER ",\"num_labels\":65537,\"id2label\":{\"0\":\"a\"}}", NULL,
                 ERROR_TOO_LARGE, "num_labels");

    char config[LIMIT_LABEL_BYTES + 128];
    int length = snprintf(config, sizeof config, "{" CLASSIFIER ",\"id2label\":{\"0\":\"%0*d\"}}",
                          (int)LIMIT_LABEL_BYTES + 1, 0);
    assert_in_range(length, LIMIT_LABEL_BYTES, sizeof config - 1);
    read_refused(VIT, config, NULL, ERROR_TOO_LARGE, "label 0");
}

static void several_labels_at_once_need_no_softmax(void **state)
{
    (void)state;
    struct model_spec *spec =
        read_ok(VIT, "{" CLASSIFIER ",\"problem_type\":\"multi_label_classification\"}", NULL);
    assert_int_equal(spec->apply_softmax, 0);
    assert_true(spec_has_note(spec, "multi_label_classification"));
    model_spec_free(spec);
}

static void every_preset_becomes_its_pipeline(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum model_task task;
        struct pipeline pipeline;
    } cases[] = {
        {"imagenet",
         MODEL_IMAGE_CLASSIFICATION,
         {SHORTEST(256, RESAMPLE_BILINEAR), CROP(224), .crop_rounding = CROP_ROUND, RESCALE,
          IMAGENET, FP32}},
        {"imagenet-vit",
         MODEL_IMAGE_CLASSIFICATION,
         {SQUARE(224, RESAMPLE_BILINEAR), RESCALE, HALF, FP32}},
        {"mobilenet",
         MODEL_IMAGE_CLASSIFICATION,
         {SHORTEST(256, RESAMPLE_BILINEAR), CROP(224), RESCALE, HALF, FP32}},
        {"raw",
         MODEL_IMAGE_CLASSIFICATION,
         {SHORTEST(256, RESAMPLE_BILINEAR), CROP(224), .crop_rounding = CROP_ROUND, FP32}},
        {"clip",
         MODEL_FEATURE_EXTRACTION,
         {SHORTEST(224, RESAMPLE_BICUBIC), CROP(224), RESCALE, CLIP, FP32}},
        {"siglip", MODEL_FEATURE_EXTRACTION, {SQUARE(224, RESAMPLE_BICUBIC), RESCALE, HALF, FP32}},
        {"dinov2",
         MODEL_FEATURE_EXTRACTION,
         {SHORTEST(256, RESAMPLE_BICUBIC), CROP(224), RESCALE, IMAGENET, FP32}},
        {"tensor", MODEL_TENSOR, {FP32}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct model_spec *spec = read_ok(NULL, NULL, cases[i].name);
        print_message("  %s\n", cases[i].name);
        assert_int_equal(spec->task, cases[i].task);
        assert_pipelines_equal(&spec->pipeline, &cases[i].pipeline);
        assert_non_null(strstr(spec->family, cases[i].name));
        model_spec_free(spec);
    }
    read_refused(NULL, NULL, "resnet", ERROR_MALFORMED, "imagenet, imagenet-vit, mobilenet");
}

static void a_preset_takes_labels_but_no_second_processor(void **state)
{
    (void)state;
    struct model_spec *spec =
        read_ok(NULL, "{" CLASSIFIER ",\"id2label\":{\"0\":\"a\"}}", "imagenet");
    assert_int_equal(spec->label_count, 1);
    model_spec_free(spec);
    read_refused(VIT, "{" CLASSIFIER "}", "imagenet", ERROR_MALFORMED,
                 "has preprocessor_config.json");
    read_refused(NULL, "{\"architecture\":\"resnet50\"}", "imagenet", ERROR_MALFORMED,
                 "has config.json");
}

static void without_preprocessing_it_is_tensors_or_an_error(void **state)
{
    (void)state;
    struct model_spec *spec = read_ok(NULL, "{\"architectures\":[\"BertModel\"]}", NULL);
    assert_int_equal(spec->task, MODEL_TENSOR);
    assert_false(spec->normalize_embedding);
    model_spec_free(spec);
    read_refused(NULL, NULL, NULL, ERROR_MALFORMED, "give a preset");
    read_refused(NULL, "{" CLASSIFIER "}", NULL, ERROR_MALFORMED, "give a preset");
}

static int read_situ(const char *situ, const char *processor, const char *preset,
                     struct model_spec **ret_spec, struct error *error)
{
    struct package package;
    package_make(&package);
    package_write(&package, "model.onnx", "x");
    package_write(&package, "other.onnx", "x");
    package_write(&package, "situ.json", situ);
    if (processor) {
        package_write(&package, "preprocessor_config.json", processor);
        package_write(&package, "config.json", "{" CLASSIFIER ",\"id2label\":{\"0\":\"a\"}}");
    }
    *ret_spec = NULL;
    int r = model_package_read(package.path, preset, ret_spec, error);
    package_remove(&package);
    return r;
}

static void situ_json_overrides(void **state)
{
    (void)state;
    struct model_spec *spec = NULL;
    struct error error = {0};
    assert_int_equal(read_situ("{\"preset\":\"clip\",\"decode\":\"fast\",\"softmax\":true,"
                               "\"task\":\"image-classification\",\"exif_transpose\":true,"
                               "\"onnx\":\"other.onnx\"}",
                               NULL, NULL, &spec, &error),
                     0);
    assert_int_equal(spec->task, MODEL_IMAGE_CLASSIFICATION);
    assert_int_equal(spec->pipeline.decode, DECODE_FAST);
    assert_int_equal(spec->pipeline.resample, RESAMPLE_BICUBIC);
    assert_true(spec->pipeline.exif_transpose);
    assert_int_equal(spec->apply_softmax, 1);
    assert_string_equal(spec->onnx_path, "other.onnx");
    model_spec_free(spec);

    assert_int_equal(
        read_situ("{\"task\":\"feature-extraction\",\"softmax\":false}", VIT, NULL, &spec, &error),
        0);
    assert_int_equal(spec->task, MODEL_FEATURE_EXTRACTION);
    assert_true(spec->normalize_embedding);
    assert_int_equal(spec->apply_softmax, 0);
    model_spec_free(spec);

    assert_int_equal(read_situ("{\"task\":\"tensor\"}", "{\"feature_extractor_type\":\"Odd\"}",
                               NULL, &spec, &error),
                     0);
    assert_int_equal(spec->task, MODEL_TENSOR);
    model_spec_free(spec);

    /* The same preset given twice is not a contradiction. */
    assert_int_equal(read_situ("{\"preset\":\"clip\"}", NULL, "clip", &spec, &error), 0);
    model_spec_free(spec);
}

static void situ_json_is_read_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *situ;
        const char *preset;
        enum error_code code;
        const char *text;
    } cases[] = {
        {"{\"preset\":\"clip\",\"shrpen\":1}", NULL, ERROR_UNFIT, "situ.json: unknown field"},
        {"{\"preset\":\"clip\"}", "siglip", ERROR_MALFORMED, "situ.json of the package says"},
        {"{\"preset\":7}", NULL, ERROR_MALFORMED, "'preset' wants a string"},
        {"{\"preset\":\"clip\",\"task\":\"guess\"}", NULL, ERROR_MALFORMED, "'task' is"},
        {"{\"preset\":\"clip\",\"decode\":\"slow\"}", NULL, ERROR_MALFORMED, "'decode' is"},
        {"{\"preset\":\"clip\",\"softmax\":1}", NULL, ERROR_MALFORMED, "'softmax' wants"},
        {"{\"preset\":\"clip\",\"onnx\":\"../x.onnx\"}", NULL, ERROR_MALFORMED, "'onnx' wants"},
        {"{\"preset\":\"clip\",\"onnx\":\"/etc/passwd\"}", NULL, ERROR_MALFORMED, "'onnx' wants"},
        {"{\"preset\":\"clip\",\"onnx\":\"no.onnx\"}", NULL, ERROR_NOT_FOUND, "'onnx' names"},
        {"{\"task\":\"image-classification\"}", NULL, ERROR_MALFORMED, "nor a preset"},
        {"{\"preset\":\"tensor\",\"task\":\"feature-extraction\"}", NULL, ERROR_UNFIT,
         "leaves the size"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct model_spec *spec = NULL;
        struct error error = {0};
        int r = read_situ(cases[i].situ, NULL, cases[i].preset, &spec, &error);
        if (r >= 0) {
            fail_msg("accepted: %s", cases[i].situ);
        }
        assert_message(&error, cases[i].code, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_architecture_tells_the_task),
        cmocka_unit_test(labels_stand_by_index),
        cmocka_unit_test(labels_that_are_no_labels_are_refused),
        cmocka_unit_test(several_labels_at_once_need_no_softmax),
        cmocka_unit_test(every_preset_becomes_its_pipeline),
        cmocka_unit_test(a_preset_takes_labels_but_no_second_processor),
        cmocka_unit_test(without_preprocessing_it_is_tensors_or_an_error),
        cmocka_unit_test(situ_json_overrides),
        cmocka_unit_test(situ_json_is_read_strictly),
    };
    return cmocka_run_group_tests_name("model/config", tests, NULL, NULL);
}
