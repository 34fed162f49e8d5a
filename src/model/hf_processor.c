/* SPDX-License-Identifier: Apache-2.0
 *
 * preprocessor_config.json of Hugging Face transformers -> struct pipeline. Fields that the file
 * leaves out are taken from the table of classes and noted; fields that the class does not support,
 * or that are unknown, are refused by name.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/hf_class.h"
#include "model/parse.h"

/* The fields that are read, and those with no effect on the pixels: names, bookkeeping, labels of
 * segmentation maps, and call options that the fast classes write. */
static const char *const known_fields[] = {
    /* read below */
    "do_resize", "size", "resample", "do_center_crop", "crop_size", "crop_pct", "do_rescale",
    "rescale_factor", "rescale_offset", "do_normalize", "include_top", "image_mean", "image_std",
    "do_flip_channel_order", "do_exif_transpose", "decode", "default_to_square", "data_format",
    /* always done */
    "do_convert_rgb",
    /* harmless */
    "image_processor_type", "feature_extractor_type", "processor_class", "_processor_class",
    "_valid_processor_keys", "_auto_class", "_name_or_path", "name_or_path", "model_input_names",
    "transformers_version", "return_tensors", "input_data_format", "device", "disable_grouping",
    "do_reduce_labels", "reduce_labels", "reduce_zero_label", "num_channels",
    /* the number of tokens that a language model makes from the image */
    "image_seq_length",
    /* checked in check_auto_map() */
    "auto_map", NULL};

struct reading {
    struct fields from;
    const struct hf_class *class;
    bool fast;
    struct model_spec *spec;
    struct pipeline *p; /* spec->pipeline */
};

static int note_default(const struct reading *reading, const char *field, struct error *error,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));

static int note_default(const struct reading *reading, const char *field, struct error *error,
                        const char *format, ...)
{
    char value[96];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    return spec_note(reading->spec, error, "%s: %s is not in %s; taken from the class %s", field,
                     length > 0 ? value : "", reading->from.file, reading->spec->family);
}

/* A do_... switch: its value, or the class's default with a note. A class that does not know the
 * switch must not have it set. */
static int read_switch(const struct reading *reading, const char *field, bool known, bool fallback,
                       bool *ret_value, struct error *error)
{
    bool value = false;
    int found = field_bool(&reading->from, field, &value, error);
    if (found < 0) {
        return found;
    }
    if (found && value && !known && reading->class->stem) {
        return error_set(error, ERROR_UNFIT,
                         "%s: '%s' is true, but %s does not do that; set it to false, or name the "
                         "class that does",
                         reading->from.file, field, reading->spec->family);
    }
    if (!found && !reading->class->stem) {
        return error_set(error, ERROR_MALFORMED,
                         "%s: neither 'image_processor_type' nor '%s' is stated",
                         reading->from.file, field);
    }
    *ret_value = found ? value : fallback;
    if (!found && fallback) {
        return note_default(reading, field, error, "true");
    }
    return 0;
}

static const char *resample_word(enum resample resample)
{
    static const char *const words[] = {"nearest", "Lanczos", "bilinear",
                                        "bicubic", "box",     "Hamming"};
    return words[resample];
}

static int read_resample(const struct reading *reading, struct error *error)
{
    const struct json *node = field_node(&reading->from, "resample");
    if (!node) {
        if (!reading->class->stem) {
            return error_set(error, ERROR_MALFORMED,
                             "%s: neither 'image_processor_type' nor 'resample' is stated",
                             reading->from.file);
        }
        reading->p->resample = reading->class->resample;
        return note_default(reading, "resample", error, "%u (%s)",
                            (unsigned)reading->class->resample,
                            resample_word(reading->class->resample));
    }
    int64_t value = json_get_integer(node, -1);
    if (value < RESAMPLE_NEAREST || value > RESAMPLE_HAMMING) {
        return error_set(error, ERROR_MALFORMED,
                         "%s: 'resample' wants a number from 0 (nearest) to 5 (Hamming)",
                         reading->from.file);
    }
    reading->p->resample = (enum resample)value;
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

/* Below 384 the shortest edge becomes int(edge / crop_pct) and the centre is cropped; from 384 on
 * the whole image is warped to a square. */
static int set_convnext(const struct reading *reading, uint32_t edge, struct error *error)
{
    double crop_pct = 224.0 / 256.0;
    int found = field_number(&reading->from, "crop_pct", &crop_pct, error);
    if (found < 0) {
        return found;
    }
    if (edge >= 384) {
        set_exact(reading->p, edge, edge);
        return 0;
    }
    if (!(crop_pct > 0.0) || (double)edge / crop_pct >= PIPELINE_EDGE_MAX + 1.0 ||
        (double)edge / crop_pct < 1.0) {
        return error_set(error, ERROR_MALFORMED,
                         "%s: 'crop_pct' makes a shortest edge outside 1..%d of %u",
                         reading->from.file, PIPELINE_EDGE_MAX, edge);
    }
    set_shortest(reading->p, (uint32_t)((double)edge / crop_pct));
    reading->p->center_crop = true;
    reading->p->crop_height = edge;
    reading->p->crop_width = edge;
    return found ? 0 : note_default(reading, "crop_pct", error, "0.875");
}

static int set_edge(const struct reading *reading, uint32_t edge, bool square, struct error *error)
{
    if (reading->class->size == HF_SIZE_CONVNEXT) {
        return set_convnext(reading, edge, error);
    }
    if (square) {
        set_exact(reading->p, edge, edge);
    } else {
        set_shortest(reading->p, edge);
    }
    return 0;
}

static int read_size_number(const struct reading *reading, const struct json *node,
                            struct error *error)
{
    uint32_t pair[2];
    int r = field_edge_pair(&reading->from, "size", node, pair, error);
    if (r < 0) {
        return r;
    }
    bool square = reading->class->size == HF_SIZE_EXACT;
    int found = field_bool(&reading->from, "default_to_square", &square, error);
    if (found < 0) {
        return found;
    }
    /* SigLIP's class reads a number as the shortest edge, but then requires a height. */
    bool ambiguous = reading->class->stem && strcmp(reading->class->stem, "Siglip") == 0;
    if ((reading->class->size == HF_SIZE_STATED || ambiguous) && !found) {
        return error_set(error, ERROR_MALFORMED,
                         "%s: 'size' is a number, which has no one meaning here; write "
                         "{\"height\": , \"width\": } or {\"shortest_edge\": }",
                         reading->from.file);
    }
    return set_edge(reading, pair[0], square, error);
}

static int read_size_object(const struct reading *reading, const struct json *node,
                            struct error *error)
{
    const struct fields size = {"preprocessor_config.json: size", node};
    static const char *const known[] = {"height", "width", "shortest_edge", NULL};
    uint32_t height = 0;
    uint32_t width = 0;
    uint32_t shortest = 0;
    int r = fields_check_known(&size, known, error);
    int has_height = r < 0 ? r : field_edge(&size, "height", &height, error);
    int has_width = has_height < 0 ? has_height : field_edge(&size, "width", &width, error);
    int has_shortest =
        has_width < 0 ? has_width : field_edge(&size, "shortest_edge", &shortest, error);
    if (has_shortest < 0) {
        return has_shortest;
    }
    if (has_shortest + has_height == 1 && has_height == has_width) {
        if (has_shortest) {
            return set_edge(reading, shortest, false, error);
        }
        if (reading->class->size != HF_SIZE_CONVNEXT) {
            set_exact(reading->p, height, width);
            return 0;
        }
    }
    return error_set(
        error, ERROR_MALFORMED, "%s: 'size' wants %s\"shortest_edge\" alone", reading->from.file,
        reading->class->size == HF_SIZE_CONVNEXT ? "" : "\"height\" and \"width\", or ");
}

static int read_resize(const struct reading *reading, struct error *error)
{
    bool resize = false;
    int r = read_switch(reading, "do_resize", true, true, &resize, error);
    if (r < 0 || !resize) {
        return r;
    }
    r = read_resample(reading, error);
    if (r < 0) {
        return r;
    }
    const struct json *node = field_node(&reading->from, "size");
    if (json_type_of(node) == JSON_TYPE_OBJECT) {
        return read_size_object(reading, node, error);
    }
    if (json_type_of(node) == JSON_TYPE_ARRAY) {
        uint32_t pair[2];
        r = field_edge_pair(&reading->from, "size", node, pair, error);
        if (r == 0) {
            set_exact(reading->p, pair[0], pair[1]);
        }
        return r;
    }
    if (node) {
        return read_size_number(reading, node, error);
    }
    if (!reading->class->stem) {
        return error_set(error, ERROR_MALFORMED,
                         "%s: neither 'image_processor_type' nor 'size' is stated",
                         reading->from.file);
    }
    r = note_default(reading, "size", error, "%u", reading->class->edge);
    return r < 0 ? r
                 : set_edge(reading, reading->class->edge, reading->class->size == HF_SIZE_EXACT,
                            error);
}

static int read_crop_size(const struct reading *reading, struct error *error)
{
    const struct json *node = field_node(&reading->from, "crop_size");
    uint32_t pair[2] = {reading->class->crop_edge, reading->class->crop_edge};
    int r = 0;
    if (json_type_of(node) == JSON_TYPE_OBJECT) {
        const struct fields size = {"preprocessor_config.json: crop_size", node};
        static const char *const known[] = {"height", "width", NULL};
        r = fields_check_known(&size, known, error);
        int has_height = r < 0 ? r : field_edge(&size, "height", &pair[0], error);
        int has_width = has_height < 0 ? has_height : field_edge(&size, "width", &pair[1], error);
        if (has_width < 0) {
            return has_width;
        }
        if (!has_height || !has_width) {
            return error_set(error, ERROR_MALFORMED, "%s: 'crop_size' wants height and width",
                             reading->from.file);
        }
    } else if (node) {
        r = field_edge_pair(&reading->from, "crop_size", node, pair, error);
    } else if (reading->class->crop_edge == 0) {
        return error_set(error, ERROR_MALFORMED, "%s: 'do_center_crop' is true without 'crop_size'",
                         reading->from.file);
    } else {
        r = note_default(reading, "crop_size", error, "%u", reading->class->crop_edge);
    }
    reading->p->center_crop = true;
    reading->p->crop_height = pair[0];
    reading->p->crop_width = pair[1];
    return r;
}

static int read_crop(const struct reading *reading, struct error *error)
{
    if (reading->class->size != HF_SIZE_CONVNEXT && field_node(&reading->from, "crop_pct")) {
        return error_set(error, ERROR_UNFIT,
                         "%s: 'crop_pct' is stated, but only ConvNextImageProcessor has it",
                         reading->from.file);
    }
    if (reading->class->size == HF_SIZE_CONVNEXT) {
        bool crop = false;
        int found = field_bool(&reading->from, "do_center_crop", &crop, error);
        if (found > 0 && crop) {
            return error_set(error, ERROR_UNFIT,
                             "%s: 'do_center_crop' is true, but %s crops by crop_pct alone",
                             reading->from.file, reading->spec->family);
        }
        return found < 0 ? found : 0;
    }
    bool crop = false;
    /* The fast classes share code that crops and normalises whenever the file says so. */
    int r = read_switch(reading, "do_center_crop", reading->class->crop_edge > 0 || reading->fast,
                        reading->class->crop, &crop, error);
    if (r < 0 || !crop) {
        return r;
    }
    return read_crop_size(reading, error);
}

static int read_rescale(const struct reading *reading, struct error *error)
{
    struct pipeline *p = reading->p;
    int r = read_switch(reading, "do_rescale", true, true, &p->rescale, error);
    if (r < 0 || !p->rescale) {
        return r;
    }
    p->rescale_factor = 1.0 / 255.0;
    int found = field_number(&reading->from, "rescale_factor", &p->rescale_factor, error);
    bool offset = false;
    int has_offset =
        found < 0 ? found : field_bool(&reading->from, "rescale_offset", &offset, error);
    if (has_offset < 0) {
        return has_offset;
    }
    if (!found) {
        r = note_default(reading, "rescale_factor", error, "1/255");
        if (r < 0) {
            return r;
        }
    }
    if (offset && reading->class->stem && !reading->class->offsets) {
        return error_set(error, ERROR_UNFIT,
                         "%s: 'rescale_offset' is true, but %s does not do that",
                         reading->from.file, reading->spec->family);
    }
    p->rescale_offset = offset ? -1.0 : 0.0;
    return 0;
}

static int read_statistics(const struct reading *reading, struct error *error)
{
    struct pipeline *p = reading->p;
    memcpy(p->mean, reading->class->mean, sizeof p->mean);
    memcpy(p->std, reading->class->std, sizeof p->std);
    int has_mean = field_triple(&reading->from, "image_mean", p->mean, error);
    int has_std = has_mean < 0 ? has_mean : field_std(&reading->from, "image_std", p->std, error);
    if (has_std < 0) {
        return has_std;
    }
    if (has_mean && has_std) {
        return 0;
    }
    if (!reading->class->stem || !reading->class->normalizes) {
        return error_set(error, ERROR_MALFORMED, "%s: '%s' is not stated", reading->from.file,
                         has_mean ? "image_std" : "image_mean");
    }
    int r = has_mean ? 0
                     : note_default(reading, "image_mean", error, "%g %g %g", p->mean[0],
                                    p->mean[1], p->mean[2]);
    if (r == 0 && !has_std) {
        r = note_default(reading, "image_std", error, "%g %g %g", p->std[0], p->std[1], p->std[2]);
    }
    return r;
}

static int read_normalize(const struct reading *reading, struct error *error)
{
    struct pipeline *p = reading->p;
    int r = read_switch(reading, "do_normalize", reading->class->normalizes || reading->fast,
                        reading->class->normalizes, &p->normalize, error);
    bool top = false;
    if (r == 0 && (reading->class->offsets || field_node(&reading->from, "include_top"))) {
        r = read_switch(reading, "include_top", reading->class->offsets, true, &top, error);
    }
    if (r < 0 || (!p->normalize && !top)) {
        return r;
    }
    r = read_statistics(reading, error);
    if (r < 0) {
        return r;
    }
    /* include_top divides by std whether or not this was already done. */
    p->normalize_twice = p->normalize && top;
    if (!p->normalize) {
        p->normalize = true;
        memset(p->mean, 0, sizeof p->mean);
    }
    return 0;
}

static int read_flip(const struct reading *reading, struct error *error)
{
    if (!reading->class->flips && !field_node(&reading->from, "do_flip_channel_order")) {
        return 0;
    }
    return read_switch(reading, "do_flip_channel_order", reading->class->flips, true,
                       &reading->p->flip_channels, error);
}

static int read_ours(const struct reading *reading, struct error *error)
{
    int r = field_bool(&reading->from, "do_exif_transpose", &reading->p->exif_transpose, error);
    const char *decode = "exact";
    r = r < 0 ? r : field_string(&reading->from, "decode", &decode, error);
    const char *format = "channels_first";
    r = r < 0 ? r : field_string(&reading->from, "data_format", &format, error);
    if (r < 0) {
        return r;
    }
    if (strcmp(decode, "exact") != 0 && strcmp(decode, "fast") != 0) {
        return error_set(error, ERROR_MALFORMED, "%s: 'decode' is \"exact\" or \"fast\"",
                         reading->from.file);
    }
    /* The layout is read from the model; a file with the other one belongs to another model. */
    if (strcmp(format, "channels_first") != 0 && strcmp(format, "channels_last") != 0) {
        return error_set(error, ERROR_MALFORMED,
                         "%s: 'data_format' is \"channels_first\" or \"channels_last\"",
                         reading->from.file);
    }
    reading->p->decode = strcmp(decode, "fast") == 0 ? DECODE_FAST : DECODE_EXACT;
    return 0;
}

static int find_class(struct reading *reading, const struct json *config, struct error *error)
{
    const char *type = NULL;
    const char *field = "image_processor_type";
    int found = field_string(&reading->from, field, &type, error);
    if (found == 0) {
        field = "feature_extractor_type";
        found = field_string(&reading->from, field, &type, error);
    }
    if (found < 0) {
        return found;
    }
    const char *model_type = json_get_string(json_member(config, "model_type"), "");
    reading->class =
        found ? hf_class_find(type, &reading->fast) : hf_class_of_model_type(model_type);
    if (found && !reading->class) {
        char list[192];
        return error_set(error, ERROR_UNFIT,
                         "%s: %s '%.60s' is not known; known are the ImageProcessor classes of %s; "
                         "a model that takes tensors only wants {\"task\": \"tensor\"} in %s",
                         reading->from.file, field, type, hf_class_list(list, sizeof list),
                         FILE_SITU);
    }
    bool by_model_type = !found && reading->class;
    if (!reading->class) {
        reading->class = hf_class_generic();
    }
    char family[48] = "generic image processor";
    if (reading->class->stem) {
        int length = snprintf(family, sizeof family, "%sImageProcessor", reading->class->stem);
        if (length < 0) {
            return error_set(error, ERROR_INTERNAL, "the name of a class cannot be written");
        }
    }
    int r = spec_set_text(&reading->spec->family, family, error);
    if (r == 0 && by_model_type) {
        r = spec_note(reading->spec, error,
                      "image_processor_type: %s is not in %s; taken for the model_type '%s'",
                      family, reading->from.file, model_type);
    }
    if (r == 0 && reading->fast) {
        r = spec_note(reading->spec, error,
                      "%sFast resizes with torchvision; here Pillow's %s is followed, and "
                      "single pixels may differ by a few levels",
                      family, family);
    }
    return r;
}

/* Code in a package is not run. If it is the image processor's own, the pixels would differ;
 * processors that combine it with a tokenizer do not change pixels. */
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
    struct reading reading = {.from = *processor, .spec = spec, .p = &spec->pipeline};
    static int (*const readers[])(const struct reading *, struct error *) = {
        read_resize, read_crop, read_rescale, read_normalize, read_flip, read_ours};
    int r = find_class(&reading, config, error);
    if (r < 0) {
        return r;
    }
    r = fields_check_known(processor, known_fields, error);
    if (r < 0) {
        return r;
    }
    r = check_auto_map(processor, error);
    for (size_t i = 0; r >= 0 && i < sizeof readers / sizeof readers[0]; i++) {
        r = readers[i](&reading, error);
    }
    return r < 0 ? r : 0;
}
