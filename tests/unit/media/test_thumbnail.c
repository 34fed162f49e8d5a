/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract of the compressor and the thumbnail: what does not fit is refused, whatever the
 * room; calls in the wrong order are reported. test_thumbnail_pillow.py compares pictures with
 * Pillow.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "media/decoder.h"
#include "media/jpeg/encode.h"
#include "media/thumbnail.h"

enum { WIDTH = 50, HEIGHT = 40, ROOM = 1 << 16, GUARD = 0x5a };

static uint8_t picture[HEIGHT * WIDTH * 3];

static void draw(bool grey)
{
    unsigned seed = 1;
    for (size_t i = 0; i < sizeof picture; i++) {
        if (i % 3 == 0 || !grey) {
            seed = seed * 1103515245u + 12345u;
        }
        picture[i] = (uint8_t)(seed >> 16);
    }
}

static struct media_pixels pixels_of(uint32_t width, uint32_t height)
{
    return (struct media_pixels){picture, width, height, (size_t)WIDTH * 3};
}

static void test_every_room_that_is_too_small_is_refused_and_not_passed(void **state)
{
    (void)state;
    const struct media_pixels pixels = pixels_of(WIDTH, HEIGHT);
    uint8_t *whole = malloc(ROOM);
    uint8_t *part = malloc(ROOM);
    struct error error = {0};
    size_t size = 0;
    assert_true(whole && part);
    draw(false);
    assert_int_equal(encode_jpeg(&pixels, 80, whole, ROOM, &size, &error), 0);
    assert_true(size > 1000 && size < ROOM);
    for (size_t room = 0; room < size; room++) {
        size_t ignored = 0;
        memset(part, GUARD, ROOM);
        error = (struct error){0};
        assert_true(encode_jpeg(&pixels, 80, part, room, &ignored, &error) < 0);
        assert_int_equal(error.code, ERROR_TOO_LARGE);
        assert_int_equal(part[room], GUARD);
    }
    size_t again = 0;
    /* The compressor requests more as soon as the room is used up, even by its last byte. */
    assert_int_equal(encode_jpeg(&pixels, 80, part, size + 1, &again, &error), 0);
    assert_int_equal(again, size);
    assert_memory_equal(whole, part, size);
    free(whole);
    free(part);
}

static void test_pictures_of_any_shape_are_compressed(void **state)
{
    static uint8_t jpeg[ROOM];
    (void)state;
    for (uint32_t width = 1; width <= WIDTH; width += 7) {
        for (uint32_t height = 1; height <= HEIGHT; height += 3) {
            const struct media_pixels pixels = pixels_of(width, height);
            struct error error = {0};
            size_t size = 0;
            draw(width % 2 == 0);
            assert_int_equal(encode_jpeg(&pixels, 80, jpeg, sizeof jpeg, &size, &error), 0);
            assert_true(size > 4 && jpeg[0] == 0xff && jpeg[1] == 0xd8 && jpeg[size - 2] == 0xff &&
                        jpeg[size - 1] == 0xd9);
        }
    }
}

static void test_a_grey_picture_takes_one_component(void **state)
{
    static uint8_t jpeg[ROOM];
    (void)state;
    const struct media_pixels pixels = pixels_of(WIDTH, HEIGHT);
    struct error error = {0};
    size_t grey = 0;
    size_t nearly = 0;
    draw(true);
    assert_int_equal(encode_jpeg(&pixels, 80, jpeg, sizeof jpeg, &grey, &error), 0);
    picture[sizeof picture - 1] ^= 0x80;
    assert_int_equal(encode_jpeg(&pixels, 80, jpeg, sizeof jpeg, &nearly, &error), 0);
    assert_true(grey < nearly);
}

static void test_a_thumbnail_needs_an_edge_and_room(void **state)
{
    static uint8_t jpeg[ROOM];
    static uint8_t source[ROOM];
    (void)state;
    const struct media_pixels pixels = pixels_of(WIDTH, HEIGHT);
    struct media *media = NULL;
    struct error error = {0};
    size_t size = 0;
    draw(false);
    assert_int_equal(encode_jpeg(&pixels, 90, source, sizeof source, &size, &error), 0);
    assert_int_equal(media_new(&media), 0);
    struct thumbnail thumbnail = {.jpeg = jpeg, .room = sizeof jpeg};
    assert_true(thumbnail_make(media, 0, source, size, &thumbnail, &error) < 0);
    assert_true(thumbnail_make(media, LIMIT_THUMBNAIL_EDGE + 1, source, size, &thumbnail, &error) <
                0);
    thumbnail.room = 100;
    error = (struct error){0};
    assert_true(thumbnail_make(media, 16, source, size, &thumbnail, &error) < 0);
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    thumbnail.room = sizeof jpeg;
    assert_int_equal(thumbnail_make(media, 16, source, size, &thumbnail, &error), 0);
    assert_true(thumbnail.size > 100 && thumbnail.size < 2000);
    media_free(media);
}

static void test_white_is_chosen_between_open_and_start(void **state)
{
    static uint8_t source[ROOM];
    (void)state;
    const struct media_pixels pixels = pixels_of(WIDTH, HEIGHT);
    const struct image_window window = {0, 0, WIDTH, HEIGHT};
    struct decoder *decoder = NULL;
    struct image_info info;
    struct error error = {0};
    size_t size = 0;
    assert_int_equal(encode_jpeg(&pixels, 90, source, sizeof source, &size, &error), 0);
    assert_int_equal(decoder_new(&decoder), 0);
    assert_true(decoder_flatten(decoder, &error) < 0);
    assert_int_equal(error.code, ERROR_INTERNAL);
    assert_int_equal(decoder_open(decoder, source, size, &info, &error), 0);
    assert_int_equal(decoder_flatten(decoder, &error), 0);
    assert_int_equal(decoder_start(decoder, &window, &error), 0);
    assert_true(decoder_flatten(decoder, &error) < 0);
    decoder_free(decoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_room_that_is_too_small_is_refused_and_not_passed),
        cmocka_unit_test(test_pictures_of_any_shape_are_compressed),
        cmocka_unit_test(test_a_grey_picture_takes_one_component),
        cmocka_unit_test(test_a_thumbnail_needs_an_edge_and_room),
        cmocka_unit_test(test_white_is_chosen_between_open_and_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
