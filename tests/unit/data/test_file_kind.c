/* SPDX-License-Identifier: Apache-2.0
 *
 * Files are identified by their first bytes; truncated ones, and ones that only look alike, are
 * not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/file_kind.h"

/* In a block of its own, so that a read past the end is detected. */
static struct file_kind kind_of(const char *bytes, size_t size)
{
    char *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    struct file_kind kind = file_kind_of(copy, size);
    free(copy);
    return kind;
}

#define IS(bytes, wanted_class, wanted_name)                                                       \
    do {                                                                                           \
        struct file_kind kind = kind_of(bytes, sizeof(bytes) - 1);                                 \
        assert_string_equal(kind.name, wanted_name);                                               \
        assert_int_equal(kind.class, wanted_class);                                                \
    } while (0)

static void images_are_told(void **state)
{
    (void)state;
    IS("\xff\xd8\xff\xe0\0\x10JFIF", FILE_DECODABLE, "a JPEG image");
    IS("\x89PNG\r\n\x1a\n", FILE_DECODABLE, "a PNG image");
    IS("RIFF\0\0\0\0WEBPVP8X", FILE_DECODABLE, "a WebP image");
    IS("\0\0\0\x18"
       "ftypheic\0\0\0\0mif1heic",
       FILE_IMAGE, "a HEIC image");
    IS("\0\0\0\x18"
       "ftypmif1\0\0\0\0mif1heic",
       FILE_IMAGE, "a HEIC image");
    IS("\0\0\0\x1c"
       "ftypmif1\0\0\0\0mif1avifmiaf",
       FILE_IMAGE, "an AVIF image");
    IS("\0\0\0\x14"
       "ftypmif1\0\0\0\0mif1heic",
       FILE_IMAGE, "a HEIF image"); /* outside the box */
    IS("\0\0\0\x18"
       "ftypcrx \0\0\0\1crx isom",
       FILE_IMAGE, "a Canon raw file");
    IS("II\x2a\0\x10\0\0\0CR\2\0", FILE_IMAGE, "a Canon raw file");
    IS("II\x2a\0\x08\0\0\0", FILE_IMAGE, "a TIFF image, or a raw file");
    IS("MM\0\x2a\0\0\0\x08", FILE_IMAGE, "a TIFF image, or a raw file");
    IS("FUJIFILMCCD-RAW 0201", FILE_IMAGE, "a Fujifilm raw file");
    IS("GIF89a", FILE_IMAGE, "a GIF image");
    IS("BM\x36\0\x0c\0\0\0\0\0\x36\0\0\0\x28\0\0\0", FILE_IMAGE, "a BMP image");
    IS("8BPS\0\1", FILE_IMAGE, "a Photoshop image");
    IS("\0\0\1\0\1\0\x10\x10", FILE_IMAGE, "an icon");
    IS("\xff\x0a\xfa\x7f", FILE_IMAGE, "a JPEG XL image");
    IS("\0\0\0\x0cjP  \r\n\x87\n", FILE_IMAGE, "a JPEG 2000 image");
    IS("<?xml version=\"1.0\"?>\n<svg xmlns=", FILE_IMAGE, "an SVG image");
}

static void other_files_are_told(void **state)
{
    (void)state;
    char stream[400] = "x";
    IS("", FILE_OTHER, "an empty file");
    IS("\0\0\0\0\0\0\0\0", FILE_OTHER, "a file of zeros");
    IS("\0\x05\x16\x07\0\2\0\0Mac OS X", FILE_OTHER, "an AppleDouble file of macOS");
    IS("\0\0\0\1Bud1", FILE_OTHER, "a .DS_Store of macOS");
    IS("\0\0\0\x18"
       "ftypisom\0\0\2\0isommp41",
       FILE_OTHER, "an MP4 video");
    IS("\0\0\0\x14"
       "ftypqt  \0\0\0\0qt  ",
       FILE_OTHER, "a QuickTime video");
    IS("\0\0\0\x08wide\0\0\0\0mdat", FILE_OTHER, "a QuickTime video");
    IS("RIFF\0\0\0\0AVI LIST", FILE_OTHER, "an AVI video");
    IS("%PDF-1.7\n", FILE_OTHER, "a PDF document");
    IS("PK\x03\x04\x14\0", FILE_OTHER, "a zip archive");
    IS("\x1f\x8b\x08\0", FILE_OTHER, "gzip data");
    IS("hello\n", FILE_OTHER, "text");
    IS("caf\xc3\xa9", FILE_OTHER, "text");
    IS("\xef\xbb\xbf<!DOCTYPE HTML><html>", FILE_OTHER, "an HTML page");
    IS(" \n<html lang=en>", FILE_OTHER, "an HTML page");
    IS("<?xml version=\"1.0\"?><a/>", FILE_OTHER, "an XML document");
    stream[0] = stream[188] = stream[376] = 0x47;
    assert_string_equal(kind_of(stream, sizeof stream).name, "an MPEG transport stream");
    char text[FILE_KIND_BYTES + 100];
    memset(text, 'a', sizeof text);
    text[FILE_KIND_BYTES - 1] = '\xc3'; /* the examined part cuts a character */
    text[FILE_KIND_BYTES] = '\xa9';
    assert_string_equal(kind_of(text, sizeof text).name, "text");
}

static void what_is_none_of_them_is_not_named(void **state)
{
    (void)state;
    IS("\xff\xd8", FILE_UNKNOWN, "");
    IS("\x89PNG\r\n\x1a", FILE_UNKNOWN, "");
    IS("XIFF\1\0\0\0WEBPVP8X", FILE_UNKNOWN, "");
    IS("RIFF\1\0\0\0WEBPVP8Y", FILE_UNKNOWN, "");
    IS("BM\x36\0\x0c\0\0\0\0\0\x36\0\0\0\x29\0\0\0", FILE_UNKNOWN, "");
    IS("caf\xe9", FILE_UNKNOWN, "");
    IS("\1", FILE_UNKNOWN, "");
    IS("\0", FILE_UNKNOWN, "");
}

static void no_head_is_read_past_its_end(void **state)
{
    (void)state;
    static const char heads[][32] = {"\0\0\0\x18"
                                     "ftypmif1\0\0\0\0mif1heic",
                                     "RIFF\0\0\0\0WEBPVP8X", "\0\0\0\x0cjP  \r\n\x87\n",
                                     "<?xml version=\"1.0\"?><svg>",
                                     "\xff\xff\xff\xff"
                                     "ftypabcd\0\0\0\0efgh"};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        for (size_t size = 0; size <= sizeof heads[i]; size++) {
            assert_non_null(kind_of(heads[i], size).name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_are_told),
        cmocka_unit_test(other_files_are_told),
        cmocka_unit_test(what_is_none_of_them_is_not_named),
        cmocka_unit_test(no_head_is_read_past_its_end),
    };
    return cmocka_run_group_tests_name("file_kind", tests, NULL, NULL);
}
