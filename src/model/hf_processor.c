/* SPDX-License-Identifier: Apache-2.0
 *
 * preprocessor_config.json of Hugging Face transformers -> struct pipeline. What the file leaves
 * out is taken from the table of classes and noted; what it says and the class would not do, or we
 * do not know, is refused by name.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/hf_class.h"
#include "model/parse.h"

/* Fields that change no number: names, bookkeeping, labels of segmentation maps, and what the fast
 * classes write of how a call is made. */
static const char *const known_fields[] = {
    /* read below */
    "do_resize", "size", "resample", "do_center_crop", "crop_size", "crop_pct", "do_rescale",
    "rescale_factor", "rescale_offset", "do_normalize", "include_top", "image_mean", "image_std",
    "do_flip_channel_order", "do_exif_transpose", "decode", "default_to_square", "data_format",
    /* what we do in any case */
    "do_convert_rgb",
    /* harmless */
    "image_processor_type", "feature_extractor_type", "processor_class", "_processor_class",
    "_valid_processor_keys", "_auto_class", "_name_or_path", "name_or_path", "model_input_names",
    "transformers_version", "return_tensors", "input_data_format", "device", "disable_grouping",
    "do_reduce_labels", "reduce_labels", "reduce_zero_label", "num_channels",
    /* how many tokens a language model makes of the image */
    "image_seq_length",
    /* looked at in check_auto_map() */
    "auto_map", NULL};

struct reading {
    struct fields from;
    const struct hf_class *class;
    bool fast;
    struct model_spec *spec;
    struct pipeline *p; /* spec->pipeline */
};

static int note_default(const struct reading *r, const char *field, struct error *error,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));

static int note_default(const struct reading *r, const char *field, struct error *error,
                        const char *format, ...)
{
    char value[96];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    return spec_note(r->spec, error, "%s: %s is not in %s; taken from the class %s", field,
                     length > 0 ? value : "", r->from.file, r->spec->family);
}

/* A do_... switch: read, or the class's default with a note; a class that does not know it must not
 * be asked for it. */
static int read_switch(const struct reading *r, const char *field, bool known, bool fallback,
                       bool *ret_value, struct error *error)
{
    bool value = false;
    int found = field_bool(&r->from, field, &value, error);
    if (found < 0) {
        return found;
    }
    if (found && value && !known && r->class->stem) {
        return error_set(error, ERROR_UNFIT,
                         "%s: '%s' is true, but %s does not do that; set it to false, or name the "
                         "class that does",
                         r->from.file, field, r->spec->family);
    }
    if (!found && !r->class->stem) {
        return error_set(error, ERROR_MALFORMED,
                         "%s: neither 'image_processor_type' nor '%s' is stated", r->from.file,
                         field);
    }
    *ret_value = found ? value : fallback;
    if (!found && fallback) {
        return note_default(r, field, error, "true");
    }
    return 0;
}

static const char *resample_word(enum resample resample)
{
    static const char *const words[] = {"nearest", "Lanczos", "bilinear",
                                        "bicubic", "box",     "Hamming"};
    return words[resample];
}

static int read_resample(const struct reading *r, struct error *error)
{
    const struct json *node = field_node(&r->from, "resample");
    if (!node) {
        if (!r->class->stem) {
            return error_set(error, ERROR_MALFORMED,
                             "%s: neither 'image_processor_type' nor 'resample' is stated",
                             r->from.file);
        }
        r->p->resample = r->class->resample;
        return note_default(r, "resample", error, "%u (%s)", (unsigned)r->class->resample,
                            resample_word(r->class->resample));
    }
    int64_t value = json_get_integer(node, -1);
    if (value < RESAMPLE_NEAREST || value > RESAMPLE_HAMMING) {
        return error_set(error, ERROR_MALFORMED,
                         "%s: 'resample' wants a number from 0 (nearest) to 5 (Hamming)",
                         r->from.file);
    }
    r->p->resample = (enum resample)value;
    return 0;
}

static void set_exact(struct pipeline *p, uint32_t height, uint32_t width)
{
    p->resize = RESIZE_EXACT;
    p->resize_height = height;
    p->resize_width = width;
}

static void set_shortest(struct pipeline *p, uint32_t edge)
{
    p->resize = RESIZE_SHORTEST_EDGE;
    p->resize_height = edge;
    p->resize_width = 0;
}

/* Below 384 the shortest edge is made int(edge / crop_pct) and the centre cropped; from 384 on the
 * whole image is warped to a square. */
static int set_convnext(const struct reading *r, uint32_t edge, struct error *error)
{
    double crop_pct = 224.0 / 256.0;
    int found = field_number(&r->from, "crop_pct", &crop_pct, error);
    if (found < 0) {
        return found;
    }
    if (edge >= 384) {
        set_exact(r->p, edge, edge);
        return 0;
    }
    if (!(crop_pct > 0.0) || (double)edge / crop_pct >= PIPELINE_EDGE_MAX + 1.0 ||
        (double)edge / crop_pct < 1.0) {
        return error_set(error, ERROR_MALFORMED,
                         "%s: 'crop_pct' makes a shortest edge outside 1..%d of %u", r->from.file,
                         PIPELINE_EDGE_MAX, edge);
    }
    set_shortest(r->p, (uint32_t)((double)edge / crop_pct));
    r->p->center_crop = true;
    r->p->crop_height = edge;
    r->p->crop_width = edge;
    return found ? 0 : note_default(r, "crop_pct", error, "0.875");
}

static int set_edge(const struct reading *r, uint32_t edge, bool square, struct error *error)
{
    if (r->class->size == HF_SIZE_CONVNEXT) {
        return set_convnext(r, edge, error);
    }
    if (square) {
        set_exact(r->p, edge, edge);
    } else {
        set_shortest(r->p, edge);
    }
    return 0;
}

static int read_size_number(const struct reading *r, const struct json *node, struct error *error)
{
    uint32_t pair[2];
    int result = field_edge_pair(&r->from, "size", node, pair, error);
    if (result < 0) {
        return result;
    }
    bool square = r->class->size == HF_SIZE_EXACT;
    int found = field_bool(&r->from, "default_to_square", &square, error);
    if (found < 0) {
        return found;
    }
    /* SigLIP's reads a number as the shortest edge and then wants a height. */
    bool ambiguous = r->class->stem && strcmp(r->class->stem, "Siglip") == 0;
    if ((r->class->size == HF_SIZE_STATED || ambiguous) && !found) {
        return error_set(error, ERROR_MALFORMED,
                         "%s: 'size' is a number, which has no one meaning here; write "
                         "{\"height\": , \"width\": } or {\"shortest_edge\": }",
                         r->from.file);
    }
    return set_edge(r, pair[0], square, error);
}

static int read_size_object(const struct reading *r, const struct json *node, struct error *error)
{
    const struct fields size = {"preprocessor_config.json: size", node};
    static const char *const known[] = {"height", "width", "shortest_edge", NULL};
    uint32_t height = 0;
    uint32_t width = 0;
    uint32_t shortest = 0;
    int result = fields_check_known(&size, known, error);
    int has_height = result < 0 ? result : field_edge(&size, "height", &height, error);
    int has_width = has_height < 0 ? has_height : field_edge(&size, "width", &width, error);
    int has_shortest =
        has_width < 0 ? has_width : field_edge(&size, "shortest_edge", &shortest, error);
    if (has_shortest < 0) {
        return has_shortest;
    }
    if (has_shortest + has_height == 1 && has_height == has_width) {
        if (has_shortest) {
            return set_edge(r, shortest, false, error);
        }
        if (r->class->size != HF_SIZE_CONVNEXT) {
            set_exact(r->p, height, width);
            return 0;
        }
    }
    return error_set(error, ERROR_MALFORMED, "%s: 'size' wants %s\"shortest_edge\" alone",
                     r->from.file,
                     r->class->size == HF_SIZE_CONVNEXT ? "" : "\"height\" and \"width\", or ");
}

static int read_resize(const struct reading *r, struct error *error)
{
    bool resize = false;
    int result = read_switch(r, "do_resize", true, true, &resize, error);
    if (result < 0 || !resize) {
        return result;
    }
    result = read_resample(r, error);
    if (result < 0) {
        return result;
    }
    const struct json *node = field_node(&r->from, "size");
    if (json_type_of(node) == JSON_TYPE_OBJECT) {
        return read_size_object(r, node, error);
    }
    if (json_type_of(node) == JSON_TYPE_ARRAY) {
        uint32_t pair[2];
        result = field_edge_pair(&r->from, "size", node, pair, error);
        if (result == 0) {
            set_exact(r->p, pair[0], pair[1]);
        }
        return result;
    }
    if (node) {
        return read_size_number(r, node, error);
    }
    if (!r->class->stem) {
        return error_set(error, ERROR_MALFORMED,
                         "%s: neither 'image_processor_type' nor 'size' is stated", r->from.file);
    }
    result = note_default(r, "size", error, "%u", r->class->edge);
    return result < 0 ? result
                      : set_edge(r, r->class->edge, r->class->size == HF_SIZE_EXACT, error);
}

static int read_crop_size(const struct reading *r, struct error *error)
{
    const struct json *node = field_node(&r->from, "crop_size");
    uint32_t pair[2] = {r->class->crop_edge, r->class->crop_edge};
    int result = 0;
    if (json_type_of(node) == JSON_TYPE_OBJECT) {
        const struct fields size = {"preprocessor_config.json: crop_size", node};
        static const char *const known[] = {"height", "width", NULL};
        result = fields_check_known(&size, known, error);
        int has_height = result < 0 ? result : field_edge(&size, "height", &pair[0], error);
        int has_width = has_height < 0 ? has_height : field_edge(&size, "width", &pair[1], error);
        if (has_width < 0) {
            return has_width;
        }
        if (!has_height || !has_width) {
            return error_set(error, ERROR_MALFORMED, "%s: 'crop_size' wants height and width",
                             r->from.file);
        }
    } else if (node) {
        result = field_edge_pair(&r->from, "crop_size", node, pair, error);
    } else if (r->class->crop_edge == 0) {
        return error_set(error, ERROR_MALFORMED, "%s: 'do_center_crop' is true without 'crop_size'",
                         r->from.file);
    } else {
        result = note_default(r, "crop_size", error, "%u", r->class->crop_edge);
    }
    r->p->center_crop = true;
    r->p->crop_height = pair[0];
    r->p->crop_width = pair[1];
    return result;
}

static int read_crop(const struct reading *r, struct error *error)
{
    if (r->class->size != HF_SIZE_CONVNEXT && field_node(&r->from, "crop_pct")) {
        return error_set(error, ERROR_UNFIT,
                         "%s: 'crop_pct' is stated, but only ConvNextImageProcessor has it",
                         r->from.file);
    }
    if (r->class->size == HF_SIZE_CONVNEXT) {
        bool crop = false;
        int found = field_bool(&r->from, "do_center_crop", &crop, error);
        if (found > 0 && crop) {
            return error_set(error, ERROR_UNFIT,
                             "%s: 'do_center_crop' is true, but %s crops by crop_pct alone",
                             r->from.file, r->spec->family);
        }
        return found < 0 ? found : 0;
    }
    bool crop = false;
    /* The fast classes share one body that crops and normalises wherever the file says so. */
    int result = read_switch(r, "do_center_crop", r->class->crop_edge > 0 || r->fast,
                             r->class->crop, &crop, error);
    if (result < 0 || !crop) {
        return result;
    }
    return read_crop_size(r, error);
}

static int read_rescale(const struct reading *r, struct error *error)
{
    struct pipeline *p = r->p;
    int result = read_switch(r, "do_rescale", true, true, &p->rescale, error);
    if (result < 0 || !p->rescale) {
        return result;
    }
    p->rescale_factor = 1.0 / 255.0;
    int found = field_number(&r->from, "rescale_factor", &p->rescale_factor, error);
    bool offset = false;
    int has_offset = found < 0 ? found : field_bool(&r->from, "rescale_offset", &offset, error);
    if (has_offset < 0) {
        return has_offset;
    }
    if (!found) {
        result = note_default(r, "rescale_factor", error, "1/255");
        if (result < 0) {
            return result;
        }
    }
    if (offset && r->class->stem && !r->class->offsets) {
        return error_set(error, ERROR_UNFIT,
                         "%s: 'rescale_offset' is true, but %s does not do that", r->from.file,
                         r->spec->family);
    }
    p->rescale_offset = offset ? -1.0 : 0.0;
    return 0;
}

static int read_statistics(const struct reading *r, struct error *error)
{
    struct pipeline *p = r->p;
    memcpy(p->mean, r->class->mean, sizeof p->mean);
    memcpy(p->std, r->class->std, sizeof p->std);
    int has_mean = field_triple(&r->from, "image_mean", p->mean, error);
    int has_std = has_mean < 0 ? has_mean : field_std(&r->from, "image_std", p->std, error);
    if (has_std < 0) {
        return has_std;
    }
    if (has_mean && has_std) {
        return 0;
    }
    if (!r->class->stem || !r->class->normalizes) {
        return error_set(error, ERROR_MALFORMED, "%s: '%s' is not stated", r->from.file,
                         has_mean ? "image_std" : "image_mean");
    }
    int result = has_mean ? 0
                          : note_default(r, "image_mean", error, "%g %g %g", p->mean[0], p->mean[1],
                                         p->mean[2]);
    if (result == 0 && !has_std) {
        result = note_default(r, "image_std", error, "%g %g %g", p->std[0], p->std[1], p->std[2]);
    }
    return result;
}

static int read_normalize(const struct reading *r, struct error *error)
{
    struct pipeline *p = r->p;
    int result = read_switch(r, "do_normalize", r->class->normalizes || r->fast,
                             r->class->normalizes, &p->normalize, error);
    bool top = false;
    if (result == 0 && (r->class->offsets || field_node(&r->from, "include_top"))) {
        result = read_switch(r, "include_top", r->class->offsets, true, &top, error);
    }
    if (result < 0 || (!p->normalize && !top)) {
        return result;
    }
    result = read_statistics(r, error);
    if (result < 0) {
        return result;
    }
    /* include_top divides by std whether or not that was done before. */
    p->normalize_twice = p->normalize && top;
    if (!p->normalize) {
        p->normalize = true;
        memset(p->mean, 0, sizeof p->mean);
    }
    return 0;
}

static int read_flip(const struct reading *r, struct error *error)
{
    if (!r->class->flips && !field_node(&r->from, "do_flip_channel_order")) {
        return 0;
    }
    return read_switch(r, "do_flip_channel_order", r->class->flips, true, &r->p->flip_channels,
                       error);
}

static int read_ours(const struct reading *r, struct error *error)
{
    int result = field_bool(&r->from, "do_exif_transpose", &r->p->exif_transpose, error);
    const char *decode = "exact";
    result = result < 0 ? result : field_string(&r->from, "decode", &decode, error);
    const char *format = "channels_first";
    result = result < 0 ? result : field_string(&r->from, "data_format", &format, error);
    if (result < 0) {
        return result;
    }
    if (strcmp(decode, "exact") != 0 && strcmp(decode, "fast") != 0) {
        return error_set(error, ERROR_MALFORMED, "%s: 'decode' is \"exact\" or \"fast\"",
                         r->from.file);
    }
    /* The layout is read from the model; a file that wants the other one means another model. */
    if (strcmp(format, "channels_first") != 0 && strcmp(format, "channels_last") != 0) {
        return error_set(error, ERROR_MALFORMED,
                         "%s: 'data_format' is \"channels_first\" or \"channels_last\"",
                         r->from.file);
    }
    r->p->decode = strcmp(decode, "fast") == 0 ? DECODE_FAST : DECODE_EXACT;
    return 0;
}

static int find_class(struct reading *r, const struct json *config, struct error *error)
{
    const char *type = NULL;
    const char *field = "image_processor_type";
    int found = field_string(&r->from, field, &type, error);
    if (found == 0) {
        field = "feature_extractor_type";
        found = field_string(&r->from, field, &type, error);
    }
    if (found < 0) {
        return found;
    }
    const char *model_type = json_get_string(json_member(config, "model_type"), "");
    r->class = found ? hf_class_find(type, &r->fast) : hf_class_of_model_type(model_type);
    if (found && !r->class) {
        char list[192];
        return error_set(error, ERROR_UNFIT,
                         "%s: %s '%.60s' is not known; known are the ImageProcessor classes of %s; "
                         "a model that takes tensors only wants {\"task\": \"tensor\"} in %s",
                         r->from.file, field, type, hf_class_list(list, sizeof list), FILE_SITU);
    }
    bool by_model_type = !found && r->class;
    if (!r->class) {
        r->class = hf_class_generic();
    }
    char family[48] = "generic image processor";
    if (r->class->stem) {
        int length = snprintf(family, sizeof family, "%sImageProcessor", r->class->stem);
        if (length < 0) {
            return error_set(error, ERROR_INTERNAL, "the name of a class cannot be written");
        }
    }
    int result = spec_set_text(&r->spec->family, family, error);
    if (result == 0 && by_model_type) {
        result = spec_note(r->spec, error,
                           "image_processor_type: %s is not in %s; taken for the model_type '%s'",
                           family, r->from.file, model_type);
    }
    if (result == 0 && r->fast) {
        result = spec_note(r->spec, error,
                           "%sFast resizes with torchvision; here Pillow's %s is followed, and "
                           "single pixels may differ by a few levels",
                           family, family);
    }
    return result;
}

/* Code that comes with a package is not run. Where that is the image processor's own, the pixels
 * would be others; processors that join it with a tokenizer make none. */
static int check_auto_map_member(void *context, const char *key, const struct json *value)
{
    const char **ret_key = context;
    (void)value;
    if (strcmp(key, "AutoProcessor") == 0 || strcmp(key, "AutoTokenizer") == 0) {
        return 0;
    }
    *ret_key = key;
    return 1;
}

static int check_auto_map(const struct fields *processor, struct error *error)
{
    const struct json *map = field_node(processor, "auto_map");
    const char *key = NULL;
    if (json_type_of(map) != JSON_TYPE_OBJECT && json_type_of(map) != JSON_TYPE_NULL) {
        return error_set(error, ERROR_MALFORMED, "%s: 'auto_map' wants an object", processor->file);
    }
    if (json_each_member(map, check_auto_map_member, &key) == 0) {
        return 0;
    }
    return error_set(error, ERROR_UNFIT,
                     "%s: 'auto_map' names code of the package for '%.60s', which is not run here; "
                     "remove it where the class of image_processor_type does the same",
                     processor->file, key);
}

int hf_processor_parse(const struct fields *processor, const struct json *config,
                       struct model_spec *spec, struct error *error)
{
    struct reading r = {.from = *processor, .spec = spec, .p = &spec->pipeline};
    static int (*const readers[])(const struct reading *, struct error *) = {
        read_resize, read_crop, read_rescale, read_normalize, read_flip, read_ours};
    int result = find_class(&r, config, error);
    if (result == 0) {
        result = fields_check_known(processor, known_fields, error);
    }
    if (result == 0) {
        result = check_auto_map(processor, error);
    }
    for (size_t i = 0; result >= 0 && i < sizeof readers / sizeof readers[0]; i++) {
        result = readers[i](&r, error);
    }
    return result < 0 ? result : 0;
}
