/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes a pipeline as words. A value out of range is written as "unknown".
 */
#include "wire/pipeline_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *word(const char *const *words, size_t count, unsigned index)
{
    return index < count ? words[index] : "unknown";
}
#define WORD(words, index) word(words, sizeof(words) / sizeof(words)[0], (unsigned)(index))

/* The shortest decimal that reads back as the same double. */
static void put_number(struct json_writer *w, const char *key, double value)
{
    char text[40];
    if (!isfinite(value)) {
        json_put_null(w, key);
        return;
    }
    for (int digits = 6; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    buffer_append_text(json_put_raw(w, key), text);
}

static void put_triple(struct json_writer *w, const char *key, const double values[3])
{
    json_begin_array(w, key);
    for (int c = 0; c < 3; c++) {
        put_number(w, NULL, values[c]);
    }
    json_end_array(w);
}

static void put_resize(struct json_writer *w, const struct pipeline *p)
{
    static const char *const filters[] = {"nearest", "lanczos", "bilinear",
                                          "bicubic", "box",     "hamming"};
    if (p->resize != RESIZE_EXACT && p->resize != RESIZE_SHORTEST_EDGE &&
        p->resize != RESIZE_LONGEST_EDGE) {
        json_put_null(w, "resize");
        return;
    }
    json_begin_object(w, "resize");
    if (p->resize == RESIZE_EXACT) {
        json_put_string(w, "mode", "exact");
        json_put_unsigned(w, "height", p->resize_height);
        json_put_unsigned(w, "width", p->resize_width);
    } else {
        const char *mode = p->resize == RESIZE_SHORTEST_EDGE ? "shortest_edge" : "longest_edge";
        json_put_string(w, "mode", mode);
        json_put_unsigned(w, mode, p->resize_height);
    }
    json_put_string(w, "resample", WORD(filters, p->resample));
    json_end_object(w);
}

static void put_crop(struct json_writer *w, const struct pipeline *p)
{
    static const char *const roundings[] = {"floor", "round"};
    if (!p->center_crop) {
        json_put_null(w, "center_crop");
        return;
    }
    json_begin_object(w, "center_crop");
    json_put_unsigned(w, "height", p->crop_height);
    json_put_unsigned(w, "width", p->crop_width);
    json_put_string(w, "rounding", WORD(roundings, p->crop_rounding));
    json_end_object(w);
}

static void put_pad(struct json_writer *w, const struct pipeline *p)
{
    if (!p->pad) {
        json_put_null(w, "pad");
        return;
    }
    json_begin_object(w, "pad");
    json_put_unsigned(w, "size", p->resize_height);
    json_begin_array(w, "value");
    for (int c = 0; c < 3; c++) {
        json_put_unsigned(w, NULL, p->pad_value[c]);
    }
    json_end_array(w);
    json_end_object(w);
}

static void put_rescale(struct json_writer *w, const struct pipeline *p)
{
    if (!p->rescale) {
        json_put_null(w, "rescale");
        return;
    }
    json_begin_object(w, "rescale");
    put_number(w, "factor", p->rescale_factor);
    put_number(w, "offset", p->rescale_offset);
    json_end_object(w);
}

static void put_normalize(struct json_writer *w, const struct pipeline *p)
{
    if (!p->normalize) {
        json_put_null(w, "normalize");
        return;
    }
    json_begin_object(w, "normalize");
    put_triple(w, "mean", p->mean);
    put_triple(w, "std", p->std);
    json_put_bool(w, "twice", p->normalize_twice);
    json_end_object(w);
}

void pipeline_put_json(struct json_writer *w, const char *key, const struct pipeline *p)
{
    static const char *const decodes[] = {"exact", "fast"};
    static const char *const layouts[] = {"NCHW", "NHWC"};
    json_begin_object(w, key);
    json_put_string(w, "decode", WORD(decodes, p->decode));
    json_put_bool(w, "exif_transpose", p->exif_transpose);
    put_resize(w, p);
    put_crop(w, p);
    put_pad(w, p);
    put_rescale(w, p);
    put_normalize(w, p);
    json_put_string(w, "channels", p->flip_channels ? "BGR" : "RGB");
    json_put_string(w, "layout", WORD(layouts, p->layout));
    json_put_string(w, "datatype", datatype_name(p->datatype));
    json_end_object(w);
}
