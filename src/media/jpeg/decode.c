/* SPDX-License-Identifier: Apache-2.0
 *
 * JPEG by libjpeg-turbo, with Pillow's settings: accurate integer DCT, fancy upsampling, block
 * smoothing. Of the image only the window is put through the DCT: columns with a margin of 8 pixels
 * aligned to iMCUs (fancy upsampling looks one sample aside), rows without one. The rows after the
 * window are not decoded where the markers show that the file is complete.
 *
 * Huffman codes are read by huffman.c. Where it leaves data to libjpeg, decoding restarts with
 * libjpeg's own reader, which continues after the rows that are delivered.
 *
 * Where accepting or refusing a file differs from Pillow: a file with more than LIMIT_JPEG_SCANS
 * scans, or a large one whose bytes cannot hold a code for each of its blocks, is refused here;
 * arithmetic-coded files of more than 64 KiB are accepted here (Pillow's reader cannot resume in
 * them).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

#include "base/limits.h"
#include "media/codec.h"
#include "media/exif.h"
#include "media/jpeg/huffman.h"
#include "media/jpeg/markers.h"
#include "media/scratch.h"

enum {
    READ_ROWS = 16,     /* scanlines read from libjpeg at once: an iMCU row of 4:2:0 */
    CROP_MARGIN = 8,    /* output pixels decoded on either side of the window */
    SMOOTHED_COEFS = 10 /* AC coefficients that block smoothing may estimate, and DC */
};

/* What setjmp returns: the image cannot be decoded, or not by our reader of Huffman codes. */
enum { JUMP_FAULT = 1, JUMP_UNUSUAL = 2 };

/* A larger image is refused where it has less than a bit of data for each block. */
#define PLAUSIBLE_PIXELS (4 * MIB)

struct jpeg_state {
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    enum error_code code; /* of the fault that longjmp'ed */
    char message[JMSG_LENGTH_MAX];
    bool made;      /* cinfo exists */
    bool exhausted; /* the fault: libjpeg needed bytes after the file's end */
    const struct format_facts *format;
    const uint8_t *bytes; /* borrowed; the file */
    size_t size;
    unsigned eighths; /* scale of the decoded image; 0: not set */
    struct image_window window;
    uint32_t delivered;           /* rows of the window */
    bool plain;                   /* Huffman codes are read by libjpeg itself */
    struct jpeg_huffman *huffman; /* owned; NULL until first use */
    uint32_t indent;              /* pixels between cinfo's left edge and the window's */
    uint32_t width;               /* of the window */
    struct scratch rows;          /* READ_ROWS scanlines, where the caller's rows do not fit */
};

static const JOCTET no_bytes[1];

__attribute__((noreturn)) static void give_up(struct jpeg_state *jpeg, enum error_code code)
{
    jpeg->code = code;
    longjmp(jpeg->escape, JUMP_FAULT);
}

__attribute__((noreturn)) static void on_error(j_common_ptr cinfo)
{
    struct jpeg_state *jpeg = cinfo->client_data;
    cinfo->err->format_message(cinfo, jpeg->message);
    switch (cinfo->err->msg_code) {
    case JERR_OUT_OF_MEMORY:
        give_up(jpeg, ERROR_MEMORY);
    case JERR_IMAGE_TOO_BIG:
    case JERR_NO_BACKING_STORE:
        give_up(jpeg, ERROR_TOO_LARGE);
    default:
        give_up(jpeg, ERROR_UNDECODABLE);
    }
}

static void on_unusual(j_decompress_ptr cinfo)
{
    struct jpeg_state *jpeg = cinfo->client_data;
    longjmp(jpeg->escape, JUMP_UNUSUAL);
}

/* Warnings and traces: Pillow continues, and nothing is printed. */
static void on_message(j_common_ptr cinfo, int level)
{
    (void)level;
    cinfo->err->num_warnings++;
}

static void on_output(j_common_ptr cinfo)
{
    (void)cinfo;
}

/* Called for each iMCU row of each scan. */
static void on_progress(j_common_ptr cinfo)
{
    struct jpeg_state *jpeg = cinfo->client_data;
    if (jpeg->cinfo.input_scan_number > (int)LIMIT_JPEG_SCANS) {
        (void)snprintf(jpeg->message, sizeof(jpeg->message), "more than %u scans",
                       LIMIT_JPEG_SCANS);
        give_up(jpeg, ERROR_TOO_LARGE);
    }
}

static void source_init(j_decompress_ptr cinfo)
{
    (void)cinfo;
}

/* All bytes are in the buffer from the start, so there are no more. */
static boolean source_fill(j_decompress_ptr cinfo)
{
    struct jpeg_state *jpeg = cinfo->client_data;
    (void)snprintf(jpeg->message, sizeof(jpeg->message), "file is truncated");
    jpeg->exhausted = true;
    give_up(jpeg, ERROR_UNDECODABLE);
}

static void source_skip(j_decompress_ptr cinfo, long count)
{
    struct jpeg_source_mgr *source = cinfo->src;
    if (count <= 0) {
        return;
    }
    if ((size_t)count > source->bytes_in_buffer) {
        source->next_input_byte = no_bytes;
        source->bytes_in_buffer = 0;
        return;
    }
    source->next_input_byte += count;
    source->bytes_in_buffer -= (size_t)count;
}

static void source_term(j_decompress_ptr cinfo)
{
    (void)cinfo;
}

static int report(struct jpeg_state *jpeg, struct error *error)
{
    return error_set(error, jpeg->code, "JPEG image: %s", jpeg->message);
}

/* A new object for each image: making one costs a microsecond, while a reused one would decode a
 * file without tables with those of the image before. */
static void make_object(struct jpeg_state *jpeg)
{
    jpeg->cinfo.err = jpeg_std_error(&jpeg->errors);
    jpeg->errors.error_exit = on_error;
    jpeg->errors.emit_message = on_message;
    jpeg->errors.output_message = on_output;
    jpeg->cinfo.client_data = jpeg;
    jpeg->made = true;
    jpeg->exhausted = false;
    jpeg_create_decompress(&jpeg->cinfo);
    jpeg->source = (struct jpeg_source_mgr){.next_input_byte = jpeg->bytes,
                                            .bytes_in_buffer = jpeg->size,
                                            .init_source = source_init,
                                            .fill_input_buffer = source_fill,
                                            .skip_input_data = source_skip,
                                            .resync_to_restart = jpeg_resync_to_restart,
                                            .term_source = source_term};
    jpeg->cinfo.src = &jpeg->source;
    jpeg->progress.progress_monitor = on_progress;
    jpeg->cinfo.progress = &jpeg->progress;
    jpeg->cinfo.mem->max_memory_to_use = (long)LIMIT_DECODE_BYTES;
}

static int choose_colours(struct jpeg_decompress_struct *cinfo, struct error *error)
{
    switch (cinfo->num_components) {
    case 1:
    case 3:
        cinfo->out_color_space = JCS_RGB;
        return 0;
    case 4:
        cinfo->out_color_space = JCS_CMYK;
        return 0;
    default:
        return error_set(error, ERROR_UNDECODABLE, "JPEG image of %d components",
                         cinfo->num_components);
    }
}

/* Every block of the first component takes at least one bit of Huffman code in a whole file. */
static bool is_plausible(const struct jpeg_state *jpeg)
{
    const struct jpeg_decompress_struct *cinfo = &jpeg->cinfo;
    uint64_t pixels = (uint64_t)cinfo->image_width * cinfo->image_height;
    if (pixels <= PLAUSIBLE_PIXELS || cinfo->arith_code) {
        return true;
    }
    uint64_t blocks = (uint64_t)cinfo->comp_info[0].width_in_blocks *
                      (uint64_t)cinfo->comp_info[0].height_in_blocks;
    return blocks <= 8 * (uint64_t)jpeg->size;
}

static int read_header(struct jpeg_state *jpeg, struct error *error)
{
    if (setjmp(jpeg->escape)) {
        return report(jpeg, error);
    }
    make_object(jpeg);
    (void)jpeg_read_header(&jpeg->cinfo, TRUE);
    int r =
        codec_check_size(jpeg->format, jpeg->cinfo.image_width, jpeg->cinfo.image_height, error);
    return r < 0 ? r : choose_colours(&jpeg->cinfo, error);
}

static int jpeg_open(void *state, const uint8_t *bytes, size_t size, struct image_info *info,
                     struct error *error)
{
    struct jpeg_state *jpeg = state;
    struct jpeg_exif exif;
    int r = jpeg_markers_head(bytes, size, &exif, error);
    if (r < 0) {
        return r;
    }
    jpeg->format = info->format;
    jpeg->bytes = bytes;
    jpeg->size = size;
    jpeg->eighths = 0;
    jpeg->plain = false;
    r = read_header(jpeg, error);
    if (r < 0) {
        return r;
    }
    if (!is_plausible(jpeg)) {
        return error_set(error, ERROR_UNDECODABLE,
                         "JPEG image of %u x %u pixels in a file of %zu bytes",
                         jpeg->cinfo.image_width, jpeg->cinfo.image_height, size);
    }
    info->width = jpeg->cinfo.image_width;
    info->height = jpeg->cinfo.image_height;
    uint32_t orientation = exif.bytes ? exif_orientation(exif.bytes, exif.size) : 0;
    info->orientation = orientation ? orientation : 1;
    return 0;
}

static int scale(struct jpeg_state *jpeg, struct error *error)
{
    if (setjmp(jpeg->escape)) {
        return report(jpeg, error);
    }
    jpeg->cinfo.scale_num = jpeg->eighths;
    jpeg->cinfo.scale_denom = 8;
    jpeg_calc_output_dimensions(&jpeg->cinfo);
    return 0;
}

static int jpeg_scale(void *state, unsigned eighths, struct image_info *info, struct error *error)
{
    struct jpeg_state *jpeg = state;
    jpeg->eighths = eighths;
    int r = scale(jpeg, error);
    if (r == 0) {
        info->width = jpeg->cinfo.output_width;
        info->height = jpeg->cinfo.output_height;
    }
    return r;
}

/* Progressive data that stops before full precision is smoothed over neighbouring blocks. */
static bool is_smoothed(const struct jpeg_decompress_struct *cinfo)
{
    if (!cinfo->progressive_mode || !cinfo->coef_bits) {
        return false;
    }
    for (int component = 0; component < cinfo->num_components; component++) {
        for (int i = 0; i < SMOOTHED_COEFS; i++) {
            if (cinfo->coef_bits[component][i] != 0) {
                return true;
            }
        }
    }
    return false;
}

/* Columns and rows of output that one DCT block of a component gives; NULL: of the largest. */
static int block_edge(const struct jpeg_decompress_struct *cinfo,
                      const jpeg_component_info *component)
{
#if JPEG_LIB_VERSION >= 70
    return component ? component->DCT_h_scaled_size : cinfo->min_DCT_h_scaled_size;
#else
    return component ? component->DCT_scaled_size : cinfo->min_DCT_scaled_size;
#endif
}

/* A scaled decode has the DCT do the upsampling where it can. Where some is left (chroma at a
 * quarter), libjpeg-turbo's cropped rows differ from those of the whole image. */
static bool is_half_scaled(const struct jpeg_decompress_struct *cinfo)
{
    int edge = block_edge(cinfo, NULL);
    for (int i = 0; i < cinfo->num_components && edge < DCTSIZE; i++) {
        const jpeg_component_info *component = &cinfo->comp_info[i];
        int size = block_edge(cinfo, component);
        if (component->h_samp_factor * size != cinfo->max_h_samp_factor * edge ||
            component->v_samp_factor * size != cinfo->max_v_samp_factor * edge) {
            return true;
        }
    }
    return false;
}

static void crop_columns(struct jpeg_state *jpeg)
{
    const struct image_window *window = &jpeg->window;
    struct jpeg_decompress_struct *cinfo = &jpeg->cinfo;
    JDIMENSION align = (JDIMENSION)(cinfo->max_h_samp_factor * block_edge(cinfo, NULL));
    JDIMENSION left = window->left > CROP_MARGIN ? window->left - CROP_MARGIN : 0;
    JDIMENSION right = window->right + CROP_MARGIN;
    left -= left % align;
    right += (align - right % align) % align;
    if (right > cinfo->output_width) {
        right = cinfo->output_width;
    }
    JDIMENSION width = right - left;
    if (width < cinfo->output_width) {
        jpeg_crop_scanline(cinfo, &left, &width);
        jpeg->indent -= left;
    }
}

static uint32_t row_bytes(const struct jpeg_state *jpeg)
{
    return jpeg->cinfo.output_width * (uint32_t)jpeg->cinfo.output_components;
}

static uint32_t read_some(struct jpeg_state *jpeg, JSAMPROW *pointers, uint32_t count)
{
    uint32_t got = jpeg_read_scanlines(&jpeg->cinfo, pointers, count);
    if (got == 0) { /* only a suspending source returns none; never loop on it */
        (void)snprintf(jpeg->message, sizeof(jpeg->message), "no more rows");
        give_up(jpeg, ERROR_UNDECODABLE);
    }
    return got;
}

/* The next scanlines, at most READ_ROWS, into the scratch rows. */
static uint32_t read_scratch(struct jpeg_state *jpeg, uint32_t count)
{
    JSAMPROW pointers[READ_ROWS];
    uint32_t wanted = count < READ_ROWS ? count : READ_ROWS;
    for (uint32_t i = 0; i < wanted; i++) {
        pointers[i] = jpeg->rows.data + (size_t)i * row_bytes(jpeg);
    }
    return read_some(jpeg, pointers, wanted);
}

/* Uses our own reader of Huffman codes where it can read this image and there is memory for it;
 * otherwise libjpeg's. */
static void choose_reader(struct jpeg_state *jpeg)
{
    if (!jpeg->huffman) {
        jpeg->huffman = jpeg_huffman_new();
    }
    jpeg->plain = !jpeg_huffman_is_allowed() || !jpeg->huffman ||
                  !jpeg_huffman_take_over(jpeg->huffman, &jpeg->cinfo, on_unusual);
}

static void pass_over_rows(struct jpeg_state *jpeg, uint32_t until)
{
    while (jpeg->cinfo.output_scanline < until) {
        (void)read_scratch(jpeg, until - jpeg->cinfo.output_scanline);
    }
}

/* To the first row of the window, or the first that is not delivered. Returns 0, JUMP_UNUSUAL or a
 * negative errno. */
static int begin(struct jpeg_state *jpeg, struct error *error)
{
    struct jpeg_decompress_struct *cinfo = &jpeg->cinfo;
    const struct image_window *window = &jpeg->window;
    jpeg->indent = window->left;
    jpeg->width = window->right - window->left;
    int jump = setjmp(jpeg->escape);
    if (jump) {
        return jump == JUMP_UNUSUAL ? jump : report(jpeg, error);
    }
    (void)jpeg_start_decompress(cinfo);
    if (!jpeg->plain) {
        choose_reader(jpeg);
    }
    bool exact = !is_smoothed(cinfo) && !is_half_scaled(cinfo);
    if (exact) {
        crop_columns(jpeg);
    }
    int r = scratch_reserve_plain(&jpeg->rows, (size_t)READ_ROWS * row_bytes(jpeg), error);
    if (r < 0) {
        return r;
    }
    if (exact && window->top > 0) {
        (void)jpeg_skip_scanlines(cinfo, window->top);
    }
    pass_over_rows(jpeg, window->top + jpeg->delivered);
    return 0;
}

static void jpeg_close(void *state)
{
    struct jpeg_state *jpeg = state;
    if (jpeg->made) {
        jpeg_destroy_decompress(&jpeg->cinfo);
        jpeg->made = false;
    }
}

static int begin_again(struct jpeg_state *jpeg, struct error *error)
{
    jpeg_close(jpeg);
    jpeg->plain = true;
    int r = read_header(jpeg, error);
    if (r == 0 && jpeg->eighths > 0) {
        r = scale(jpeg, error);
    }
    return r < 0 ? r : begin(jpeg, error);
}

static int jpeg_start(void *state, const struct image_window *window, struct error *error)
{
    struct jpeg_state *jpeg = state;
    jpeg->window = *window;
    jpeg->delivered = 0;
    int r = begin(jpeg, error);
    return r == JUMP_UNUSUAL ? begin_again(jpeg, error) : r;
}

/* Pillow treats all CMYK as inverted, as Adobe writes it, and converts with (255 - k) - c * (255 -
 * k) / 255, rounded. */
static void convert_cmyk(uint8_t *rgb, const uint8_t *cmyk, uint32_t width)
{
    for (uint32_t x = 0; x < width; x++) {
        unsigned light = cmyk[4 * x + 3];
        for (unsigned i = 0; i < 3; i++) {
            unsigned product = (255u - cmyk[4 * x + i]) * light + 128;
            rgb[3 * x + i] = (uint8_t)(light - ((product + (product >> 8)) >> 8));
        }
    }
}

static void read_converted(struct jpeg_state *jpeg, uint8_t *rows, size_t stride, uint32_t until)
{
    bool cmyk = jpeg->cinfo.out_color_space == JCS_CMYK;
    size_t skipped = (size_t)jpeg->indent * (cmyk ? 4 : 3);
    while (jpeg->delivered < until) {
        uint32_t got = read_scratch(jpeg, until - jpeg->delivered);
        for (uint32_t i = 0; i < got; i++, rows += stride) {
            const uint8_t *from = jpeg->rows.data + (size_t)i * row_bytes(jpeg) + skipped;
            if (cmyk) {
                convert_cmyk(rows, from, jpeg->width);
            } else {
                memcpy(rows, from, (size_t)jpeg->width * 3);
            }
        }
        jpeg->delivered += got;
    }
}

static void read_direct(struct jpeg_state *jpeg, uint8_t *rows, size_t stride, uint32_t until)
{
    while (jpeg->delivered < until) {
        JSAMPROW pointers[READ_ROWS];
        uint32_t left = until - jpeg->delivered;
        uint32_t wanted = left < READ_ROWS ? left : READ_ROWS;
        for (uint32_t i = 0; i < wanted; i++) {
            pointers[i] = rows + (size_t)i * stride;
        }
        uint32_t got = read_some(jpeg, pointers, wanted);
        jpeg->delivered += got;
        rows += (size_t)got * stride;
    }
}

/* `rows`: where the next row of the window is written. Returns as begin() does. */
static int read_until(struct jpeg_state *jpeg, uint8_t *rows, size_t stride, uint32_t until,
                      struct error *error)
{
    int jump = setjmp(jpeg->escape);
    if (jump) {
        return jump == JUMP_UNUSUAL ? jump : report(jpeg, error);
    }
    if (jpeg->width == jpeg->cinfo.output_width && jpeg->cinfo.out_color_space == JCS_RGB) {
        read_direct(jpeg, rows, stride, until);
    } else {
        read_converted(jpeg, rows, stride, until);
    }
    return 0;
}

static int jpeg_read(void *state, uint8_t *rows, size_t stride, uint32_t count, struct error *error)
{
    struct jpeg_state *jpeg = state;
    uint32_t before = jpeg->delivered;
    int r = read_until(jpeg, rows, stride, before + count, error);
    if (r != JUMP_UNUSUAL) {
        return r;
    }
    r = begin_again(jpeg, error);
    return r < 0 ? r
                 : read_until(jpeg, rows + (size_t)(jpeg->delivered - before) * stride, stride,
                              before + count, error);
}

/* Reads on to EOI. For Pillow a file with all its rows is complete even without EOI, which is rare:
 * the entropy decoder itself reads ahead to a marker. */
static int finish_rows(struct jpeg_state *jpeg, struct error *error)
{
    if (setjmp(jpeg->escape)) {
        return jpeg->exhausted ? 0 : report(jpeg, error);
    }
    (void)jpeg_finish_decompress(&jpeg->cinfo);
    return 0;
}

/* The rows after the window. Returns as begin() does. */
static int read_rest(struct jpeg_state *jpeg, struct error *error)
{
    int jump = setjmp(jpeg->escape);
    if (jump) {
        return jump == JUMP_UNUSUAL ? jump : report(jpeg, error);
    }
    pass_over_rows(jpeg, jpeg->cinfo.output_height);
    return 0;
}

static int jpeg_finish(void *state, struct error *error)
{
    struct jpeg_state *jpeg = state;
    struct jpeg_decompress_struct *cinfo = &jpeg->cinfo;
    if (cinfo->output_scanline < cinfo->output_height) {
        /* With several scans, all data were read before the first row. */
        if (jpeg_input_complete(cinfo) ||
            jpeg_markers_end_well(jpeg->source.next_input_byte, jpeg->source.bytes_in_buffer,
                                  cinfo->unread_marker)) {
            return 0;
        }
        int r = read_rest(jpeg, error);
        if (r == JUMP_UNUSUAL) {
            r = begin_again(jpeg, error);
            r = r < 0 ? r : read_rest(jpeg, error);
        }
        if (r < 0) {
            return r;
        }
    }
    return finish_rows(jpeg, error);
}

static void jpeg_trim(void *state)
{
    struct jpeg_state *jpeg = state;
    scratch_done(&jpeg->rows);
    free(jpeg->huffman);
    jpeg->huffman = NULL;
}

const struct codec codec_jpeg = {
    .format = "JPEG",
    .state_size = sizeof(struct jpeg_state),
    .open = jpeg_open,
    .scale = jpeg_scale,
    .start = jpeg_start,
    .read = jpeg_read,
    .finish = jpeg_finish,
    .close = jpeg_close,
    .trim = jpeg_trim,
};
