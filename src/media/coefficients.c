/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes the tables of coefficients.h. All in double, in the order of operations that Pillow has:
 * the last bit of a weight decides pixels. Compiled without contraction to fused multiply-add.
 */
#include "media/coefficients.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "media/kernels.h"

/* A filter kernel of half width `support`. Sources: Pillow's concepts of filters; the constants of
 * the Hamming window are single precision there. */
struct filter {
    double (*weight)(double x);
    double support;
};

static double box_weight(double x)
{
    return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
}

static double bilinear_weight(double x)
{
    double distance = fabs(x);
    return distance < 1.0 ? 1.0 - distance : 0.0;
}

static double sinc(double x)
{
    double angle = x * M_PI;
    return x == 0.0 ? 1.0 : sin(angle) / angle;
}

static double hamming_weight(double x)
{
    double distance = fabs(x);
    if (distance == 0.0) {
        return 1.0;
    }
    if (distance >= 1.0) {
        return 0.0;
    }
    double angle = distance * M_PI;
    return sin(angle) / angle * ((double)0.54f + (double)0.46f * cos(angle));
}

static double bicubic_weight(double x)
{
    const double a = -0.5;
    double d = fabs(x);
    if (d < 1.0) {
        return ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
    }
    if (d < 2.0) {
        return (((d - 5.0) * d + 8.0) * d - 4.0) * a;
    }
    return 0.0;
}

static double lanczos_weight(double x)
{
    return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3.0) : 0.0;
}

static const struct filter filters[] = {
    [RESAMPLE_LANCZOS] = {lanczos_weight, 3.0}, [RESAMPLE_BILINEAR] = {bilinear_weight, 1.0},
    [RESAMPLE_BICUBIC] = {bicubic_weight, 2.0}, [RESAMPLE_BOX] = {box_weight, 0.5},
    [RESAMPLE_HAMMING] = {hamming_weight, 1.0},
};

static int refuse_size(const struct axis *axis, struct error *error)
{
    return error_set(error, ERROR_TOO_LARGE,
                     "resizing an edge of %u pixels to %u needs larger tables than are allowed",
                     axis->in, axis->out);
}

static struct coefficients *allocate(const struct axis *axis, uint32_t taps)
{
    struct coefficients *c = calloc(1, sizeof(*c));
    if (!c) {
        return NULL;
    }
    c->axis = *axis;
    c->taps = taps;
    size_t padded = kernels_round_up(axis->count, KERNEL_GROUP);
    c->start = calloc(padded, sizeof(*c->start));
    c->used = calloc(padded, sizeof(*c->used));
    c->weights = calloc((size_t)axis->count * taps, sizeof(*c->weights));
    c->size_bytes = (size_t)axis->count * (2 + taps) * sizeof(uint32_t);
    if (!c->start || !c->used || !c->weights) {
        coefficients_free(c);
        return NULL;
    }
    return c;
}

static int32_t round_weight(double weight)
{
    double scaled = weight * COEFFICIENT_ONE;
    return (int32_t)(weight < 0 ? scaled - 0.5 : scaled + 0.5);
}

/* One output's weights. `scratch` holds `taps` doubles. */
static void fill_output(struct coefficients *c, uint32_t output, double scale, double *scratch)
{
    const struct filter *filter = &filters[c->axis.filter];
    double filter_scale = scale < 1.0 ? 1.0 : scale;
    double support = filter->support * filter_scale;
    double inverse = 1.0 / filter_scale;
    double centre = ((double)(c->axis.first + output) + 0.5) * scale;
    double low = centre - support + 0.5;
    uint32_t from = low < 0.0 ? 0 : (uint32_t)low;
    uint32_t to = (uint32_t)(centre + support + 0.5);
    to = to > c->axis.in ? c->axis.in : to;
    uint32_t count = to - from > c->taps ? c->taps : to - from;

    double sum = 0.0;
    for (uint32_t k = 0; k < count; k++) {
        scratch[k] = filter->weight(((double)(k + from) - centre + 0.5) * inverse);
        sum += scratch[k];
    }
    int32_t *weights = &c->weights[(size_t)output * c->taps];
    for (uint32_t k = 0; k < count; k++) {
        weights[k] = round_weight(sum != 0.0 ? scratch[k] / sum : scratch[k]);
    }
    c->start[output] = from;
    c->used[output] = count;
}

static int make_filtered(const struct axis *axis, struct coefficients **ret, struct error *error)
{
    double scale = (double)axis->in / axis->out;
    double support = filters[axis->filter].support * (scale < 1.0 ? 1.0 : scale);
    uint64_t most = (uint64_t)ceil(support) * 2 + 1;
    uint32_t taps = most > axis->in ? axis->in : (uint32_t)most;
    if ((uint64_t)taps * axis->count > LIMIT_COEFFICIENTS) {
        return refuse_size(axis, error);
    }
    struct coefficients *c = allocate(axis, taps);
    double *scratch = calloc(taps, sizeof(*scratch));
    for (uint32_t i = 0; c && scratch && i < axis->count; i++) {
        fill_output(c, i, scale, scratch);
    }
    if (!scratch) {
        coefficients_free(take_ptr(c));
    }
    free(scratch);
    if (!c) {
        return error_memory(error, "resampling tables");
    }
    *ret = c;
    return 0;
}

/* Pillow adds the scale up from pixel to pixel, and so must we: the rounding of each sum decides.
 * Where the sum is past the end, Pillow leaves the output black. */
static int make_nearest(const struct axis *axis, struct coefficients **ret, struct error *error)
{
    uint64_t end = (uint64_t)axis->first + axis->count;
    if (end > LIMIT_NEAREST_WALK || axis->count > LIMIT_COEFFICIENTS) {
        return refuse_size(axis, error);
    }
    struct coefficients *c = allocate(axis, 1);
    if (!c) {
        return error_memory(error, "resampling tables");
    }
    double scale = (double)axis->in / axis->out;
    double position = scale * 0.5;
    for (uint64_t i = 0; i < end; i++) {
        if (i >= axis->first) {
            bool inside = position < (double)axis->in;
            uint64_t output = i - axis->first;
            c->start[output] = inside ? (uint32_t)position : axis->in - 1;
            c->weights[output] = inside ? COEFFICIENT_ONE : 0;
            c->used[output] = 1;
        }
        position += scale;
    }
    *ret = c;
    return 0;
}

static int make_copy(const struct axis *axis, struct coefficients **ret, struct error *error)
{
    if (axis->count > LIMIT_COEFFICIENTS) {
        return refuse_size(axis, error);
    }
    struct coefficients *c = allocate(axis, 1);
    if (!c) {
        return error_memory(error, "resampling tables");
    }
    for (uint32_t i = 0; i < axis->count; i++) {
        c->start[i] = axis->first + i;
        c->weights[i] = COEFFICIENT_ONE;
        c->used[i] = 1;
    }
    *ret = c;
    return 0;
}

static void mirror_output(struct coefficients *c, uint32_t output)
{
    uint32_t used = c->used[output];
    int32_t *weights = &c->weights[(size_t)output * c->taps];
    c->start[output] = c->axis.in - c->start[output] - used;
    for (uint32_t k = 0; k < used / 2; k++) {
        int32_t weight = weights[k];
        weights[k] = weights[used - 1 - k];
        weights[used - 1 - k] = weight;
    }
}

/* Shortens the rows of `weights` to the longest in use, which saves steps in the inner loops. */
static void tighten(struct coefficients *c)
{
    uint32_t longest = 1;
    for (uint32_t i = 0; i < c->axis.count; i++) {
        longest = c->used[i] > longest ? c->used[i] : longest;
    }
    for (uint32_t i = 1; i < c->axis.count && longest < c->taps; i++) {
        memmove(&c->weights[(size_t)i * longest], &c->weights[(size_t)i * c->taps],
                longest * sizeof(*c->weights));
    }
    c->taps = longest;
}

static void finish(struct coefficients *c)
{
    const int32_t wide = (1 << 23) - (1 << 16);
    c->window_first = UINT32_MAX;
    c->copies = true;
    for (uint32_t i = 0; i < c->axis.count; i++) {
        if (c->axis.mirror) {
            mirror_output(c, i);
        }
        uint32_t end = c->start[i] + c->used[i];
        c->window_first = c->start[i] < c->window_first ? c->start[i] : c->window_first;
        c->window_end = end > c->window_end ? end : c->window_end;
        const int32_t *weights = &c->weights[(size_t)i * c->taps];
        c->copies = c->copies && c->used[i] == 1 && weights[0] == COEFFICIENT_ONE;
        for (uint32_t k = 0; k < c->used[i]; k++) {
            c->wide = c->wide || weights[k] >= wide || weights[k] <= -wide;
        }
    }
    for (uint32_t i = 0; i < c->axis.count; i++) {
        c->start[i] -= c->window_first;
    }
    tighten(c);
}

int coefficients_new(const struct axis *axis, struct coefficients **ret_coefficients,
                     struct error *error)
{
    struct coefficients *c = NULL;
    int r;
    if (axis->in == axis->out) {
        r = make_copy(axis, &c, error);
    } else if (axis->filter == RESAMPLE_NEAREST) {
        r = make_nearest(axis, &c, error);
    } else {
        r = make_filtered(axis, &c, error);
    }
    if (!c) {
        return r;
    }
    finish(c);
    *ret_coefficients = c;
    return 0;
}

void coefficients_free(struct coefficients *c)
{
    if (!c) {
        return;
    }
    free(c->start);
    free(c->used);
    free(c->weights);
    free(c->packed_rows);
    free(c->packed_columns);
    free(c);
}

void coefficients_cache_done(struct coefficients_cache *cache)
{
    for (int i = 0; i < COEFFICIENTS_CACHED; i++) {
        coefficients_free(take_ptr(cache->entries[i]));
    }
}

void coefficients_cache_trim(struct coefficients_cache *cache, size_t size_bytes)
{
    for (int i = 0; i < COEFFICIENTS_CACHED; i++) {
        if (cache->entries[i] && cache->entries[i]->size_bytes > size_bytes) {
            coefficients_free(take_ptr(cache->entries[i]));
        }
    }
}

static bool same_axis(const struct axis *a, const struct axis *b)
{
    return a->in == b->in && a->out == b->out && a->filter == b->filter && a->first == b->first &&
           a->count == b->count && a->mirror == b->mirror;
}

int coefficients_get(struct coefficients_cache *cache, const struct axis *axis,
                     struct coefficients **ret_coefficients, struct error *error)
{
    struct coefficients **oldest = &cache->entries[0];
    for (int i = 0; i < COEFFICIENTS_CACHED; i++) {
        struct coefficients **entry = &cache->entries[i];
        if (*entry && same_axis(&(*entry)->axis, axis)) {
            (*entry)->used_at = ++cache->clock;
            *ret_coefficients = *entry;
            return 0;
        }
        if (*oldest && (!*entry || (*entry)->used_at < (*oldest)->used_at)) {
            oldest = entry;
        }
    }
    struct coefficients *c = NULL;
    int r = coefficients_new(axis, &c, error);
    if (r < 0) {
        return r;
    }
    coefficients_free(*oldest);
    c->used_at = ++cache->clock;
    *oldest = c;
    *ret_coefficients = c;
    return 0;
}
