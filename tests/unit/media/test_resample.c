/* SPDX-License-Identifier: Apache-2.0
 *
 * Resampling without a decoder: the tables, the geometry with the rounding of the Python pipelines,
 * the normaliser's arithmetic, and small images through the whole pass. test_media_pillow.py tests
 * equality with Pillow.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "media/geometry.h"
#include "media/normalize.h"
#include "random_axes.h"

static void weights_sum_to_one_and_windows_hold_them(void **unused)
{
    (void)unused;
    uint64_t state = 13;
    for (int round = 0; round < ROUNDS; round++) {
        struct axis axis = random_axis(&state);
        struct coefficients *c = make(&axis);
        assert_true(c->window_end <= axis.in && c->window_first < c->window_end);
        for (uint32_t i = 0; i < axis.count; i++) {
            int64_t sum = 0;
            for (uint32_t k = 0; k < c->taps; k++) {
                sum += c->weights[(size_t)i * c->taps + k];
            }
            assert_true(llabs(sum - COEFFICIENT_ONE) <= c->taps);
            assert_true(c->start[i] + c->used[i] <= c->window_end - c->window_first);
        }
        coefficients_free(c);
    }
}

static void a_mirrored_axis_has_the_weights_from_the_other_end(void **unused)
{
    (void)unused;
    uint64_t state = 14;
    for (int round = 0; round < ROUNDS; round++) {
        struct axis axis = random_axis(&state);
        axis.mirror = false;
        struct coefficients *c = make(&axis);
        axis.mirror = true;
        struct coefficients *m = make(&axis);
        for (uint32_t i = 0; i < axis.count; i++) {
            uint32_t start = c->window_first + c->start[i];
            uint32_t mirrored = m->window_first + m->start[i];
            assert_int_equal(c->used[i], m->used[i]);
            assert_int_equal(mirrored, axis.in - start - c->used[i]);
            for (uint32_t k = 0; k < c->used[i]; k++) {
                assert_int_equal(c->weights[(size_t)i * c->taps + k],
                                 m->weights[(size_t)i * m->taps + c->used[i] - 1 - k]);
            }
        }
        coefficients_free(c);
        coefficients_free(m);
    }
}

static void an_axis_of_the_same_size_copies(void **unused)
{
    (void)unused;
    const struct axis axis = {50, 50, RESAMPLE_LANCZOS, 10, 20, false};
    struct coefficients *c = make(&axis);
    assert_true(c->copies);
    assert_int_equal(c->taps, 1);
    assert_int_equal(c->window_first, 10);
    assert_int_equal(c->window_end, 30);
    coefficients_free(c);
}

static void tables_above_their_limits_are_refused(void **unused)
{
    (void)unused;
    const struct axis axes[] = {
        {65535, 536870912, RESAMPLE_LANCZOS, 0, 536870912, false},
        {65535, 536870912, RESAMPLE_NEAREST, 536870911, 1, false},
        {65535, 65535, RESAMPLE_BOX, 0, UINT32_MAX, false},
    };
    for (size_t i = 0; i < sizeof(axes) / sizeof(axes[0]); i++) {
        struct coefficients *c = NULL;
        struct error error = {0};
        assert_true(coefficients_new(&axes[i], &c, &error) < 0);
        assert_int_equal(error.code, ERROR_TOO_LARGE);
        assert_null(c);
    }
}

static void the_cache_keeps_two_geometries(void **unused)
{
    (void)unused;
    struct coefficients_cache cache = {0};
    struct coefficients *first[COEFFICIENTS_CACHED], *again;
    struct axis axis = {100, 50, RESAMPLE_BICUBIC, 0, 50, false};
    for (uint32_t i = 0; i < COEFFICIENTS_CACHED; i++) {
        axis.in = 100 + i;
        assert_int_equal(coefficients_get(&cache, &axis, &first[i], NULL), 0);
    }
    for (uint32_t i = 1; i < COEFFICIENTS_CACHED; i++) {
        axis.in = 100 + i;
        assert_int_equal(coefficients_get(&cache, &axis, &again, NULL), 0);
        assert_ptr_equal(again, first[i]);
    }
    axis.in = 200; /* replaces the oldest, 100 */
    assert_int_equal(coefficients_get(&cache, &axis, &again, NULL), 0);
    axis.in = 101;
    assert_int_equal(coefficients_get(&cache, &axis, &again, NULL), 0);
    assert_ptr_equal(again, first[1]);
    coefficients_cache_trim(&cache, 0);
    assert_null(cache.entries[0]);
    coefficients_cache_done(&cache);
}

struct geometry_fact {
    struct pipeline pipeline;
    uint32_t width, height, orientation;
    uint32_t x[5], y[5]; /* resized, first, seen, out, at */
};

static void check_edge(const struct edge *edge, const uint32_t expected[5])
{
    assert_int_equal(edge->resized, expected[0]);
    assert_int_equal(edge->first, expected[1]);
    assert_int_equal(edge->seen, expected[2]);
    assert_int_equal(edge->out, expected[3]);
    assert_int_equal(edge->at, expected[4]);
}

#define SHORTEST(edge, crop, rounding)                                                             \
    {                                                                                              \
        .resize = RESIZE_SHORTEST_EDGE, .resize_height = (edge), .center_crop = (crop) > 0,        \
        .crop_height = (crop), .crop_width = (crop), .crop_rounding = (rounding)                   \
    }
#define LONGEST(edge, padded, rounding)                                                            \
    {                                                                                              \
        .resize = RESIZE_LONGEST_EDGE, .resize_height = (edge), .pad = (padded),                   \
        .crop_rounding = (rounding)                                                                \
    }

static void geometry_rounds_as_the_python_pipelines(void **unused)
{
    (void)unused;
    static const struct geometry_fact facts[] = {
        /* int(256 * 500 / 375) = 341; (341 - 224) // 2 = 58, round(58.5) = 58 */
        {SHORTEST(256, 224, CROP_FLOOR),
         500,
         375,
         1,
         {341, 58, 224, 224, 0},
         {256, 16, 224, 224, 0}},
        {SHORTEST(256, 224, CROP_ROUND),
         500,
         375,
         1,
         {341, 58, 224, 224, 0},
         {256, 16, 224, 224, 0}},
        /* 256 * 335 / 500 upright: 343 - 224 = 119, 59 and round(59.5) = 60 */
        {SHORTEST(256, 224, CROP_FLOOR),
         373,
         500,
         1,
         {256, 16, 224, 224, 0},
         {343, 59, 224, 224, 0}},
        {SHORTEST(256, 224, CROP_ROUND),
         373,
         500,
         1,
         {256, 16, 224, 224, 0},
         {343, 60, 224, 224, 0}},
        /* smaller than the crop: ceil for Hugging Face, floor for torchvision */
        {SHORTEST(5, 8, CROP_FLOOR), 10, 10, 1, {5, 0, 5, 8, 2}, {5, 0, 5, 8, 2}},
        {SHORTEST(5, 8, CROP_ROUND), 10, 10, 1, {5, 0, 5, 8, 1}, {5, 0, 5, 8, 1}},
        /* one edge smaller, the other larger */
        {SHORTEST(5, 8, CROP_FLOOR), 20, 10, 1, {10, 1, 8, 8, 0}, {5, 0, 5, 8, 2}},
        /* no crop */
        {SHORTEST(224, 0, CROP_FLOOR), 300, 200, 1, {336, 0, 336, 336, 0}, {224, 0, 224, 224, 0}},
        /* an extreme shape costs only its crop */
        {SHORTEST(256, 224, CROP_FLOOR),
         65500,
         1,
         1,
         {16768000, 8383888, 224, 224, 0},
         {256, 16, 224, 224, 0}},
        /* longest edge: int(100 * 2 / 3) = 66, OpenCLIP rounds to 67; padding is floor of half */
        {LONGEST(100, true, CROP_FLOOR), 300, 200, 1, {100, 0, 100, 100, 0}, {66, 0, 66, 100, 17}},
        {LONGEST(100, true, CROP_ROUND), 300, 200, 1, {100, 0, 100, 100, 0}, {67, 0, 67, 100, 16}},
        {LONGEST(100, false, CROP_FLOOR), 200, 300, 1, {66, 0, 66, 66, 0}, {100, 0, 100, 100, 0}},
    };
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        struct geometry g;
        assert_int_equal(geometry_plan(&facts[i].pipeline, facts[i].width, facts[i].height,
                                       facts[i].orientation, &g, NULL),
                         0);
        check_edge(&g.x, facts[i].x);
        check_edge(&g.y, facts[i].y);
    }
}

static void geometry_of_a_turned_image_is_of_its_upright_size(void **unused)
{
    (void)unused;
    struct pipeline p = SHORTEST(256, 224, CROP_FLOOR);
    struct geometry g;
    assert_int_equal(geometry_plan(&p, 500, 375, 6, &g, NULL), 0);
    assert_false(g.transposed); /* not asked for */
    p.exif_transpose = true;
    assert_int_equal(geometry_plan(&p, 500, 375, 6, &g, NULL), 0);
    assert_true(g.transposed && g.x.mirror && !g.y.mirror);
    assert_int_equal(g.x.resized, 256);
    assert_int_equal(g.y.resized, 341);
    assert_int_equal(geometry_plan(&p, 500, 375, 3, &g, NULL), 0);
    assert_true(!g.transposed && g.x.mirror && g.y.mirror);
}

static void an_edge_of_nothing_is_refused(void **unused)
{
    (void)unused;
    const struct pipeline p = LONGEST(224, true, CROP_FLOOR);
    struct geometry g;
    struct error error = {0};
    assert_true(geometry_plan(&p, 65500, 1, 1, &g, &error) < 0);
    assert_int_equal(error.code, ERROR_UNFIT);
}

static void fast_decoding_leaves_twice_the_size(void **unused)
{
    (void)unused;
    struct pipeline p = SHORTEST(256, 224, CROP_FLOOR);
    struct geometry g;
    assert_int_equal(geometry_plan(&p, 4096, 4096, 1, &g, NULL), 0);
    assert_int_equal(geometry_fast_eighths(&p, &g, 4096, 4096), 8);
    p.decode = DECODE_FAST;
    assert_int_equal(geometry_fast_eighths(&p, &g, 4096, 4096), 1);
    assert_int_equal(geometry_fast_eighths(&p, &g, 4088, 4088), 2);
    assert_int_equal(geometry_fast_eighths(&p, &g, 1024, 1024), 4);
    assert_int_equal(geometry_fast_eighths(&p, &g, 1000, 1000), 8);
}

/* Bit patterns of float32 as numpy prints them for values 0, 1, 128 and 255 of the green channel
 * under ImageNet's mean and std, rescale factor 1/255. */
static void normalizing_rounds_as_numpy(void **unused)
{
    (void)unused;
    static struct normalizer normalizer;
    const struct pipeline p = {.rescale = true,
                               .rescale_factor = 1.0 / 255.0,
                               .normalize = true,
                               .mean = {0.485, 0.456, 0.406},
                               .std = {0.229, 0.224, 0.225},
                               .datatype = DATATYPE_FP32};
    const uint8_t bytes[] = {0, 1, 128, 255};
    const uint32_t expected[] = {0xc0024924, 0xc0012a4f, 0x3e521b48, 0x401b6db7};
    normalizer_set(&normalizer, &p);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        uint32_t bits;
        memcpy(&bits, &normalizer.tables[1].elements.f32[bytes[i]], sizeof(bits));
        assert_int_equal(bits, expected[i]);
    }
}

static void tables_follow_the_pipeline(void **unused)
{
    (void)unused;
    static struct normalizer normalizer;
    struct pipeline p = {.datatype = DATATYPE_UINT8};
    normalizer_set(&normalizer, &p);
    assert_int_equal(normalizer.tables[0].elements.u8[200], 200);
    p.rescale = true;
    p.rescale_factor = 0.5;
    normalizer_set(&normalizer, &p);
    assert_int_equal(normalizer.tables[0].elements.u8[201], 100); /* truncated */
    p.rescale_factor = 2.0;
    p.rescale_offset = -20.0;
    normalizer_set(&normalizer, &p);
    assert_int_equal(normalizer.tables[0].elements.u8[200], 255); /* clamped */
    assert_int_equal(normalizer.tables[0].elements.u8[5], 0);
    p.datatype = DATATYPE_FP16;
    normalizer_set(&normalizer, &p);
    assert_int_equal(normalizer.tables[2].elements.f16[10], 0);
    assert_int_equal(normalizer.tables[2].elements.f16[11], 0x4000); /* 2.0 */
}

/* An image in memory with its padding. */
static uint8_t *gradient(uint32_t width, uint32_t height)
{
    size_t size = (size_t)width * height * 3;
    uint8_t *rgb = calloc(1, size + KERNEL_ROW_PADDING);
    assert_non_null(rgb);
    for (size_t i = 0; i < size; i++) {
        rgb[i] = (uint8_t)(i * 7 + i / 256);
    }
    return rgb;
}

static int transform(const struct pipeline *p, uint32_t width, uint32_t height,
                     struct media_tensor *tensor, struct error *error)
{
    struct media *media;
    uint8_t *rgb = gradient(width, height);
    const struct media_pixels pixels = {rgb, width, height, (size_t)width * 3};
    assert_int_equal(media_new(&media), 0);
    int r = media_pixels_to_tensor(media, p, &pixels, tensor, error);
    media_trim(media);
    media_free(media);
    free(rgb);
    return r;
}

static void an_untouched_image_comes_out_as_it_went_in(void **unused)
{
    (void)unused;
    const struct pipeline p = {.layout = LAYOUT_NHWC, .datatype = DATATYPE_UINT8};
    const uint32_t width = 37, height = 11;
    uint8_t *expected = gradient(width, height), found[37 * 11 * 3];
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        if (select_form(isas[isa])) {
            struct media_tensor tensor = {.data = found, .size = sizeof(found)};
            memset(found, 0, sizeof(found));
            assert_int_equal(transform(&p, width, height, &tensor, NULL), 0);
            assert_int_equal(tensor.height, height);
            assert_int_equal(tensor.width, width);
            assert_memory_equal(found, expected, sizeof(found));
        }
    }
    free(expected);
}

static void one_pixel_fills_any_size(void **unused)
{
    (void)unused;
    struct pipeline p = SHORTEST(32, 32, CROP_FLOOR);
    p.datatype = DATATYPE_UINT8;
    p.layout = LAYOUT_NHWC;
    for (int filter = RESAMPLE_NEAREST; filter <= RESAMPLE_HAMMING; filter++) {
        uint8_t found[32 * 32 * 3];
        struct media_tensor tensor = {.data = found, .size = sizeof(found)};
        p.resample = (enum resample)filter;
        assert_int_equal(transform(&p, 1, 1, &tensor, NULL), 0);
        for (size_t i = 0; i < sizeof(found); i++) {
            assert_int_equal(found[i], i % 3 * 7);
        }
    }
}

static void extreme_shapes_cost_no_more_than_their_crop(void **unused)
{
    (void)unused;
    struct pipeline p = SHORTEST(256, 224, CROP_FLOOR);
    p.datatype = DATATYPE_FP32;
    size_t size = (size_t)224 * 224 * 3 * sizeof(float);
    float *found = malloc(size);
    assert_non_null(found);
    for (int filter = RESAMPLE_NEAREST; filter <= RESAMPLE_HAMMING; filter++) {
        struct media_tensor tensor = {.data = found, .size = size};
        p.resample = (enum resample)filter;
        assert_int_equal(transform(&p, 65500, 1, &tensor, NULL), 0);
        assert_int_equal(transform(&p, 1, 65500, &tensor, NULL), 0);
    }
    free(found);
}

static void a_tensor_without_room_is_refused_untouched(void **unused)
{
    (void)unused;
    struct pipeline p = SHORTEST(16, 0, CROP_FLOOR);
    p.datatype = DATATYPE_UINT8;
    uint8_t found[16 * 16 * 3];
    memset(found, 0x77, sizeof(found));
    struct media_tensor tensor = {.data = found, .size = sizeof(found) - 1};
    struct error error = {0};
    assert_true(transform(&p, 16, 16, &tensor, &error) < 0);
    assert_int_equal(error.code, ERROR_UNFIT);
    assert_int_equal(found[0], 0x77);
    tensor.size = sizeof(found);
    assert_true(transform(&p, 65500, 1, &tensor, &error) < 0);
    assert_int_equal(error.code, ERROR_UNFIT);
    assert_int_equal(transform(&p, 16, 16, &tensor, &error), 0);
}

static void rows_above_their_limit_are_refused(void **unused)
{
    (void)unused;
    const struct pipeline p = {.resize = RESIZE_EXACT,
                               .resample = RESAMPLE_LANCZOS,
                               .resize_height = 1,
                               .resize_width = 8192,
                               .datatype = DATATYPE_UINT8};
    static uint8_t found[8192 * 3];
    struct media_tensor tensor = {.data = found, .size = sizeof(found)};
    struct error error = {0};
    assert_true(transform(&p, 1, 65500, &tensor, &error) < 0);
    assert_int_equal(error.code, ERROR_TOO_LARGE);
}

static void an_invalid_pipeline_is_an_internal_fault(void **unused)
{
    (void)unused;
    const struct pipeline p = {.resize = RESIZE_EXACT, .datatype = DATATYPE_UINT8};
    uint8_t found[3];
    struct media_tensor tensor = {.data = found, .size = sizeof(found)};
    struct error error = {0};
    assert_true(transform(&p, 1, 1, &tensor, &error) < 0);
    assert_int_equal(error.code, ERROR_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_sum_to_one_and_windows_hold_them),
        cmocka_unit_test(a_mirrored_axis_has_the_weights_from_the_other_end),
        cmocka_unit_test(an_axis_of_the_same_size_copies),
        cmocka_unit_test(tables_above_their_limits_are_refused),
        cmocka_unit_test(the_cache_keeps_two_geometries),
        cmocka_unit_test(geometry_rounds_as_the_python_pipelines),
        cmocka_unit_test(geometry_of_a_turned_image_is_of_its_upright_size),
        cmocka_unit_test(an_edge_of_nothing_is_refused),
        cmocka_unit_test(fast_decoding_leaves_twice_the_size),
        cmocka_unit_test(normalizing_rounds_as_numpy),
        cmocka_unit_test(tables_follow_the_pipeline),
        cmocka_unit_test(an_untouched_image_comes_out_as_it_went_in),
        cmocka_unit_test(one_pixel_fills_any_size),
        cmocka_unit_test(extreme_shapes_cost_no_more_than_their_crop),
        cmocka_unit_test(a_tensor_without_room_is_refused_untouched),
        cmocka_unit_test(rows_above_their_limit_are_refused),
        cmocka_unit_test(an_invalid_pipeline_is_an_internal_fault),
    };
    return cmocka_run_group_tests_name("resample", tests, NULL, NULL);
}
