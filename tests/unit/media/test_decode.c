/* SPDX-License-Identifier: Apache-2.0
 *
 * The decoder's contract on hostile and odd input: what is refused and with which error, that a
 * decoder still works after any of it, and that calls in the wrong order are reported.
 * test_decode_pillow.py compares pixels with Pillow.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jpeglib.h>
#include <webp/encode.h>
#include <zlib.h>

#include "base/limits.h"
#include "media/decoder.h"

struct file {
    uint8_t *bytes; /* owned */
    size_t size;
};

static int setup(void **state)
{
    struct decoder *decoder = NULL;
    if (decoder_new(&decoder) < 0) {
        return -1;
    }
    *state = decoder;
    return 0;
}

static int teardown(void **state)
{
    decoder_free(*state);
    return 0;
}

static uint8_t sample_at(uint32_t x, uint32_t y, uint32_t channel)
{
    return (uint8_t)(x * 3 + y * 5 + channel * 40);
}

static struct file make_jpeg(uint32_t width, uint32_t height, const jpeg_scan_info *scans,
                             int scan_count)
{
    struct jpeg_compress_struct cinfo = {0};
    struct jpeg_error_mgr errors;
    struct file file = {0};
    unsigned long size = 0;
    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_compress(&cinfo);
    jpeg_mem_dest(&cinfo, &file.bytes, &size);
    cinfo.image_width = width;
    cinfo.image_height = height;
    cinfo.input_components = scans ? 1 : 3;
    cinfo.in_color_space = scans ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&cinfo);
    cinfo.scan_info = scans;
    cinfo.num_scans = scan_count;
    jpeg_start_compress(&cinfo, TRUE);
    size_t row_size = (size_t)width * (size_t)cinfo.input_components;
    JSAMPLE *row = malloc(row_size);
    assert_non_null(row);
    for (uint32_t y = 0; y < height; y++) {
        for (size_t i = 0; i < row_size; i++) {
            row[i] = sample_at((uint32_t)i / 3, y, (uint32_t)i % 3);
        }
        (void)jpeg_write_scanlines(&cinfo, &row, 1);
    }
    free(row);
    jpeg_finish_compress(&cinfo);
    jpeg_destroy_compress(&cinfo);
    file.size = size;
    return file;
}

static uint8_t *put_32(uint8_t *to, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        to[i] = (uint8_t)(value >> (24 - 8 * i));
    }
    return to + 4;
}

static uint8_t *put_chunk(uint8_t *to, const char *name, const uint8_t *body, uint32_t size)
{
    uint8_t *begin = put_32(to, size);
    memcpy(begin, name, 4);
    if (size > 0) {
        memcpy(begin + 4, body, size);
    }
    return put_32(begin + 4 + size, (uint32_t)crc32(0, begin, size + 4));
}

/* 8-bit RGB; `height` rows are announced, `rows` are there. */
static struct file make_png(uint32_t width, uint32_t height, uint32_t rows)
{
    static const uint8_t signature[8] = {137, 'P', 'N', 'G', 13, 10, 26, 10};
    size_t stride = 1 + 3 * (size_t)width;
    uint8_t *raw = calloc(rows, stride);
    uLongf packed_size = compressBound(rows * stride);
    uint8_t *packed = malloc(packed_size);
    struct file file = {.bytes = malloc(packed_size + 100)};
    assert_true(raw && packed && file.bytes);
    for (uint32_t y = 0; y < rows; y++) {
        for (uint32_t i = 0; i < 3 * width; i++) {
            raw[y * stride + 1 + i] = sample_at(i / 3, y, i % 3);
        }
    }
    assert_int_equal(compress(packed, &packed_size, raw, rows * stride), Z_OK);
    uint8_t head[13] = {[8] = 8, [9] = 2};
    (void)put_32(put_32(head, width), height);
    memcpy(file.bytes, signature, sizeof(signature));
    uint8_t *end = put_chunk(file.bytes + sizeof(signature), "IHDR", head, sizeof(head));
    end = put_chunk(end, "IDAT", packed, (uint32_t)packed_size);
    end = put_chunk(end, "IEND", NULL, 0);
    file.size = (size_t)(end - file.bytes);
    free(raw);
    free(packed);
    return file;
}

static struct file make_webp(uint32_t width, uint32_t height)
{
    struct file file = {0};
    uint8_t *rgb = calloc((size_t)width * height, 3);
    uint8_t *bytes = NULL;
    assert_non_null(rgb);
    for (uint32_t i = 0; i < width * height * 3; i++) {
        rgb[i] = sample_at(i / 3 % width, i / 3 / width, i % 3);
    }
    file.size = WebPEncodeLosslessRGB(rgb, (int)width, (int)height, (int)width * 3, &bytes);
    assert_true(file.size > 0);
    file.bytes = malloc(file.size);
    assert_non_null(file.bytes);
    memcpy(file.bytes, bytes, file.size);
    WebPFree(bytes);
    free(rgb);
    return file;
}

/* Opens, decodes all rows and finishes: the code of the first fault. */
static enum error_code decode(struct decoder *decoder, const uint8_t *bytes, size_t size)
{
    struct error error = {0};
    struct image_info info = {0};
    int r = decoder_open(decoder, bytes, size, &info, &error);
    if (r == 0) {
        struct image_window all = {0, 0, info.width, info.height};
        r = decoder_start(decoder, &all, &error);
    }
    uint8_t *row = malloc((size_t)info.width * 3 + 1);
    assert_non_null(row);
    for (uint32_t y = 0; y < info.height && r == 0; y++) {
        r = decoder_read(decoder, row, 0, 1, &error);
    }
    free(row);
    if (r == 0) {
        r = decoder_finish(decoder, &error);
    }
    assert_int_equal(r, error_code_errno(error.code));
    assert_true((r < 0) == (error.message[0] != 0));
    return error.code;
}

static void refuses_what_is_no_image(void **state)
{
    static const char *const texts[] = {"",
                                        "x",
                                        "hello world, this is text",
                                        "\xFF\xD8",
                                        "\x89PNG\r\n\x1a",
                                        "RIFF\1\1\1\1WEBPVP8Z",
                                        "GIF89a......."};
    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(decode(*state, (const uint8_t *)texts[i], strlen(texts[i])),
                         ERROR_UNDECODABLE);
    }
    assert_int_equal(decode(*state, NULL, 0), ERROR_UNDECODABLE);
}

static void refuses_every_short_beginning(void **state)
{
    struct file files[] = {make_jpeg(20, 13, NULL, 0), make_png(20, 13, 13), make_webp(20, 13)};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(decode(*state, files[i].bytes, files[i].size), ERROR_NONE);
        /* A PNG file may lack IEND and checksums. */
        size_t dispensable = i == 1 ? 20 : 0;
        for (size_t size = 0; size + dispensable < files[i].size; size++) {
            uint8_t *part =
                malloc(size + 1); /* of its own, so that sanitizers detect reads past its end */
            assert_non_null(part);
            memcpy(part, files[i].bytes, size);
            part = realloc(part, size ? size : 1);
            assert_int_equal(decode(*state, part, size), ERROR_UNDECODABLE);
            free(part);
        }
        free(files[i].bytes);
    }
}

static void goes_on_after_faults(void **state)
{
    struct file jpeg = make_jpeg(33, 17, NULL, 0);
    struct file png = make_png(33, 17, 17);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(decode(*state, jpeg.bytes, jpeg.size / 2 + i), ERROR_UNDECODABLE);
        assert_int_equal(decode(*state, png.bytes, png.size / 2 + i), ERROR_UNDECODABLE);
        assert_int_equal(decode(*state, jpeg.bytes, jpeg.size), ERROR_NONE);
        assert_int_equal(decode(*state, png.bytes, png.size), ERROR_NONE);
    }
    decoder_trim(*state);
    assert_int_equal(decode(*state, jpeg.bytes, jpeg.size), ERROR_NONE);
    free(jpeg.bytes);
    free(png.bytes);
}

/* The file is complete except for its tables, which the file before had. */
static void does_not_use_tables_of_the_file_before(void **state)
{
    struct file jpeg = make_jpeg(16, 16, NULL, 0);
    assert_int_equal(decode(*state, jpeg.bytes, jpeg.size), ERROR_NONE);
    uint8_t *bytes = malloc(jpeg.size);
    assert_non_null(bytes);
    size_t size = 0;
    size_t at = 2;
    memcpy(bytes, jpeg.bytes, 2);
    size = 2;
    while (jpeg.bytes[at + 1] != 0xDA) {
        size_t length = 2 + ((size_t)jpeg.bytes[at + 2] << 8 | jpeg.bytes[at + 3]);
        if (jpeg.bytes[at + 1] != 0xDB) { /* quantisation tables are left out */
            memcpy(bytes + size, jpeg.bytes + at, length);
            size += length;
        }
        at += length;
    }
    memcpy(bytes + size, jpeg.bytes + at, jpeg.size - at);
    size += jpeg.size - at;
    assert_int_equal(decode(*state, bytes, size), ERROR_UNDECODABLE);
    free(bytes);
    free(jpeg.bytes);
}

static void tells_calls_out_of_turn(void **state)
{
    struct decoder *decoder = *state;
    struct file png = make_png(10, 8, 8);
    struct image_info info;
    struct error error;
    uint8_t rows[3 * 10 * 8];
    const struct image_window all = {0, 0, 10, 8};
    const struct image_window bad[] = {
        {0, 0, 11, 8}, {0, 0, 10, 9}, {5, 0, 5, 8}, {6, 0, 5, 8},
        {0, 8, 10, 8}, {0, 9, 10, 8}, {0, 0, 0, 0}, {0, 0, UINT32_MAX, UINT32_MAX}};
    assert_int_equal(decoder_start(decoder, &all, &error), error_code_errno(ERROR_INTERNAL));
    assert_int_equal(decoder_read(decoder, rows, 30, 1, &error), error_code_errno(ERROR_INTERNAL));
    assert_int_equal(decoder_finish(decoder, &error), error_code_errno(ERROR_INTERNAL));
    assert_int_equal(decoder_open(decoder, png.bytes, png.size, &info, &error), 0);
    assert_string_equal(info.format->name, "PNG");
    assert_int_equal(info.orientation, 1);
    assert_int_equal(decoder_scale(decoder, 3, &info, &error), error_code_errno(ERROR_INTERNAL));
    assert_int_equal(decoder_scale(decoder, 4, &info, &error), 0);
    assert_int_equal(info.width, 10); /* PNG keeps its size */
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(decoder_start(decoder, &bad[i], &error), error_code_errno(ERROR_INTERNAL));
    }
    assert_int_equal(decoder_start(decoder, &all, &error), 0);
    assert_int_equal(decoder_scale(decoder, 4, &info, &error), error_code_errno(ERROR_INTERNAL));
    assert_int_equal(decoder_read(decoder, rows, 30, 9, &error), error_code_errno(ERROR_INTERNAL));
    assert_int_equal(decoder_read(decoder, rows, 29, 2, &error), error_code_errno(ERROR_INTERNAL));
    assert_int_equal(decoder_read(decoder, rows, 30, 7, &error), 0);
    assert_int_equal(decoder_finish(decoder, &error), error_code_errno(ERROR_INTERNAL));
    assert_int_equal(decoder_read(decoder, rows + 210, 30, 1, &error), 0);
    assert_int_equal(decoder_finish(decoder, &error), 0);
    assert_int_equal(rows[0], sample_at(0, 0, 0));
    assert_int_equal(rows[239], sample_at(9, 7, 2));
    free(png.bytes);
}

static void scales_a_jpeg(void **state)
{
    struct file jpeg = make_jpeg(45, 30, NULL, 0);
    struct image_info info;
    struct error error;
    uint8_t rows[3 * 12 * 8];
    assert_int_equal(decoder_open(*state, jpeg.bytes, jpeg.size, &info, &error), 0);
    assert_int_equal(decoder_scale(*state, 2, &info, &error), 0);
    assert_int_equal(info.width, 12);
    assert_int_equal(info.height, 8);
    const struct image_window all = {0, 0, 12, 8};
    assert_int_equal(decoder_start(*state, &all, &error), 0);
    assert_int_equal(decoder_read(*state, rows, 36, 8, &error), 0);
    assert_int_equal(decoder_finish(*state, &error), 0);
    free(jpeg.bytes);
}

/* The size is in the file's head, so it is changed there. */
static void set_jpeg_size(struct file *jpeg, uint32_t width, uint32_t height)
{
    for (size_t at = 2; at + 9 < jpeg->size; at++) {
        if (jpeg->bytes[at] == 0xFF &&
            (jpeg->bytes[at + 1] == 0xC0 || jpeg->bytes[at + 1] == 0xC2)) {
            jpeg->bytes[at + 5] = (uint8_t)(height >> 8);
            jpeg->bytes[at + 6] = (uint8_t)height;
            jpeg->bytes[at + 7] = (uint8_t)(width >> 8);
            jpeg->bytes[at + 8] = (uint8_t)width;
            return;
        }
    }
    fail_msg("no frame header");
}

static void refuses_images_above_the_limits(void **state)
{
    struct file jpeg = make_jpeg(16, 16, NULL, 0);
    set_jpeg_size(&jpeg, 30000, 30000);
    assert_int_equal(decode(*state, jpeg.bytes, jpeg.size), ERROR_TOO_LARGE);
    set_jpeg_size(&jpeg, 65501, 1);
    assert_int_equal(decode(*state, jpeg.bytes, jpeg.size), ERROR_TOO_LARGE);
    free(jpeg.bytes);
    struct file png = make_png(LIMIT_IMAGE_EDGE + 1, 1, 1);
    assert_int_equal(decode(*state, png.bytes, png.size), ERROR_TOO_LARGE);
    free(png.bytes);
    png = make_png(17895698, 11, 1);
    assert_int_equal(decode(*state, png.bytes, png.size), ERROR_TOO_LARGE);
    free(png.bytes);
}

static void decodes_long_and_thin_images(void **state)
{
    struct file jpeg = make_jpeg(65500, 1, NULL, 0);
    assert_int_equal(decode(*state, jpeg.bytes, jpeg.size), ERROR_NONE);
    free(jpeg.bytes);
    jpeg = make_jpeg(1, 65500, NULL, 0);
    assert_int_equal(decode(*state, jpeg.bytes, jpeg.size), ERROR_NONE);
    free(jpeg.bytes);
    struct file png = make_png(LIMIT_IMAGE_EDGE, 1, 1);
    assert_int_equal(decode(*state, png.bytes, png.size), ERROR_NONE);
    free(png.bytes);
}

static void refuses_a_size_that_the_data_cannot_have(void **state)
{
    static const jpeg_scan_info scan = {.comps_in_scan = 1, .Ss = 0, .Se = 0};
    struct file jpeg = make_jpeg(16, 16, NULL, 0);
    set_jpeg_size(&jpeg, 13000, 13000);
    assert_int_equal(decode(*state, jpeg.bytes, jpeg.size), ERROR_UNDECODABLE);
    free(jpeg.bytes);
    jpeg = make_jpeg(16, 16, &scan, 1);
    set_jpeg_size(&jpeg, 13000, 13000);
    assert_int_equal(decode(*state, jpeg.bytes, jpeg.size), ERROR_UNDECODABLE);
    free(jpeg.bytes);
    struct file png = make_png(1000, 1000, 3);
    assert_int_equal(decode(*state, png.bytes, png.size), ERROR_UNDECODABLE);
    free(png.bytes);
    png = make_png(13000, 13000, 1);
    assert_int_equal(decode(*state, png.bytes, png.size), ERROR_UNDECODABLE);
    free(png.bytes);
}

static void refuses_a_bomb_of_scans(void **state)
{
    jpeg_scan_info scans[LIMIT_JPEG_SCANS + 1] = {{.comps_in_scan = 1}};
    unsigned count = 1;
    for (int k = 1; count <= LIMIT_JPEG_SCANS; k++) {
        for (int low = 3; low >= 0 && count <= LIMIT_JPEG_SCANS; low--) {
            scans[count++] = (jpeg_scan_info){
                .comps_in_scan = 1, .Ss = k, .Se = k, .Ah = low == 3 ? 0 : low + 1, .Al = low};
        }
    }
    struct file jpeg = make_jpeg(24, 24, scans, (int)LIMIT_JPEG_SCANS + 1);
    assert_int_equal(decode(*state, jpeg.bytes, jpeg.size), ERROR_TOO_LARGE);
    free(jpeg.bytes);
    jpeg = make_jpeg(24, 24, scans, (int)LIMIT_JPEG_SCANS);
    assert_int_equal(decode(*state, jpeg.bytes, jpeg.size), ERROR_NONE);
    free(jpeg.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refuses_what_is_no_image, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_every_short_beginning, setup, teardown),
        cmocka_unit_test_setup_teardown(goes_on_after_faults, setup, teardown),
        cmocka_unit_test_setup_teardown(does_not_use_tables_of_the_file_before, setup, teardown),
        cmocka_unit_test_setup_teardown(tells_calls_out_of_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(scales_a_jpeg, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_images_above_the_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(decodes_long_and_thin_images, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_a_size_that_the_data_cannot_have, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_a_bomb_of_scans, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
