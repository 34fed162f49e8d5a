/* SPDX-License-Identifier: Apache-2.0
 *
 * From image to tensor: plans the geometry, gets the tables, opens the decoder on the window that
 * they need, and streams the rows through resampling and normalising into the tensor. Runs in the
 * worker, one struct media for each of its threads.
 */
#include "media/media.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "media/decoder.h"
#include "media/geometry.h"
#include "media/normalize.h"
#include "media/resample.h"

enum {
    READ_BYTES = 48 * 1024,      /* of rows at a time: they stay in the nearest caches */
    READ_ROWS = 16,              /* at most; what a JPEG decoder makes in one go */
    USUAL_SCRATCH = 1024 * 1024, /* kept by media_trim */
    USUAL_TABLE = 128 * 1024,    /* kept by media_trim */
    TURN = 16,                   /* rows of the tensor that are gathered at a time */
};

struct media {
    struct decoder *decoder; /* owned */
    struct coefficients_cache cache;
    struct resampler resampler;
    struct normalizer normalizer;
    struct scratch rows;   /* decoded rows */
    struct scratch turned; /* a transposed image's columns */
    struct scratch tile;   /* rows that are gathered from them */
};

/* The state of one image. */
struct job {
    struct media *media;
    const struct pipeline *pipeline;
    struct geometry geometry;
    struct resample_job axes;
    struct tensor_image image;
    size_t turned_stride; /* bytes from column to column of media->turned */
};

int media_new(struct media **ret_media)
{
    /* The tables of the inner loops need their alignment, which calloc does not guarantee. */
    struct media *media = aligned_alloc(_Alignof(struct media), sizeof(*media));
    if (!media) {
        return -ENOMEM;
    }
    *media = (struct media){0};
    int r = decoder_new(&media->decoder);
    if (r < 0) {
        free(media);
        return r;
    }
    media->resampler.kernels = kernels_selected();
    media->normalizer.kernels = media->resampler.kernels;
    *ret_media = media;
    return 0;
}

void media_free(struct media *media)
{
    if (!media) {
        return;
    }
    decoder_free(media->decoder);
    coefficients_cache_done(&media->cache);
    resampler_done(&media->resampler);
    scratch_done(&media->rows);
    scratch_done(&media->turned);
    scratch_done(&media->tile);
    free(media);
}

void media_trim(struct media *media)
{
    decoder_trim(media->decoder);
    coefficients_cache_trim(&media->cache, USUAL_TABLE);
    resampler_trim(&media->resampler, USUAL_SCRATCH);
    scratch_trim(&media->rows, USUAL_SCRATCH);
    scratch_trim(&media->turned, USUAL_SCRATCH);
    scratch_trim(&media->tile, USUAL_SCRATCH);
}

/* Sets the tensor's shape; an error where it does not fit its room. */
static int check_room(struct job *job, const struct media_tensor *tensor, struct error *error)
{
    const struct geometry *g = &job->geometry;
    uint64_t pixels = (uint64_t)g->x.out * g->y.out;
    uint64_t element = datatype_size(job->pipeline->datatype);
    if (pixels > LIMIT_IMAGE_PIXELS) {
        return error_set(error, ERROR_TOO_LARGE,
                         "the tensor would have %u x %u pixels, above %" PRIu64, g->x.out, g->y.out,
                         LIMIT_IMAGE_PIXELS);
    }
    if (pixels * 3 * element > tensor->size) {
        return error_set(error, ERROR_UNFIT,
                         "the image makes a tensor of 3 x %u x %u elements of %s, %" PRIu64
                         " bytes; "
                         "there is room for %zu",
                         g->y.out, g->x.out, datatype_name(job->pipeline->datatype),
                         pixels * 3 * element, tensor->size);
    }
    job->image = (struct tensor_image){.data = tensor->data,
                                       .height = g->y.out,
                                       .width = g->x.out,
                                       .layout = job->pipeline->layout,
                                       .flip = job->pipeline->flip_channels};
    return 0;
}

static struct axis axis_of(const struct pipeline *pipeline, const struct edge *edge, uint32_t in)
{
    return (struct axis){.in = in,
                         .out = edge->resized,
                         .filter = pipeline->resample,
                         .first = edge->first,
                         .count = edge->seen,
                         .mirror = edge->mirror};
}

/* The tables of both axes, for a stored image of width x height. */
static int plan_axes(struct job *job, uint32_t width, uint32_t height, struct error *error)
{
    const struct geometry *g = &job->geometry;
    const struct edge *across = g->transposed ? &g->y : &g->x;
    const struct edge *down = g->transposed ? &g->x : &g->y;
    struct axis axis = axis_of(job->pipeline, across, width);
    int r = coefficients_get(&job->media->cache, &axis, &job->axes.across, error);
    if (r < 0) {
        return r;
    }
    axis = axis_of(job->pipeline, down, height);
    job->axes.down_first = g->transposed;
    return coefficients_get(&job->media->cache, &axis, &job->axes.down, error);
}

static void write_row(void *context, uint32_t index, const uint8_t *planar, size_t plane)
{
    const struct job *job = context;
    const struct geometry *g = &job->geometry;
    const struct planar_row row = {planar, plane, g->x.seen};
    normalizer_row(&job->media->normalizer, &job->image, g->y.at + index, g->x.at, &row);
}

/* A transposed image: each row is a column of the tensor. */
static void keep_column(void *context, uint32_t index, const uint8_t *planar, size_t plane)
{
    const struct job *job = context;
    memcpy(job->media->turned.data + index * job->turned_stride, planar, 3 * plane);
}

/* Writes up to TURN rows of the tensor from the kept columns, from row `first` on. */
static void write_turned(struct job *job, uint32_t first, size_t plane, size_t column_plane)
{
    const struct geometry *g = &job->geometry;
    uint8_t *tile = job->media->tile.data;
    uint32_t count = g->y.seen - first < TURN ? g->y.seen - first : TURN;
    for (size_t x = 0; x < g->x.seen; x++) {
        const uint8_t *column = job->media->turned.data + x * job->turned_stride + first;
        for (size_t colour = 0; colour < 3; colour++, column += column_plane) {
            for (size_t i = 0; i < count; i++) {
                tile[(i * 3 + colour) * plane + x] = column[i];
            }
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        write_row(job, first + i, tile + (size_t)i * 3 * plane, plane);
    }
}

static int run_turned(struct job *job, const struct row_source *source, struct error *error)
{
    const struct geometry *g = &job->geometry;
    struct media *media = job->media;
    size_t plane = kernels_round_up(g->x.seen, KERNEL_GROUP);
    size_t column_plane = kernels_round_up(g->y.seen, KERNEL_GROUP);
    job->turned_stride = 3 * column_plane;
    int r = scratch_reserve(&media->turned, g->x.seen * job->turned_stride, error);
    r = r < 0 ? r : scratch_reserve(&media->tile, plane * 3 * TURN, error);
    if (r < 0) {
        return r;
    }
    const struct row_sink sink = {keep_column, job};
    r = resample_run(&media->resampler, &job->axes, source, &sink, error);
    if (r < 0) {
        return r;
    }
    for (uint32_t first = 0; first < g->y.seen; first += TURN) {
        write_turned(job, first, plane, column_plane);
    }
    return 0;
}

static int run(struct job *job, const struct row_source *source, struct error *error)
{
    const struct geometry *g = &job->geometry;
    normalizer_set(&job->media->normalizer, job->pipeline);
    if (g->x.seen != g->x.out || g->y.seen != g->y.out) {
        normalizer_fill(&job->media->normalizer, &job->image, g->fill);
    }
    if (g->transposed) {
        return run_turned(job, source, error);
    }
    const struct row_sink sink = {write_row, job};
    return resample_run(&job->media->resampler, &job->axes, source, &sink, error);
}

struct decoder_rows {
    struct decoder *decoder;
    uint8_t *rows;
    size_t stride;
};

static int read_decoded(void *context, uint32_t count, const uint8_t **ret_rows, size_t *ret_stride,
                        struct error *error)
{
    const struct decoder_rows *from = context;
    *ret_rows = from->rows;
    *ret_stride = from->stride;
    return decoder_read(from->decoder, from->rows, from->stride, count, error);
}

/* Decodes the window that the axes need, and resamples it. */
static int run_decoder(struct job *job, struct error *error)
{
    struct media *media = job->media;
    const struct coefficients *across = job->axes.across, *down = job->axes.down;
    const struct image_window window = {across->window_first, down->window_first,
                                        across->window_end, down->window_end};
    size_t stride = kernels_round_up((size_t)(window.right - window.left) * 3, KERNEL_BLOCK);
    size_t at_once = READ_BYTES / stride;
    at_once = at_once > READ_ROWS ? READ_ROWS : at_once;
    at_once = at_once < 1 ? 1 : at_once;
    int r = scratch_reserve(&media->rows, at_once * stride + KERNEL_ROW_PADDING, error);
    r = r < 0 ? r : decoder_start(media->decoder, &window, error);
    if (r < 0) {
        return r;
    }
    struct decoder_rows rows = {media->decoder, media->rows.data, stride};
    const struct row_source source = {read_decoded, &rows, (uint32_t)at_once};
    r = run(job, &source, error);
    return r < 0 ? r : decoder_finish(media->decoder, error);
}

static int check_pipeline(const struct pipeline *pipeline, struct error *error)
{
    if (pipeline_check(pipeline) < 0) {
        return error_set(error, ERROR_INTERNAL, "the pipeline is not a valid one");
    }
    return 0;
}

/* Takes an opened image through the job's pipeline. */
static int carry_out(struct job *job, struct image_info *info, const struct media_tensor *room,
                     struct error *error)
{
    struct decoder *decoder = job->media->decoder;
    int r = geometry_plan(job->pipeline, info->width, info->height, info->orientation,
                          &job->geometry, error);
    r = r < 0 ? r : check_room(job, room, error);
    if (r < 0) {
        return r;
    }
    unsigned eighths =
        geometry_fast_eighths(job->pipeline, &job->geometry, info->width, info->height);
    if (eighths != 8) {
        r = decoder_scale(decoder, eighths, info, error);
    }
    r = r < 0 ? r : plan_axes(job, info->width, info->height, error);
    return r < 0 ? r : run_decoder(job, error);
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are media.h's contract. */
int media_image_to_tensor(struct media *media, const struct pipeline *pipeline, const void *bytes,
                          size_t size, void *tensor, size_t tensor_size, uint32_t *ret_height,
                          uint32_t *ret_width, struct error *error)
{
    struct job job = {.media = media, .pipeline = pipeline};
    const struct media_tensor room = {.data = tensor, .size = tensor_size};
    struct image_info info;
    int r = check_pipeline(pipeline, error);
    r = r < 0 ? r : decoder_open(media->decoder, bytes, size, &info, error);
    r = r < 0 ? r : carry_out(&job, &info, &room, error);
    if (r < 0) {
        return r;
    }
    *ret_height = job.image.height;
    *ret_width = job.image.width;
    return 0;
}

/* The size that fits a square of `edge`, with the image's aspect ratio; at least a pixel. */
static struct pipeline fit_pipeline(const struct image_info *info, uint32_t edge)
{
    bool turned = info->orientation >= 5;
    uint32_t width = turned ? info->height : info->width;
    uint32_t height = turned ? info->width : info->height;
    uint32_t longer = width > height ? width : height;
    struct pipeline pipeline = {.decode = DECODE_FAST,
                                .exif_transpose = true,
                                .resample = RESAMPLE_BICUBIC,
                                .layout = LAYOUT_NHWC,
                                .datatype = DATATYPE_UINT8};
    if (longer > edge) {
        width = (uint32_t)(((uint64_t)width * edge + longer / 2) / longer);
        height = (uint32_t)(((uint64_t)height * edge + longer / 2) / longer);
        pipeline.resize = RESIZE_EXACT;
        pipeline.resize_width = width > 0 ? width : 1;
        pipeline.resize_height = height > 0 ? height : 1;
    }
    return pipeline;
}

int media_image_to_pixels(struct media *media, uint32_t edge, const void *bytes, size_t size,
                          struct media_tensor *pixels, struct error *error)
{
    struct job job = {.media = media};
    struct image_info info;
    if (edge < 1 || edge > PIPELINE_EDGE_MAX) {
        return error_set(error, ERROR_INTERNAL, "an edge of %u pixels", edge);
    }
    int r = decoder_open(media->decoder, bytes, size, &info, error);
    r = r < 0 ? r : decoder_flatten(media->decoder, error);
    if (r < 0) {
        return r;
    }
    const struct pipeline pipeline = fit_pipeline(&info, edge);
    job.pipeline = &pipeline;
    r = carry_out(&job, &info, pixels, error);
    if (r < 0) {
        return r;
    }
    pixels->height = job.image.height;
    pixels->width = job.image.width;
    return 0;
}

struct memory_rows {
    const uint8_t *next;
    size_t stride;
};

static int read_memory(void *context, uint32_t count, const uint8_t **ret_rows, size_t *ret_stride,
                       struct error *error)
{
    struct memory_rows *from = context;
    (void)error;
    *ret_rows = from->next;
    *ret_stride = from->stride;
    from->next += count * from->stride;
    return 0;
}

int media_pixels_to_tensor(struct media *media, const struct pipeline *pipeline,
                           const struct media_pixels *pixels, struct media_tensor *tensor,
                           struct error *error)
{
    struct job job = {.media = media, .pipeline = pipeline};
    int r = check_pipeline(pipeline, error);
    r = r < 0 ? r : geometry_plan(pipeline, pixels->width, pixels->height, 1, &job.geometry, error);
    r = r < 0 ? r : check_room(&job, tensor, error);
    r = r < 0 ? r : plan_axes(&job, pixels->width, pixels->height, error);
    if (r < 0) {
        return r;
    }
    struct memory_rows rows = {pixels->rgb + job.axes.down->window_first * pixels->stride +
                                   (size_t)job.axes.across->window_first * 3,
                               pixels->stride};
    const struct row_source source = {read_memory, &rows, UINT32_MAX};
    r = run(&job, &source, error);
    if (r < 0) {
        return r;
    }
    tensor->height = job.image.height;
    tensor->width = job.image.width;
    return 0;
}
