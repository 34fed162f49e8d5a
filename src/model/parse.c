/* SPDX-License-Identifier: Apache-2.0
 *
 * Interprets a package's JSON files: chooses the source of the pipeline (Hugging Face, OpenCLIP,
 * timm, a preset, none), reads task and labels, and applies situ.json on top.
 */
#include "model/parse.h"

#include <stdio.h>
#include <string.h>

struct documents {
    struct json *processor; /* owned, like all below; NULL if there is none */
    struct json *config;
    struct json *situ;
    struct json *openclip_config;
    struct json *openclip_preprocess;
};

static void cleanup_documents_function(struct documents *documents)
{
    json_free(documents->processor);
    json_free(documents->config);
    json_free(documents->situ);
    json_free(documents->openclip_config);
    json_free(documents->openclip_preprocess);
}
#define cleanup_documents __attribute__((cleanup(cleanup_documents_function)))

static int parse_documents(const struct model_texts *texts, struct documents *documents,
                           struct error *error)
{
    const struct {
        const char *file;
        const struct model_text *text;
        struct json **root;
    } rows[] = {
        {FILE_PROCESSOR, &texts->processor, &documents->processor},
        {FILE_CONFIG, &texts->config, &documents->config},
        {FILE_SITU, &texts->situ, &documents->situ},
        {FILE_OPENCLIP_CONFIG, &texts->openclip_config, &documents->openclip_config},
        {FILE_OPENCLIP_PREPROCESS, &texts->openclip_preprocess, &documents->openclip_preprocess},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!rows[i].text->text) {
            continue;
        }
        int r =
            json_parse(rows[i].text->text, rows[i].text->size, rows[i].file, rows[i].root, error);
        if (r < 0) {
            return r;
        }
        enum json_type type = json_type_of(*rows[i].root);
        if (type != JSON_TYPE_OBJECT) {
            return error_set(error, ERROR_MALFORMED, "%s: wants an object, not %s", rows[i].file,
                             json_type_name(type));
        }
    }
    return 0;
}

/* The file that describes the preprocessing; NULL if there is none. */
static const char *processor_file(const struct documents *documents)
{
    if (documents->processor) {
        return FILE_PROCESSOR;
    }
    if (documents->openclip_config) {
        return FILE_OPENCLIP_CONFIG;
    }
    if (documents->openclip_preprocess) {
        return FILE_OPENCLIP_PREPROCESS;
    }
    return timm_config_is(documents->config) ? FILE_CONFIG : NULL;
}

static int choose_preset(const struct documents *documents, const char *asked,
                         const struct situ_options *options, const char **ret_preset,
                         struct error *error)
{
    const char *kept = options->preset;
    if (asked && kept && strcmp(asked, kept) != 0) {
        return error_set(error, ERROR_MALFORMED,
                         "preset '%.60s' is asked for, but %s of the package says '%.60s'", asked,
                         FILE_SITU, kept);
    }
    *ret_preset = asked ? asked : kept;
    const char *file = processor_file(documents);
    if (*ret_preset && file) {
        return error_set(error, ERROR_MALFORMED,
                         "preset '%.60s' is asked for, but the package has %s, which says what to "
                         "do; leave out one of them",
                         *ret_preset, file);
    }
    return 0;
}

static int parse_preset(const char *name, const struct documents *documents,
                        const struct situ_options *options, struct model_spec *spec,
                        struct error *error)
{
    const struct preset *preset = NULL;
    int r = preset_find(name, &preset, error);
    if (r < 0) {
        return r;
    }
    char family[64];
    int length = snprintf(family, sizeof family, "preset %s", preset->name);
    if (length < 0) {
        return error_set(error, ERROR_INTERNAL, "the name of a preset cannot be written");
    }
    spec->pipeline = preset->pipeline;
    spec->task = preset->task;
    r = spec_set_text(&spec->family, family, error);
    return r < 0 || !documents->config || preset->task == MODEL_TENSOR
               ? r
               : hf_config_parse(documents->config, options->task, (int)preset->task, spec, error);
}

/* TimmWrapperImageProcessor may have timm's configuration in either file. */
static const struct json *timm_wrapped(const struct documents *documents)
{
    const char *type =
        json_get_string(json_member(documents->processor, "image_processor_type"), "");
    if (strcmp(type, "TimmWrapperImageProcessor") != 0) {
        return NULL;
    }
    return timm_config_is(documents->processor) ? documents->processor : documents->config;
}

static int parse_hugging_face(const struct documents *documents, const struct situ_options *options,
                              struct model_spec *spec, struct error *error)
{
    const struct json *wrapped = timm_wrapped(documents);
    if (wrapped) {
        const struct fields timm = {wrapped == documents->processor ? FILE_PROCESSOR : FILE_CONFIG,
                                    wrapped};
        return timm_parse(&timm, options->test_size, spec, error);
    }
    const struct fields processor = {FILE_PROCESSOR, documents->processor};
    int r = hf_processor_parse(&processor, documents->config, spec, error);
    if (r < 0) {
        return r;
    }
    if (documents->config) {
        return hf_config_parse(documents->config, options->task, -1, spec, error);
    }
    if (options->task < 0) {
        return error_set(error, ERROR_MALFORMED,
                         "the package has %s but no %s; state the task in %s: {\"task\": "
                         "\"image-classification\" or \"feature-extraction\"}",
                         FILE_PROCESSOR, FILE_CONFIG, FILE_SITU);
    }
    return 0;
}

/* No file describes the preprocessing of images: tensors in, tensors out. */
static int parse_tensor(const struct documents *documents, const struct situ_options *options,
                        struct model_spec *spec, struct error *error)
{
    const char *architecture =
        json_get_string(json_element(json_member(documents->config, "architectures"), 0), "");
    bool classifies = strstr(architecture, "ForImageClassification") != NULL;
    if (options->task < 0 && (!documents->config || classifies)) {
        return error_set(error, ERROR_MALFORMED,
                         "the package does not say how to prepare an image (there is no %s); give "
                         "a preset such as imagenet, clip or siglip, or tensor for a model that "
                         "takes tensors only",
                         FILE_PROCESSOR);
    }
    if (options->task >= 0 && options->task != MODEL_TENSOR) {
        return error_set(error, ERROR_MALFORMED,
                         "%s says task '%s', but the package has neither %s nor a preset",
                         FILE_SITU, model_task_name((enum model_task)options->task),
                         FILE_PROCESSOR);
    }
    spec->task = MODEL_TENSOR;
    return spec_set_text(&spec->family, "tensor", error);
}

static int parse_source(const struct documents *documents, const char *preset,
                        const struct situ_options *options, struct model_spec *spec,
                        struct error *error)
{
    if (options->task == MODEL_TENSOR) {
        return parse_tensor(documents, options, spec, error);
    }
    if (preset) {
        return parse_preset(preset, documents, options, spec, error);
    }
    if (documents->processor) {
        return parse_hugging_face(documents, options, spec, error);
    }
    if (documents->openclip_config) {
        const struct fields from = {FILE_OPENCLIP_CONFIG, documents->openclip_config};
        return openclip_parse(&from, spec, error);
    }
    if (documents->openclip_preprocess) {
        const struct fields from = {FILE_OPENCLIP_PREPROCESS, documents->openclip_preprocess};
        return openclip_parse(&from, spec, error);
    }
    if (timm_config_is(documents->config)) {
        const struct fields from = {FILE_CONFIG, documents->config};
        return timm_parse(&from, options->test_size, spec, error);
    }
    return parse_tensor(documents, options, spec, error);
}

static void apply_options(const struct situ_options *options, struct model_spec *spec)
{
    if (options->task >= 0) {
        spec->task = (enum model_task)options->task;
    }
    if (options->decode >= 0) {
        spec->pipeline.decode = (enum decode_mode)options->decode;
    }
    if (options->exif_transpose >= 0) {
        spec->pipeline.exif_transpose = options->exif_transpose == 1;
    }
    if (options->softmax >= 0) {
        spec->apply_softmax = options->softmax;
    }
    spec->normalize_embedding = spec->task == MODEL_FEATURE_EXTRACTION;
}

static int check_pipeline(const struct model_spec *spec, struct error *error)
{
    uint32_t height = 0;
    uint32_t width = 0;
    if (spec->task == MODEL_TENSOR) {
        return 0;
    }
    if (pipeline_check(&spec->pipeline) < 0) {
        return error_set(error, ERROR_MALFORMED,
                         "the package's preprocessing (%s) has a value out of range", spec->family);
    }
    if (pipeline_output_size(&spec->pipeline, &height, &width) < 0) {
        return error_set(error, ERROR_UNFIT,
                         "the package's preprocessing (%s) leaves the size of the image open: it "
                         "neither resizes to a fixed height and width nor crops",
                         spec->family);
    }
    return 0;
}

int model_parse(const struct model_texts *texts, const char *preset, struct model_spec *spec,
                struct error *error)
{
    cleanup_documents struct documents documents = {0};
    struct situ_options options = {.decode = -1, .task = -1, .softmax = -1, .exif_transpose = -1};
    spec->apply_softmax = -1;
    spec->pipeline.layout = LAYOUT_NCHW;
    spec->pipeline.datatype = DATATYPE_FP32;
    int r = parse_documents(texts, &documents, error);
    if (r < 0) {
        return r;
    }
    const struct fields situ = {FILE_SITU, documents.situ};
    r = documents.situ ? situ_options_parse(&situ, &options, error) : 0;
    if (r < 0) {
        return r;
    }
    r = choose_preset(&documents, preset, &options, &preset, error);
    if (r < 0) {
        return r;
    }
    r = parse_source(&documents, preset, &options, spec, error);
    if (r < 0) {
        return r;
    }
    r = options.onnx ? spec_set_text(&spec->onnx_path, options.onnx, error) : 0;
    if (r < 0) {
        return r;
    }
    apply_options(&options, spec);
    return check_pipeline(spec, error);
}
