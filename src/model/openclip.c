/* SPDX-License-Identifier: Apache-2.0
 *
 * OpenCLIP: open_clip_config.json (preprocess_cfg inside, the size from the vision tower) or
 * preprocess_cfg.json, as OpenCLIP's image_transform applies it; torchvision's rounding.
 */
#include <string.h>

#include "model/parse.h"
#include "model/statistics.h"

static const char *const known_fields[] = {"size",          "mode",        "mean",       "std",
                                           "interpolation", "resize_mode", "fill_color", NULL};

static int read_size(const struct fields *from, const struct json *root, uint32_t size[2],
                     struct error *error)
{
    /* The vision tower's size overrides the preprocessing's, as when OpenCLIP loads a model. */
    const struct json *tower = json_member(json_member(root, "model_cfg"), "vision_cfg");
    const struct fields vision = {FILE_OPENCLIP_CONFIG ": vision_cfg", tower};
    const struct json *image_size = field_node(&vision, "image_size");
    if (image_size) {
        return field_edge_pair(&vision, "image_size", image_size, size, error);
    }
    const struct json *own = field_node(from, "size");
    return own ? field_edge_pair(from, "size", own, size, error) : 0;
}

static int read_interpolation(const struct fields *from, struct pipeline *p, struct error *error)
{
    const char *name = "bicubic";
    int found = field_string(from, "interpolation", &name, error);
    if (found < 0) {
        return found;
    }
    if (strcmp(name, "bilinear") == 0) {
        p->resample = RESAMPLE_BILINEAR;
    } else if (strcmp(name, "bicubic") == 0 || strcmp(name, "random") == 0) {
        p->resample = RESAMPLE_BICUBIC; /* what OpenCLIP uses for "random" outside training */
    } else {
        return error_set(error, ERROR_UNFIT,
                         "%s: interpolation '%.40s' is not known; OpenCLIP has bicubic and "
                         "bilinear",
                         from->file, name);
    }
    return 0;
}

static int set_longest(const struct fields *from, const uint32_t size[2], struct pipeline *p,
                       struct error *error)
{
    double fill = 0.0;
    int r = field_number(from, "fill_color", &fill, error);
    if (r < 0) {
        return r;
    }
    if (size[0] != size[1] || !(fill >= 0.0 && fill <= 255.0)) {
        return error_set(error, ERROR_UNFIT,
                         "%s: resize_mode 'longest' wants a square size and a fill_color of 0..255",
                         from->file);
    }
    p->resize = RESIZE_LONGEST_EDGE;
    p->resize_height = size[0];
    p->pad = true;
    memset(p->pad_value, (int)fill, sizeof p->pad_value);
    return 0;
}

static int read_geometry(const struct fields *from, const uint32_t size[2], struct pipeline *p,
                         struct error *error)
{
    const char *mode = "shortest";
    int found = field_string(from, "resize_mode", &mode, error);
    if (found < 0) {
        return found;
    }
    p->crop_rounding = CROP_ROUND;
    if (strcmp(mode, "squash") == 0) {
        p->resize = RESIZE_EXACT;
        p->resize_height = size[0];
        p->resize_width = size[1];
        return 0;
    }
    if (strcmp(mode, "longest") == 0) {
        return set_longest(from, size, p, error);
    }
    if (strcmp(mode, "shortest") != 0 || size[0] != size[1]) {
        return error_set(error, ERROR_UNFIT,
                         "%s: resize_mode '%.40s' with size %ux%u is not known; known are shortest "
                         "and longest (square) and squash",
                         from->file, mode, size[0], size[1]);
    }
    p->resize = RESIZE_SHORTEST_EDGE;
    p->resize_height = size[0];
    p->center_crop = true;
    p->crop_height = size[0];
    p->crop_width = size[1];
    return 0;
}

int openclip_parse(const struct fields *openclip, struct model_spec *spec, struct error *error)
{
    static const double mean[3] = CLIP_MEAN;
    static const double std[3] = CLIP_STD;
    struct fields from = *openclip;
    const struct json *nested = field_node(openclip, "preprocess_cfg");
    bool is_nested = json_type_of(nested) == JSON_TYPE_OBJECT;
    if (is_nested || json_type_of(json_member(openclip->object, "model_cfg")) == JSON_TYPE_OBJECT) {
        from.object = nested;
    }
    struct pipeline *p = &spec->pipeline;
    memcpy(p->mean, mean, sizeof mean);
    memcpy(p->std, std, sizeof std);
    p->rescale = true;
    p->rescale_factor = 1.0 / 255.0;
    p->normalize = true;
    spec->task = MODEL_FEATURE_EXTRACTION;
    uint32_t size[2] = {224, 224};
    const char *mode = "RGB";
    int r = spec_set_text(&spec->family, "OpenCLIP", error);
    r = r < 0 ? r : fields_check_known(&from, known_fields, error);
    r = r < 0 ? r : read_size(&from, openclip->object, size, error);
    r = r < 0 ? r : read_interpolation(&from, p, error);
    r = r < 0 ? r : field_triple(&from, "mean", p->mean, error);
    r = r < 0 ? r : field_std(&from, "std", p->std, error);
    r = r < 0 ? r : field_string(&from, "mode", &mode, error);
    if (r < 0) {
        return r;
    }
    if (strcmp(mode, "RGB") != 0) {
        return error_set(error, ERROR_UNFIT, "%s: 'mode' is '%.20s'; only RGB is known", from.file,
                         mode);
    }
    return read_geometry(&from, size, p, error);
}
