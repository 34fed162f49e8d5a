/* SPDX-License-Identifier: Apache-2.0
 *
 * WebP by libwebp, lossy and lossless, as Pillow shows it through libwebp's animation decoder: the
 * container is judged by the demuxer, an animation gives its first frame on a black canvas, alpha
 * is dropped and not blended. Of the frame only the window is decoded, with a margin for the fancy
 * upsampling of lossy chroma, and nothing after its last row.
 *
 * Where accepting or refusing a file differs from Pillow: damage in the compressed data after the
 * window is not detected here.
 */
#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

#include "media/codec.h"
#include "media/exif.h"
#include "media/scratch.h"

enum { CROP_MARGIN = 2 }; /* a chroma sample */

struct webp_state {
    WebPDemuxer *demux; /* owned */
    WebPIterator frame; /* the first; its memory belongs to demux */
    struct image_window window;
    struct image_window part; /* of the canvas: what `rows` holds; empty where it holds none */
    uint32_t next_row;        /* of the canvas */
    bool on_white;            /* alpha is blended with white */
    uint32_t pixel;           /* bytes of one in `rows`: 3, or 4 with alpha */
    struct scratch rows;
};

static uint32_t find_orientation(const WebPDemuxer *demux)
{
    WebPChunkIterator chunk = {0};
    uint32_t orientation = 0;
    if (WebPDemuxGetChunk(demux, "EXIF", 1, &chunk) && chunk.chunk.size > 0) {
        orientation = exif_orientation(chunk.chunk.bytes, chunk.chunk.size);
    }
    WebPDemuxReleaseChunkIterator(&chunk);
    return orientation ? orientation : 1;
}

static int webp_open(void *state, const uint8_t *bytes, size_t size, struct image_info *info,
                     struct error *error)
{
    struct webp_state *webp = state;
    const WebPData data = {.bytes = bytes, .size = size};
    webp->on_white = false;
    webp->pixel = 3;
    webp->demux = WebPDemux(&data);
    if (!webp->demux) {
        return error_set(error, ERROR_UNDECODABLE, "WebP file is damaged or truncated");
    }
    info->width = WebPDemuxGetI(webp->demux, WEBP_FF_CANVAS_WIDTH);
    info->height = WebPDemuxGetI(webp->demux, WEBP_FF_CANVAS_HEIGHT);
    int r = codec_check_size(info->format, info->width, info->height, error);
    if (r < 0) {
        return r;
    }
    if (!WebPDemuxGetFrame(webp->demux, 1, &webp->frame) || !webp->frame.complete) {
        return error_set(error, ERROR_UNDECODABLE, "WebP file without a whole image");
    }
    info->orientation = find_orientation(webp->demux);
    return 0;
}

static uint32_t later(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static uint32_t sooner(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* One axis of the window with its margin, inside the frame (`offset`, `length` on the canvas) and
 * starting at an even position of the frame. */
static void choose_span(uint32_t window_begin, uint32_t window_end, uint32_t offset,
                        uint32_t length, uint32_t *ret_begin, uint32_t *ret_end)
{
    uint32_t begin = later(window_begin, offset + CROP_MARGIN) - CROP_MARGIN;
    *ret_begin = begin - (begin - offset) % 2;
    *ret_end = sooner(window_end + CROP_MARGIN, offset + length);
}

static int decode_part(struct webp_state *webp, struct error *error)
{
    const struct image_window *part = &webp->part;
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config)) {
        return error_set(error, ERROR_INTERNAL, "libwebp is of another version than its header");
    }
    size_t stride = (size_t)webp->pixel * (part->right - part->left);
    size_t size = stride * (part->bottom - part->top);
    int r = scratch_reserve_plain(&webp->rows, size, error);
    if (r < 0) {
        return r;
    }
    config.options.use_cropping = 1;
    config.options.crop_left = (int)part->left - webp->frame.x_offset;
    config.options.crop_top = (int)part->top - webp->frame.y_offset;
    config.options.crop_width = (int)(part->right - part->left);
    config.options.crop_height = (int)(part->bottom - part->top);
    config.output.colorspace = webp->pixel == 4 ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA =
        (WebPRGBABuffer){.rgba = webp->rows.data, .stride = (int)stride, .size = size};
    VP8StatusCode status =
        WebPDecode(webp->frame.fragment.bytes, webp->frame.fragment.size, &config);
    WebPFreeDecBuffer(&config.output);
    if (status == VP8_STATUS_OUT_OF_MEMORY) {
        return error_memory(error, "a WebP image");
    }
    if (status != VP8_STATUS_OK) {
        return error_set(error, ERROR_UNDECODABLE, "WebP image is damaged or truncated");
    }
    return 0;
}

static void webp_flatten(void *state)
{
    struct webp_state *webp = state;
    webp->on_white = true;
    webp->pixel = webp->frame.has_alpha ? 4 : 3;
}

static int webp_start(void *state, const struct image_window *window, struct error *error)
{
    struct webp_state *webp = state;
    uint32_t x = (uint32_t)webp->frame.x_offset;
    uint32_t y = (uint32_t)webp->frame.y_offset;
    uint32_t width = (uint32_t)webp->frame.width;
    uint32_t height = (uint32_t)webp->frame.height;
    webp->window = *window;
    webp->next_row = window->top;
    if (window->left >= x + width || window->right <= x || window->top >= y + height ||
        window->bottom <= y) {
        webp->part = (struct image_window){0};
        return 0;
    }
    choose_span(window->left, window->right, x, width, &webp->part.left, &webp->part.right);
    choose_span(window->top, window->bottom, y, height, &webp->part.top, &webp->part.bottom);
    return decode_part(webp, error);
}

/* Pixels of the decoded part to the caller's row. */
static void copy_pixels(const struct webp_state *webp, uint8_t *rgb, const uint8_t *from,
                        uint32_t count)
{
    if (webp->pixel == 3) {
        memcpy(rgb, from, (size_t)3 * count);
        return;
    }
    for (uint32_t x = 0; x < count; x++, rgb += 3, from += 4) {
        for (unsigned i = 0; i < 3; i++) {
            rgb[i] = codec_on_white(from[i], from[3]);
        }
    }
}

static int webp_read(void *state, uint8_t *rows, size_t stride, uint32_t count, struct error *error)
{
    struct webp_state *webp = state;
    const struct image_window *window = &webp->window;
    const struct image_window *part = &webp->part;
    (void)error;
    uint32_t left = later(window->left, part->left);
    uint32_t right = sooner(window->right, part->right);
    for (uint32_t i = 0; i < count; i++, webp->next_row++) {
        uint8_t *row = rows + (size_t)i * stride;
        bool covered = webp->next_row >= part->top && webp->next_row < part->bottom;
        if (!covered || left != window->left || right != window->right) {
            memset(row, webp->on_white ? 255 : 0, (size_t)3 * (window->right - window->left));
        }
        if (covered) {
            size_t first = (size_t)(webp->next_row - part->top) * (part->right - part->left) +
                           (left - part->left);
            copy_pixels(webp, row + (size_t)3 * (left - window->left),
                        webp->rows.data + webp->pixel * first, right - left);
        }
    }
    return 0;
}

static int webp_finish(void *state, struct error *error)
{
    (void)state;
    (void)error;
    return 0;
}

static void webp_close(void *state)
{
    struct webp_state *webp = state;
    WebPDemuxReleaseIterator(&webp->frame);
    WebPDemuxDelete(webp->demux);
    webp->demux = NULL;
    webp->frame = (WebPIterator){0};
    scratch_trim(&webp->rows, CODEC_KEEP_BYTES);
}

static void webp_trim(void *state)
{
    struct webp_state *webp = state;
    scratch_done(&webp->rows);
}

const struct codec codec_webp = {
    .format = "WebP",
    .state_size = sizeof(struct webp_state),
    .open = webp_open,
    .flatten = webp_flatten,
    .start = webp_start,
    .read = webp_read,
    .finish = webp_finish,
    .close = webp_close,
    .trim = webp_trim,
};
