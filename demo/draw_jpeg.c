/* SPDX-License-Identifier: Apache-2.0
 *
 * JPEG compression. libjpeg reports errors with a callback that must not return; it uses longjmp.
 */
#include "draw_jpeg.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

struct jpeg_failure {
    struct jpeg_error_mgr
        manager; /* first, so that libjpeg's pointer to it also points to this struct */
    jmp_buf back;
};

static void fail(j_common_ptr common)
{
    struct jpeg_failure *failure = (struct jpeg_failure *)common->err;

    longjmp(failure->back, 1);
}

static uint8_t to_byte(float v)
{
    return (uint8_t)(clamp_unit(v) * 255.0F + 0.5F);
}

uint8_t *jpeg_pixels(const struct canvas *canvas)
{
    size_t count = (size_t)canvas->width * (size_t)canvas->height;
    uint8_t *pixels = malloc(count * 3);

    if (!pixels) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        pixels[i * 3] = to_byte(canvas->colors[i].r);
        pixels[i * 3 + 1] = to_byte(canvas->colors[i].g);
        pixels[i * 3 + 2] = to_byte(canvas->colors[i].b);
    }
    return pixels;
}

static void set_up(struct jpeg_compress_struct *jpeg, int width, int height,
                   const struct jpeg_choice *choice)
{
    jpeg->image_width = (JDIMENSION)width;
    jpeg->image_height = (JDIMENSION)height;
    jpeg->input_components = 3;
    jpeg->in_color_space = JCS_RGB;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, choice->quality, TRUE);
    jpeg->dct_method = JDCT_ISLOW;
    if (!choice->subsampling) {
        jpeg->comp_info[0].h_samp_factor = 1;
        jpeg->comp_info[0].v_samp_factor = 1;
    }
    if (choice->progressive) {
        jpeg_simple_progression(jpeg);
    }
}

int jpeg_encode(const uint8_t *pixels, int width, int height, const struct jpeg_choice *choice,
                uint8_t **ret_bytes, size_t *ret_size)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_failure failure;
    unsigned char *bytes = NULL;
    unsigned long size = 0;

    jpeg.err = jpeg_std_error(&failure.manager);
    failure.manager.error_exit = fail;
    if (setjmp(failure.back) != 0) {  // NOLINT(cert-err52-cpp): libjpeg's only way to report
        jpeg_destroy_compress(&jpeg); /* `bytes` may have been reallocated: it is not freed */
        return -EIO;
    }
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &bytes, &size);
    set_up(&jpeg, width, height, choice);
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < jpeg.image_height) {
        const uint8_t *line = pixels + (size_t)jpeg.next_scanline * (size_t)width * 3;
        JSAMPROW row = (JSAMPROW)(uintptr_t)line; /* libjpeg only reads it */

        (void)jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    *ret_bytes = bytes;
    *ret_size = (size_t)size;
    return 0;
}
