/* SPDX-License-Identifier: Apache-2.0
 *
 * Sizes, crops and paddings, in the integer and double arithmetic of the Python pipelines.
 */
#include "media/geometry.h"

struct size {
    uint32_t width, height;
};

/* round-half-even(difference / 2), as Python's round. */
static uint32_t half_even(uint32_t difference)
{
    uint32_t half = difference / 2;
    return difference % 2 == 1 && half % 2 == 1 ? half + 1 : half;
}

static uint32_t scale_down(uint32_t edge, uint32_t numerator, uint32_t denominator)
{
    return (uint32_t)((uint64_t)edge * numerator / denominator);
}

/* short / (long / edge) rounded half to even, in double as OpenCLIP has it. */
static uint32_t scale_even(uint32_t edge, uint32_t shorter, uint32_t longer)
{
    double ratio = (double)longer / edge;
    double exact = shorter / ratio;
    uint32_t whole = (uint32_t)exact;
    double rest = exact - whole;
    return rest > 0.5 || (rest == 0.5 && whole % 2 == 1) ? whole + 1 : whole;
}

static struct size resized_size(const struct pipeline *p, struct size in)
{
    bool wide = in.width > in.height;
    uint32_t longer = wide ? in.width : in.height;
    uint32_t shorter = wide ? in.height : in.width;
    uint32_t edge = p->resize_height;
    uint32_t other;
    switch (p->resize) {
    case RESIZE_EXACT:
        return (struct size){p->resize_width, p->resize_height};
    case RESIZE_SHORTEST_EDGE:
        other = scale_down(edge, longer, shorter);
        return wide ? (struct size){other, edge} : (struct size){edge, other};
    case RESIZE_LONGEST_EDGE:
        other = p->crop_rounding == CROP_ROUND ? scale_even(edge, shorter, longer)
                                               : scale_down(edge, shorter, longer);
        return wide ? (struct size){edge, other} : (struct size){other, edge};
    case RESIZE_NONE:
    default:
        return in;
    }
}

/* Centres the present extent in `canvas` pixels; `low`: rounds down. */
static void place(struct edge *edge, uint32_t canvas, bool low)
{
    uint32_t room = canvas - edge->out;
    edge->at += low ? room / 2 : room - room / 2;
    edge->out = canvas;
}

static void crop(struct edge *edge, uint32_t size, enum crop_rounding rounding)
{
    if (size >= edge->out) {
        place(edge, size, rounding == CROP_ROUND);
        return;
    }
    uint32_t room = edge->out - size;
    uint32_t first = rounding == CROP_ROUND ? half_even(room) : room / 2;
    uint32_t end = first + size;
    uint32_t seen_end = edge->at + edge->seen;
    uint32_t from = edge->at > first ? edge->at : first;
    uint32_t to = seen_end < end ? seen_end : end;
    edge->first += from - edge->at;
    edge->seen = to - from;
    edge->at = from - first;
    edge->out = size;
}

int geometry_plan(const struct pipeline *p, uint32_t width, uint32_t height, uint32_t orientation,
                  struct geometry *ret_geometry, struct error *error)
{
    if (!p->exif_transpose || orientation > 8) {
        orientation = 1;
    }
    struct geometry g = {.transposed = orientation >= 5};
    struct size in = {width, height};
    if (g.transposed) {
        in = (struct size){height, width};
    }
    struct size size = resized_size(p, in);
    if (size.width == 0 || size.height == 0) {
        return error_set(error, ERROR_UNFIT,
                         "an image of %u x %u pixels would be resized to %u x %u: nothing is left",
                         in.width, in.height, size.width, size.height);
    }
    g.x = (struct edge){.resized = size.width, .seen = size.width, .out = size.width};
    g.y = (struct edge){.resized = size.height, .seen = size.height, .out = size.height};
    g.x.mirror = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
    g.y.mirror = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
    if (p->pad && p->resize == RESIZE_LONGEST_EDGE) {
        place(&g.x, p->resize_height, true);
        place(&g.y, p->resize_height, true);
        for (int c = 0; c < 3; c++) {
            g.fill[c] = p->pad_value[c];
        }
    }
    if (p->center_crop) {
        crop(&g.x, p->crop_width, p->crop_rounding);
        crop(&g.y, p->crop_height, p->crop_rounding);
    }
    *ret_geometry = g;
    return 0;
}

unsigned geometry_fast_eighths(const struct pipeline *p, const struct geometry *g, uint32_t width,
                               uint32_t height)
{
    if (p->decode != DECODE_FAST || p->resize == RESIZE_NONE) {
        return 8;
    }
    uint64_t need_width = g->transposed ? g->y.resized : g->x.resized;
    uint64_t need_height = g->transposed ? g->x.resized : g->y.resized;
    for (unsigned eighths = 1; eighths < 8; eighths *= 2) {
        uint64_t scaled_width = ((uint64_t)width * eighths + 7) / 8;
        uint64_t scaled_height = ((uint64_t)height * eighths + 7) / 8;
        if (scaled_width >= GEOMETRY_FAST_MARGIN * need_width &&
            scaled_height >= GEOMETRY_FAST_MARGIN * need_height) {
            return eighths;
        }
    }
    return 8;
}
