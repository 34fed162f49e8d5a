/* SPDX-License-Identifier: Apache-2.0
 *
 * The words of a pipeline. Every value out of range is written as "unknown", never followed.
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
static void write_number(struct buffer *out, double value)
{
    char text[40];
    if (!isfinite(value)) {
        buffer_append_text(out, "null");
        return;
    }
    for (int digits = 6; digits <= 17; digits++) {
        int length = snprintf(text, sizeof text, "%.*g", digits, value);
        if (length > 0 && (digits == 17 || strtod(text, NULL) == value)) {
            buffer_append(out, text, (size_t)length);
            return;
        }
    }
}

static void write_triple(struct buffer *out, const char *name, const double values[3])
{
    buffer_printf(out, "\"%s\":[", name);
    for (int c = 0; c < 3; c++) {
        buffer_append_text(out, c > 0 ? "," : "");
        write_number(out, values[c]);
    }
    buffer_append_char(out, ']');
}

static const char *flag(bool value)
{
    return value ? "true" : "false";
}

static void write_resize(struct buffer *out, const struct pipeline *p)
{
    static const char *const filters[] = {"nearest", "lanczos", "bilinear",
                                          "bicubic", "box",     "hamming"};
    const char *filter = WORD(filters, p->resample);
    switch (p->resize) {
    case RESIZE_EXACT:
        buffer_printf(out, "{\"mode\":\"exact\",\"height\":%u,\"width\":%u,\"resample\":\"%s\"}",
                      p->resize_height, p->resize_width, filter);
        break;
    case RESIZE_SHORTEST_EDGE:
        buffer_printf(out, "{\"mode\":\"shortest_edge\",\"shortest_edge\":%u,\"resample\":\"%s\"}",
                      p->resize_height, filter);
        break;
    case RESIZE_LONGEST_EDGE:
        buffer_printf(out, "{\"mode\":\"longest_edge\",\"longest_edge\":%u,\"resample\":\"%s\"}",
                      p->resize_height, filter);
        break;
    case RESIZE_NONE:
    default:
        buffer_append_text(out, "null");
        break;
    }
}

static void write_crop_and_pad(struct buffer *out, const struct pipeline *p)
{
    static const char *const roundings[] = {"floor", "round"};
    buffer_append_text(out, ",\"center_crop\":");
    if (p->center_crop) {
        buffer_printf(out, "{\"height\":%u,\"width\":%u,\"rounding\":\"%s\"}", p->crop_height,
                      p->crop_width, WORD(roundings, p->crop_rounding));
    } else {
        buffer_append_text(out, "null");
    }
    buffer_append_text(out, ",\"pad\":");
    if (p->pad) {
        buffer_printf(out, "{\"size\":%u,\"value\":[%u,%u,%u]}", p->resize_height, p->pad_value[0],
                      p->pad_value[1], p->pad_value[2]);
    } else {
        buffer_append_text(out, "null");
    }
}

static void write_values(struct buffer *out, const struct pipeline *p)
{
    buffer_append_text(out, ",\"rescale\":");
    if (p->rescale) {
        buffer_append_text(out, "{\"factor\":");
        write_number(out, p->rescale_factor);
        buffer_append_text(out, ",\"offset\":");
        write_number(out, p->rescale_offset);
        buffer_append_char(out, '}');
    } else {
        buffer_append_text(out, "null");
    }
    buffer_append_text(out, ",\"normalize\":");
    if (p->normalize) {
        buffer_append_char(out, '{');
        write_triple(out, "mean", p->mean);
        buffer_append_char(out, ',');
        write_triple(out, "std", p->std);
        buffer_printf(out, ",\"twice\":%s}", flag(p->normalize_twice));
    } else {
        buffer_append_text(out, "null");
    }
}

void pipeline_write_json(struct buffer *out, const struct pipeline *p)
{
    static const char *const decodes[] = {"exact", "fast"};
    static const char *const layouts[] = {"NCHW", "NHWC"};
    buffer_printf(out,
                  "{\"decode\":\"%s\",\"exif_transpose\":%s,\"resize\":", WORD(decodes, p->decode),
                  flag(p->exif_transpose));
    write_resize(out, p);
    write_crop_and_pad(out, p);
    write_values(out, p);
    buffer_printf(out, ",\"channels\":\"%s\",\"layout\":\"%s\",\"datatype\":\"%s\"}",
                  p->flip_channels ? "BGR" : "RGB", WORD(layouts, p->layout),
                  datatype_name(p->datatype));
}
