/* SPDX-License-Identifier: Apache-2.0
 *
 * config.json of timm: the evaluation transform that timm makes from `pretrained_cfg` (or from the
 * same fields at the top level, in older files), and the labels. torchvision's rounding.
 */
#include <math.h>
#include <string.h>

#include "model/parse.h"
#include "model/statistics.h"

/* Fields of pretrained_cfg: those read here, then the origin of the weights and the structure of
 * the network, which do not affect preprocessing. */
static const char *const known_fields[] = {"input_size",
                                           "test_input_size",
                                           "interpolation",
                                           "crop_pct",
                                           "test_crop_pct",
                                           "crop_mode",
                                           "mean",
                                           "std",
                                           "num_classes",
                                           "label_names",
                                           "label_descriptions",
                                           "url",
                                           "file",
                                           "hf_hub_id",
                                           "hf_hub_filename",
                                           "source",
                                           "tag",
                                           "custom_load",
                                           "state_dict",
                                           "architecture",
                                           "architectures",
                                           "license",
                                           "description",
                                           "origin_url",
                                           "paper_name",
                                           "paper_ids",
                                           "notes",
                                           "label_offset",
                                           "pool_size",
                                           "test_pool_size",
                                           "first_conv",
                                           "classifier",
                                           "min_input_size",
                                           "fixed_input_size",
                                           "num_features",
                                           "global_pool",
                                           "model_args",
                                           "pretrained_cfg",
                                           "model_type",
                                           "torch_dtype",
                                           "dtype",
                                           "transformers_version",
                                           "initializer_range",
                                           "do_pooling",
                                           "problem_type",
                                           "id2label",
                                           "label2id",
                                           "num_labels",
                                           "image_processor_type",
                                           "processor_class",
                                           NULL};

struct timm_eval {
    uint32_t height;
    uint32_t width;
    double crop_pct;
    const char *crop_mode;
    const char *file;
};

bool timm_config_is(const struct json *config)
{
    return json_type_of(json_member(config, "pretrained_cfg")) == JSON_TYPE_OBJECT ||
           json_type_of(json_member(config, "architecture")) == JSON_TYPE_STRING;
}

/* [channels, height, width] */
static int read_input_size(const struct fields *from, const char *key, struct timm_eval *eval,
                           struct error *error)
{
    const struct json *node = field_node(from, key);
    if (!node) {
        return 0;
    }
    if (json_length(node) != 3 || json_get_integer(json_element(node, 0), 0) != 3) {
        return error_set(error, ERROR_UNFIT, "%s: '%s' wants [3, height, width]", from->file, key);
    }
    uint32_t height[2] = {0, 0};
    uint32_t width[2] = {0, 0};
    int r = field_edge_pair(from, key, json_element(node, 1), height, error);
    if (r == 0) {
        r = field_edge_pair(from, key, json_element(node, 2), width, error);
    }
    if (r < 0) {
        return r;
    }
    eval->height = height[0];
    eval->width = width[0];
    return 1;
}

static int read_crop_pct(const struct fields *from, const char *key, struct timm_eval *eval,
                         struct error *error)
{
    double crop_pct = eval->crop_pct;
    int found = field_number(from, key, &crop_pct, error);
    if (found <= 0 || crop_pct == 0.0) { /* for timm 0 means not set */
        return found < 0 ? found : 0;
    }
    if (!(crop_pct > 0.0) || crop_pct > 1.0) {
        return error_set(error, ERROR_UNFIT, "%s: '%s' wants a number above 0, at most 1",
                         from->file, key);
    }
    eval->crop_pct = crop_pct;
    return 1;
}

static int read_eval(const struct fields *from, bool test_size, struct timm_eval *eval,
                     struct error *error)
{
    int r = read_input_size(from, "input_size", eval, error);
    r = r < 0 ? r : read_crop_pct(from, "crop_pct", eval, error);
    if (r >= 0 && test_size) {
        r = read_input_size(from, "test_input_size", eval, error);
        r = r < 0 ? r : read_crop_pct(from, "test_crop_pct", eval, error);
    }
    r = r < 0 ? r : field_string(from, "crop_mode", &eval->crop_mode, error);
    return r < 0 ? r : 0;
}

static int set_crop(struct pipeline *p, const struct timm_eval *eval, double scaled_height,
                    double scaled_width, struct error *error)
{
    if (scaled_height > PIPELINE_EDGE_MAX || scaled_width > PIPELINE_EDGE_MAX) {
        return error_set(error, ERROR_TOO_LARGE,
                         "%s: 'crop_pct' makes an edge above the limit of %d pixels", eval->file,
                         PIPELINE_EDGE_MAX);
    }
    p->resize_height = (uint32_t)scaled_height;
    p->center_crop = true;
    p->crop_rounding = CROP_ROUND;
    p->crop_height = eval->height;
    p->crop_width = eval->width;
    return 0;
}

/* The border is the mean colour; a pipeline can only express the case that loses nothing. */
static int set_border(struct pipeline *p, const struct timm_eval *eval, struct error *error)
{
    if (eval->height != eval->width || p->resize_height != eval->height) {
        return error_set(error, ERROR_UNFIT,
                         "%s: crop_mode 'border' is known for square inputs with crop_pct 1 only",
                         eval->file);
    }
    p->resize = RESIZE_LONGEST_EDGE;
    p->center_crop = false;
    p->crop_height = 0;
    p->crop_width = 0;
    p->pad = true;
    for (int c = 0; c < 3; c++) {
        double value = rint(255.0 * p->mean[c]);
        p->pad_value[c] = (uint8_t)fmin(fmax(value, 0.0), 255.0);
    }
    return 0;
}

static int set_geometry(struct pipeline *p, const struct timm_eval *eval, struct error *error)
{
    double height = floor((double)eval->height / eval->crop_pct);
    double width = floor((double)eval->width / eval->crop_pct);
    int r = set_crop(p, eval, height, width, error);
    if (r < 0) {
        return r;
    }
    if (strcmp(eval->crop_mode, "squash") == 0) {
        p->resize = RESIZE_EXACT;
        p->resize_width = (uint32_t)width;
        return 0;
    }
    if (strcmp(eval->crop_mode, "border") == 0) {
        return set_border(p, eval, error);
    }
    if (strcmp(eval->crop_mode, "center") != 0) {
        return error_set(error, ERROR_UNFIT,
                         "%s: crop_mode '%.40s' is not known; known are center, squash, border",
                         eval->file, eval->crop_mode);
    }
    if (eval->height != eval->width) {
        return error_set(error, ERROR_UNFIT,
                         "%s: 'input_size' %ux%u is not square, which crop_mode 'center' needs "
                         "here",
                         eval->file, eval->height, eval->width);
    }
    p->resize = RESIZE_SHORTEST_EDGE;
    return 0;
}

static int read_interpolation(const struct fields *from, struct model_spec *spec,
                              struct error *error)
{
    const char *name = NULL;
    int found = field_string(from, "interpolation", &name, error);
    if (found < 0) {
        return found;
    }
    if (!found || name[0] == '\0') {
        spec->pipeline.resample = RESAMPLE_BICUBIC;
        return spec_note(spec, error,
                         "interpolation: bicubic is not in %s; taken from timm's defaults",
                         from->file);
    }
    int resample = fields_parse_resample(name);
    if (resample < 0) {
        return error_set(error, ERROR_UNFIT, "%s: interpolation '%.40s' is not known", from->file,
                         name);
    }
    spec->pipeline.resample = (enum resample)resample;
    return 0;
}

static int read_pipeline(const struct fields *from, bool test_size, struct model_spec *spec,
                         struct error *error)
{
    static const double mean[3] = IMAGENET_MEAN;
    static const double std[3] = IMAGENET_STD;
    struct timm_eval eval = {224, 224, 0.875, "center", from->file};
    struct pipeline *p = &spec->pipeline;
    memcpy(p->mean, mean, sizeof mean);
    memcpy(p->std, std, sizeof std);
    p->rescale = true;
    p->rescale_factor = 1.0 / 255.0;
    p->normalize = true;
    int r = read_interpolation(from, spec, error);
    r = r < 0 ? r : field_triple(from, "mean", p->mean, error);
    r = r < 0 ? r : field_std(from, "std", p->std, error);
    r = r < 0 ? r : read_eval(from, test_size, &eval, error);
    if (r < 0) {
        return r;
    }
    if (!test_size && field_node(from, "test_input_size")) {
        r = spec_note(spec, error,
                      "test_input_size: not used, as timm's own default; %s takes "
                      "{\"use_test_input_size\": true} for a model exported at that size",
                      FILE_SITU);
    }
    return r < 0 ? r : set_geometry(p, &eval, error);
}

/* The text of a class: its description if there is one, otherwise its name. */
static const char *label_text(const struct json *descriptions, const char *name)
{
    return json_get_string(json_member(descriptions, name), name);
}

static int read_labels(const struct fields *from, struct model_spec *spec, struct error *error)
{
    const struct json *names = field_node(from, "label_names");
    if (!names) {
        return 0;
    }
    if (json_type_of(names) != JSON_TYPE_ARRAY) {
        return error_set(error, ERROR_MALFORMED, "%s: 'label_names' wants a list, not %s",
                         from->file, json_type_name(json_type_of(names)));
    }
    const struct json *descriptions = field_node(from, "label_descriptions");
    int r = spec_labels_reserve(spec, json_length(names), from->file, error);
    for (size_t i = 0; r == 0 && i < json_length(names); i++) {
        const char *name = json_get_string(json_element(names, i), NULL);
        if (!name) {
            return error_set(error, ERROR_MALFORMED,
                             "%s: 'label_names': element %zu is not a string", from->file, i);
        }
        r = spec_label_set(spec, i, label_text(descriptions, name), from->file, error);
    }
    return r;
}

int timm_parse(const struct fields *config, bool test_size, struct model_spec *spec,
               struct error *error)
{
    struct fields from = *config;
    const struct json *nested = field_node(config, "pretrained_cfg");
    if (json_type_of(nested) == JSON_TYPE_OBJECT) {
        from.object = nested;
    }
    int64_t classes = json_get_integer(field_node(config, "num_classes"), -1);
    if (classes < 0) {
        classes = json_get_integer(field_node(&from, "num_classes"), -1);
    }
    spec->task = classes == 0 ? MODEL_FEATURE_EXTRACTION : MODEL_IMAGE_CLASSIFICATION;
    int r = spec_set_text(&spec->family, "timm", error);
    r = r < 0 ? r : fields_check_known(&from, known_fields, error);
    r = r < 0 ? r : read_pipeline(&from, test_size, spec, error);
    if (r < 0 || spec->task != MODEL_IMAGE_CLASSIFICATION) {
        return r;
    }
    const struct fields *labels = field_node(config, "label_names") ? config : &from;
    return read_labels(labels, spec, error);
}
