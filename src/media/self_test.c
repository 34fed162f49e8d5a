/* SPDX-License-Identifier: Apache-2.0
 *
 * The self-test of media.h. Runs on the worker's main thread before it takes images.
 */
#include <string.h>

#include "media/decoder.h"
#include "media/jpeg/encode.h"
#include "media/jpeg/huffman.h"
#include "media/media.h"

enum {
    WIDTH = 40, /* of the picture: MCUs at the right and at the bottom are partial */
    HEIGHT = 24,
    ROW_BYTES = 3 * WIDTH,
    PICTURE_BYTES = HEIGHT * ROW_BYTES,
    READABLE = 128, /* bytes after the picture, as struct media_pixels requires */
    JPEG_ROOM = 8192,
    QUALITY = 85
};

/* Noise over a slope: codes of many lengths, and runs of zeros. */
static void draw(uint8_t *rgb)
{
    uint32_t random = 1;
    for (uint32_t i = 0; i < PICTURE_BYTES; i++) {
        random = random * 1103515245u + 12345u;
        uint32_t amplitude = i / ROW_BYTES < HEIGHT / 2 ? 8 : 96;
        rgb[i] = (uint8_t)(i % ROW_BYTES + (random >> 16) % amplitude);
    }
}

static int decode_with(struct decoder *decoder, const uint8_t *jpeg, size_t size, uint8_t *rgb,
                       struct error *error)
{
    struct image_info info;
    const struct image_window window = {0, 0, WIDTH, HEIGHT};
    int r = decoder_open(decoder, jpeg, size, &info, error);
    r = r < 0 ? r : decoder_start(decoder, &window, error);
    r = r < 0 ? r : decoder_read(decoder, rgb, ROW_BYTES, HEIGHT, error);
    return r < 0 ? r : decoder_finish(decoder, error);
}

static int decode(const uint8_t *jpeg, size_t size, uint8_t *rgb, struct error *error)
{
    struct decoder *decoder = NULL;
    if (decoder_new(&decoder) < 0) {
        return error_memory(error, NULL);
    }
    int r = decode_with(decoder, jpeg, size, rgb, error);
    decoder_free(decoder);
    return r;
}

int media_self_test(struct error *error)
{
    uint8_t drawn[PICTURE_BYTES + READABLE] = {0};
    uint8_t jpeg[JPEG_ROOM];
    uint8_t expected[PICTURE_BYTES];
    uint8_t decoded[PICTURE_BYTES] = {0};
    const struct media_pixels pixels = {drawn, WIDTH, HEIGHT, ROW_BYTES};
    size_t size = 0;
    draw(drawn);
    int r = encode_jpeg(&pixels, QUALITY, jpeg, sizeof jpeg, &size, error);
    if (r < 0) {
        return r;
    }
    jpeg_huffman_allow(false);
    r = decode(jpeg, size, expected, error);
    if (r < 0) {
        return r;
    }
    jpeg_huffman_allow(true);
    struct error cause = {0};
    if (decode(jpeg, size, decoded, &cause) < 0 ||
        memcmp(decoded, expected, sizeof expected) != 0) {
        jpeg_huffman_allow(false);
        return error_set(
            error, ERROR_INTERNAL,
            "situ's reader of Huffman codes does not fit this libjpeg: JPEG images are "
            "decoded without it, and more slowly");
    }
    return 0;
}
