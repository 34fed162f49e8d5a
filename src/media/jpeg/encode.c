/* SPDX-License-Identifier: Apache-2.0
 *
 * JPEG by libjpeg-turbo's compressor, into memory of fixed size. Runs on the worker's lane threads,
 * on pixels that situ made.
 */
#include "media/jpeg/encode.h"

#include <setjmp.h>
#include <stdio.h>

#include <jerror.h>
#include <jpeglib.h>

struct encoder {
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr destination;
    jmp_buf escape;
    enum error_code code; /* of the fault that longjmp'ed */
    char message[JMSG_LENGTH_MAX];
    size_t room;
};

__attribute__((noreturn)) static void give_up(struct encoder *encoder, enum error_code code)
{
    encoder->code = code;
    longjmp(encoder->escape, 1);
}

__attribute__((noreturn)) static void on_error(j_common_ptr cinfo)
{
    struct encoder *encoder = cinfo->client_data;
    cinfo->err->format_message(cinfo, encoder->message);
    give_up(encoder, cinfo->err->msg_code == JERR_OUT_OF_MEMORY ? ERROR_MEMORY : ERROR_INTERNAL);
}

static void on_message(j_common_ptr cinfo, int level)
{
    (void)cinfo;
    (void)level;
}

static void on_output(j_common_ptr cinfo)
{
    (void)cinfo;
}

/* The buffer is set in make_object(), and does not grow. */
static void destination_init(j_compress_ptr cinfo)
{
    (void)cinfo;
}

static boolean destination_full(j_compress_ptr cinfo)
{
    struct encoder *encoder = cinfo->client_data;
    (void)snprintf(encoder->message, sizeof(encoder->message), "it would be larger than %zu bytes",
                   encoder->room);
    give_up(encoder, ERROR_TOO_LARGE);
}

static void destination_term(j_compress_ptr cinfo)
{
    (void)cinfo;
}

static void make_object(struct encoder *encoder, void *jpeg, size_t room)
{
    struct jpeg_compress_struct *cinfo = &encoder->cinfo;
    cinfo->err = jpeg_std_error(&encoder->errors);
    encoder->errors.error_exit = on_error;
    encoder->errors.emit_message = on_message;
    encoder->errors.output_message = on_output;
    cinfo->client_data = encoder;
    jpeg_create_compress(cinfo);
    encoder->room = room;
    encoder->destination = (struct jpeg_destination_mgr){.next_output_byte = jpeg,
                                                         .free_in_buffer = room,
                                                         .init_destination = destination_init,
                                                         .empty_output_buffer = destination_full,
                                                         .term_destination = destination_term};
    cinfo->dest = &encoder->destination;
}

static bool is_grey(const struct media_pixels *pixels)
{
    for (uint32_t y = 0; y < pixels->height; y++) {
        const uint8_t *rgb = pixels->rgb + y * pixels->stride;
        for (uint32_t x = 0; x < pixels->width; x++, rgb += 3) {
            if (rgb[0] != rgb[1] || rgb[0] != rgb[2]) {
                return false;
            }
        }
    }
    return true;
}

static void compress(struct jpeg_compress_struct *cinfo, const struct media_pixels *pixels,
                     int quality)
{
    cinfo->image_width = pixels->width;
    cinfo->image_height = pixels->height;
    cinfo->input_components = 3;
    cinfo->in_color_space = JCS_RGB;
    jpeg_set_defaults(cinfo); /* YCbCr with chroma at half the size */
    if (is_grey(pixels)) {
        jpeg_set_colorspace(cinfo, JCS_GRAYSCALE);
    }
    jpeg_set_quality(cinfo, quality, TRUE);
    cinfo->optimize_coding = TRUE;
    jpeg_start_compress(cinfo, TRUE);
    while (cinfo->next_scanline < cinfo->image_height) {
        const uint8_t *row = pixels->rgb + cinfo->next_scanline * pixels->stride;
        JSAMPROW scanline = (JSAMPROW)(uintptr_t)row;
        (void)jpeg_write_scanlines(cinfo, &scanline, 1);
    }
    jpeg_finish_compress(cinfo);
}

static int run(struct encoder *encoder, const struct media_pixels *pixels, int quality, void *jpeg,
               size_t room, struct error *error)
{
    if (setjmp(encoder->escape)) {
        return error_set(error, encoder->code, "JPEG image cannot be made: %s", encoder->message);
    }
    make_object(encoder, jpeg, room);
    compress(&encoder->cinfo, pixels, quality);
    return 0;
}

int encode_jpeg(const struct media_pixels *pixels, int quality, void *jpeg, size_t room,
                size_t *ret_size, struct error *error)
{
    struct encoder encoder = {0};
    if (room == 0) { /* libjpeg writes a byte before it checks */
        return error_set(error, ERROR_TOO_LARGE, "JPEG image cannot be made: there is no room");
    }
    int r = run(&encoder, pixels, quality, jpeg, room, error);
    if (r == 0) {
        *ret_size = room - encoder.destination.free_in_buffer;
    }
    jpeg_destroy_compress(&encoder.cinfo);
    return r;
}
