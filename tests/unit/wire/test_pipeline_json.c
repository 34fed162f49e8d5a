/* SPDX-License-Identifier: Apache-2.0
 *
 * A pipeline in words: exact texts, and that they are JSON.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "wire/pipeline_json.h"

static void check(const struct pipeline *pipeline, const char *expected)
{
    cleanup_buffer struct buffer out = BUFFER_INIT;
    struct json *root = NULL;
    struct error error = {0};
    pipeline_put_json(&JSON_WRITER(&out), NULL, pipeline);
    assert_string_equal(buffer_text(&out), expected);
    assert_int_equal(json_parse(out.data, out.size, "pipeline", &root, &error), 0);
    json_free(root);
}

static void a_classifier_is_told_in_full(void **state)
{
    (void)state;
    const struct pipeline pipeline = {
        .resize = RESIZE_SHORTEST_EDGE,
        .resize_height = 256,
        .resample = RESAMPLE_BILINEAR,
        .center_crop = true,
        .crop_height = 224,
        .crop_width = 200,
        .rescale = true,
        .rescale_factor = 1.0 / 255.0,
        .normalize = true,
        .mean = {0.485, 0.456, 0.406},
        .std = {0.229, 0.224, 0.225},
        .datatype = DATATYPE_FP32,
    };
    check(&pipeline,
          "{\"decode\":\"exact\",\"exif_transpose\":false,"
          "\"resize\":{\"mode\":\"shortest_edge\",\"shortest_edge\":256,\"resample\":\"bilinear\"},"
          "\"center_crop\":{\"height\":224,\"width\":200,\"rounding\":\"floor\"},\"pad\":null,"
          "\"rescale\":{\"factor\":0.00392156862745098,\"offset\":0},"
          "\"normalize\":{\"mean\":[0.485,0.456,0.406],\"std\":[0.229,0.224,0.225],"
          "\"twice\":false},\"channels\":\"RGB\",\"layout\":\"NCHW\",\"datatype\":\"FP32\"}");
}

static void a_padded_one_is_told_in_full(void **state)
{
    (void)state;
    const struct pipeline pipeline = {
        .decode = DECODE_FAST,
        .exif_transpose = true,
        .resize = RESIZE_LONGEST_EDGE,
        .resize_height = 336,
        .resample = RESAMPLE_BICUBIC,
        .crop_rounding = CROP_ROUND,
        .pad = true,
        .pad_value = {124, 116, 104},
        .flip_channels = true,
        .layout = LAYOUT_NHWC,
        .datatype = DATATYPE_UINT8,
    };
    check(&pipeline,
          "{\"decode\":\"fast\",\"exif_transpose\":true,"
          "\"resize\":{\"mode\":\"longest_edge\",\"longest_edge\":336,\"resample\":\"bicubic\"},"
          "\"center_crop\":null,\"pad\":{\"size\":336,\"value\":[124,116,104]},\"rescale\":null,"
          "\"normalize\":null,\"channels\":\"BGR\",\"layout\":\"NHWC\",\"datatype\":\"UINT8\"}");
}

static void values_out_of_range_are_unknown(void **state)
{
    (void)state;
    struct pipeline pipeline = {.resize = RESIZE_EXACT,
                                .resize_height = 2,
                                .resize_width = 3,
                                .resample = (enum resample)77,
                                .rescale = true,
                                .rescale_factor = (double)INFINITY};
    check(&pipeline, "{\"decode\":\"exact\",\"exif_transpose\":false,"
                     "\"resize\":{\"mode\":\"exact\",\"height\":2,\"width\":3,"
                     "\"resample\":\"unknown\"},\"center_crop\":null,\"pad\":null,"
                     "\"rescale\":{\"factor\":null,\"offset\":0},\"normalize\":null,"
                     "\"channels\":\"RGB\",\"layout\":\"NCHW\",\"datatype\":\"NONE\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_classifier_is_told_in_full),
        cmocka_unit_test(a_padded_one_is_told_in_full),
        cmocka_unit_test(values_out_of_range_are_unknown),
    };
    return cmocka_run_group_tests_name("wire/pipeline_json", tests, NULL, NULL);
}
