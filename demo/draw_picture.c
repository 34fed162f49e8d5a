/* SPDX-License-Identifier: Apache-2.0
 *
 * From seed and number to the bytes of a JPEG file. Large photos are compressed several times, to
 * find the quality at which they have the size of a camera's file.
 */
#include "draw_picture.h"

#include <stdlib.h>

#include "draw_jpeg.h"
#include "draw_kinds.h"
#include "draw_light.h"

enum { QUALITY_MIN = 45, QUALITY_MAX = 95, LARGE_QUALITY_MIN = 70, LARGE_QUALITY_MAX = 94 };

/* Rounds of more surface detail until a large photo is large enough. */
enum { DETAIL_ROUNDS = 6 };

int picture_kind(const struct picture_plan *plan, uint64_t number)
{
    return plan->kind >= 0 ? plan->kind : (int)(number % KIND_COUNT);
}

static void choose_size(const struct picture_plan *plan, struct rng *rng, int *ret_width,
                        int *ret_height)
{
    static const float shapes[] = {1.0F, 1.25F, 1.3333F, 1.5F, 1.7778F};

    int edge = rng_integer(rng, plan->edge_min, plan->edge_max);
    float shape = shapes[rng_integer(rng, 0, (int)(sizeof(shapes) / sizeof(shapes[0])) - 1)];
    bool upright = rng_chance(rng, 0.25F);
    int other = (int)((float)edge / shape);

    *ret_width = upright ? other : edge;
    *ret_height = upright ? edge : other;
    if (plan->width > 0) {
        *ret_width = plan->width;
        *ret_height = plan->height;
    }
    if (plan->large) {
        *ret_width = PICTURE_LARGE_WIDTH;
        *ret_height = PICTURE_LARGE_HEIGHT;
    }
}

static int encode_small(const struct canvas *canvas, struct rng *rng, uint8_t **ret_bytes,
                        size_t *ret_size)
{
    struct jpeg_choice choice = {
        .quality = rng_integer(rng, QUALITY_MIN, QUALITY_MAX),
        .subsampling = rng_chance(rng, 0.7F),
        .progressive = rng_chance(rng, 0.2F),
    };
    cleanup_free uint8_t *pixels = jpeg_pixels(canvas);

    if (!pixels) {
        return error_code_errno(ERROR_MEMORY);
    }
    return jpeg_encode(pixels, canvas->width, canvas->height, &choice, ret_bytes, ret_size);
}

/* Bisects the quality. If no quality gives a size in the range, the last file is returned. */
static int encode_large(const struct canvas *canvas, uint8_t **ret_bytes, size_t *ret_size)
{
    cleanup_free uint8_t *pixels = jpeg_pixels(canvas);
    int low = LARGE_QUALITY_MIN;
    int high = LARGE_QUALITY_MAX;

    if (!pixels) {
        return error_code_errno(ERROR_MEMORY);
    }
    for (;;) {
        struct jpeg_choice choice = {.quality = (low + high + 1) / 2, .subsampling = true};
        uint8_t *bytes = NULL;
        size_t size = 0;
        int r = jpeg_encode(pixels, canvas->width, canvas->height, &choice, &bytes, &size);

        if (r != 0) {
            return r;
        }
        bool fits = size >= PICTURE_LARGE_BYTES_MIN && size <= PICTURE_LARGE_BYTES_MAX;
        if (fits || low >= high) {
            *ret_bytes = bytes;
            *ret_size = size;
            return 0;
        }
        free(bytes);
        if (size > PICTURE_LARGE_BYTES_MAX) {
            high = choice.quality - 1;
        } else {
            low = choice.quality;
        }
    }
}

static int finish_large(struct canvas *canvas, struct rng *rng, uint8_t **ret_bytes,
                        size_t *ret_size)
{
    for (int round = 0;; round++) {
        uint8_t *bytes = NULL;
        size_t size = 0;

        light_detail(canvas, rng, 0.25F);
        int r = encode_large(canvas, &bytes, &size);
        if (r != 0) {
            return r;
        }
        if (size >= PICTURE_LARGE_BYTES_MIN || round == DETAIL_ROUNDS) {
            *ret_bytes = bytes;
            *ret_size = size;
            return 0;
        }
        free(bytes);
    }
}

int picture_draw(const struct picture_plan *plan, uint64_t number, uint8_t **ret_bytes,
                 size_t *ret_size, struct error *error)
{
    struct rng rng = rng_make(plan->seed, number);
    struct canvas canvas;
    int width;
    int height;

    choose_size(plan, &rng, &width, &height);
    int r = canvas_init(&canvas, width, height);
    if (r != 0) {
        return error_set(error, ERROR_MEMORY, "no memory for a picture of %d x %d pixels", width,
                         height);
    }
    kind_at(picture_kind(plan, number))->draw(&canvas, &rng);
    light_apply(&canvas, &rng, !plan->large);
    r = plan->large ? finish_large(&canvas, &rng, ret_bytes, ret_size)
                    : encode_small(&canvas, &rng, ret_bytes, ret_size);
    canvas_done(&canvas);
    if (r != 0) {
        return error_set(error, ERROR_IO, "picture %d x %d: JPEG compression failed", width,
                         height);
    }
    return 0;
}
