/* SPDX-License-Identifier: Apache-2.0
 *
 * A libjpeg whose internals differ from those that the reader of Huffman codes knows: images must
 * then be decoded by libjpeg alone. The linker replaces the real take-over with the one below.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <jpeglib.h>

#include <jpegint.h>

#include "media/jpeg/huffman.h"
#include "media/media.h"

static bool broken;

static boolean leave_blocks_empty(j_decompress_ptr cinfo, JBLOCKROW *blocks)
{
    (void)cinfo;
    (void)blocks;
    return TRUE;
}

bool __real_jpeg_huffman_take_over(struct jpeg_huffman *huffman, j_decompress_ptr cinfo,
                                   jpeg_huffman_unusual unusual);
bool __wrap_jpeg_huffman_take_over(struct jpeg_huffman *huffman, j_decompress_ptr cinfo,
                                   jpeg_huffman_unusual unusual);

bool __wrap_jpeg_huffman_take_over(struct jpeg_huffman *huffman, j_decompress_ptr cinfo,
                                   jpeg_huffman_unusual unusual)
{
    bool taken = __real_jpeg_huffman_take_over(huffman, cinfo, unusual);
    if (taken && broken) {
        cinfo->entropy->decode_mcu = leave_blocks_empty;
    }
    return taken;
}

static void the_reader_is_used_where_it_fits(void **state)
{
    (void)state;
    struct error error = {0};
    broken = false;
    assert_int_equal(media_self_test(&error), 0);
    assert_true(jpeg_huffman_is_allowed());
}

static void a_reader_that_does_not_fit_is_switched_off(void **state)
{
    (void)state;
    struct error error = {0};
    broken = true;
    assert_true(media_self_test(&error) < 0);
    assert_int_equal(error.code, ERROR_INTERNAL);
    assert_false(jpeg_huffman_is_allowed());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reader_is_used_where_it_fits),
        cmocka_unit_test(a_reader_that_does_not_fit_is_switched_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
