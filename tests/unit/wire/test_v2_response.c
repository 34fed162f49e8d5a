/* SPDX-License-Identifier: Apache-2.0
 *
 * V2 infer answers: the whole JSON, the binary tail, and extreme values.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/tensor_json.h"
#include "wire/v2_response.h"

static void check(const struct v2_response *response, const char *json, const void *binary,
                  size_t binary_size)
{
    cleanup_buffer struct buffer text = BUFFER_INIT;
    cleanup_buffer struct buffer tail = BUFFER_INIT;
    struct error error = {.message = ""};
    int r = v2_response_write(response, &text, &tail, &error);
    assert_string_equal(error.message, "");
    assert_int_equal(r, 0);
    assert_string_equal(buffer_text(&text), json);
    assert_int_equal(tail.size, binary_size);
    if (binary_size > 0) {
        assert_memory_equal(tail.data, binary, binary_size);
    }
    struct json *root = NULL;
    assert_int_equal(json_parse(text.data, text.size, "answer", &root, &error), 0);
    json_free(root);
}

static void an_answer_is_one_json_object(void **state)
{
    (void)state;
    const float values[] = {0.5F, -1, 0.1F, NAN};
    static const char classes[] = "\v\0\0\0"
                                  "0.5:0:a \"b\"\0\0\0";
    const struct v2_output outputs[] = {
        {.tensor.name = "y",
         .tensor.datatype = DATATYPE_FP32,
         .tensor.shape = {.rank = 2, .dims = {2, 2}},
         .tensor.data = values,
         .tensor.size_bytes = sizeof values},
        {.tensor.name = "c",
         .tensor.datatype = DATATYPE_BYTES,
         .tensor.shape = {.rank = 2, .dims = {1, 2}},
         .tensor.data = classes,
         .tensor.size_bytes = sizeof classes},
    };
    const struct v2_response response = {.model_name = "m",
                                         .model_version = "1",
                                         .id = "i\"d",
                                         .outputs = outputs,
                                         .output_count = 2};
    check(&response,
          "{\"model_name\":\"m\",\"model_version\":\"1\",\"id\":\"i\\\"d\",\"outputs\":["
          "{\"name\":\"y\",\"datatype\":\"FP32\",\"shape\":[2,2],\"data\":[0.5,-1,0.1,null]},"
          "{\"name\":\"c\",\"datatype\":\"BYTES\",\"shape\":[1,2],"
          "\"data\":[\"0.5:0:a \\\"b\\\"\",\"\"]}]}",
          NULL, 0);
}

static void binary_outputs_follow_in_order(void **state)
{
    (void)state;
    const unsigned char numbers[] = {1, 2, 3, 4};
    static const char elements[] = {2, 0, 0, 0, 'a', 'b', 1, 0, 0, 0, '\xff'};
    const struct v2_output outputs[] = {
        {.tensor.name = "b",
         .tensor.datatype = DATATYPE_BYTES,
         .tensor.shape = {.rank = 1, .dims = {2}},
         .tensor.data = elements,
         .tensor.size_bytes = sizeof elements,
         .binary = true},
        {.tensor.name = "j",
         .tensor.datatype = DATATYPE_UINT8,
         .tensor.shape = {.rank = 1, .dims = {4}},
         .tensor.data = numbers,
         .tensor.size_bytes = 4},
        {.tensor.name = "n",
         .tensor.datatype = DATATYPE_UINT16,
         .tensor.shape = {.rank = 1, .dims = {2}},
         .tensor.data = numbers,
         .tensor.size_bytes = 4,
         .binary = true},
    };
    const struct v2_response response = {
        .model_name = "m", .model_version = "2", .outputs = outputs, .output_count = 3};
    check(&response,
          "{\"model_name\":\"m\",\"model_version\":\"2\",\"outputs\":["
          "{\"name\":\"b\",\"datatype\":\"BYTES\",\"shape\":[2],"
          "\"parameters\":{\"binary_data_size\":11}},"
          "{\"name\":\"j\",\"datatype\":\"UINT8\",\"shape\":[4],\"data\":[1,2,3,4]},"
          "{\"name\":\"n\",\"datatype\":\"UINT16\",\"shape\":[2],"
          "\"parameters\":{\"binary_data_size\":4}}]}",
          "\2\0\0\0ab\1\0\0\0\xff\1\2\3\4", 15);
}

static void failed_elements_are_listed(void **state)
{
    (void)state;
    const struct v2_element_error errors[] = {
        {.index = 1,
         .object = "s/b.txt",
         .code = ERROR_UNDECODABLE,
         .message = "not a JPEG, PNG or WebP image"},
        {.index = 3, .code = ERROR_DEADLINE, .message = "late"},
    };
    const struct v2_response response = {
        .model_name = "m", .model_version = "1", .id = "", .errors = errors, .error_count = 2};
    check(&response,
          "{\"model_name\":\"m\",\"model_version\":\"1\",\"parameters\":{\"errors\":["
          "{\"index\":1,\"object\":\"s/b.txt\",\"code\":\"undecodable\","
          "\"message\":\"not a JPEG, PNG or WebP image\"},"
          "{\"index\":3,\"code\":\"deadline\",\"message\":\"late\"}]},\"outputs\":[]}",
          NULL, 0);
}

static void check_values(enum datatype datatype, const void *data, size_t count, const char *json)
{
    cleanup_buffer struct buffer text = BUFFER_INIT;
    tensor_json_write(&text, datatype, data, count);
    assert_string_equal(buffer_text(&text), json);
}

static void numbers_are_written_to_the_last_digit(void **state)
{
    (void)state;
    const int64_t int64s[] = {INT64_MIN, -1, INT64_MAX};
    const uint64_t uint64s[] = {0, UINT64_MAX};
    const int32_t int32s[] = {INT32_MIN, INT32_MAX};
    const int16_t int16s[] = {-2, INT16_MAX};
    const int8_t int8s[] = {-128, 127};
    const uint16_t halves[] = {0x3c00, 0xc000, 0x7c00, 0x3555};
    const double doubles[] = {0.1, 1e300, (double)INFINITY};
    const uint32_t uint32s[] = {UINT32_MAX};
    check_values(DATATYPE_INT64, int64s, 3, "[-9223372036854775808,-1,9223372036854775807]");
    check_values(DATATYPE_UINT64, uint64s, 2, "[0,18446744073709551615]");
    check_values(DATATYPE_INT32, int32s, 2, "[-2147483648,2147483647]");
    check_values(DATATYPE_INT16, int16s, 2, "[-2,32767]");
    check_values(DATATYPE_INT8, int8s, 2, "[-128,127]");
    check_values(DATATYPE_UINT32, uint32s, 1, "[4294967295]");
    check_values(DATATYPE_BOOL, "\0\1", 2, "[false,true]");
    check_values(DATATYPE_FP16, halves, 4, "[1,-2,null,0.33325195]");
    check_values(DATATYPE_FP64, doubles, 3, "[0.10000000000000001,1.0000000000000001e+300,null]");
    check_values(DATATYPE_FP32, NULL, 0, "[]");
}

static void what_json_cannot_hold_is_refused(void **state)
{
    (void)state;
    static const char bad[] = {1, 0, 0, 0, '\xff'};
    struct v2_output output = {.tensor.name = "y",
                               .tensor.datatype = DATATYPE_BYTES,
                               .tensor.shape = {.rank = 1, .dims = {1}},
                               .tensor.data = bad,
                               .tensor.size_bytes = sizeof bad};
    const struct v2_response response = {
        .model_name = "m", .model_version = "1", .outputs = &output, .output_count = 1};
    cleanup_buffer struct buffer json = BUFFER_INIT;
    cleanup_buffer struct buffer binary = BUFFER_INIT;
    struct error error;
    assert_int_equal(v2_response_write(&response, &json, &binary, &error), -EDOM);
    assert_non_null(strstr(error.message, "output 'y'"));
    output.tensor.datatype = DATATYPE_FP32;
    output.tensor.data = "1234";
    output.tensor.size_bytes = 3;
    assert_int_equal(v2_response_write(&response, &json, &binary, &error), -EPROTO);
    output.tensor.size_bytes = 4;
    output.tensor.shape.dims[0] = -1;
    assert_int_equal(v2_response_write(&response, &json, &binary, &error), -EPROTO);
}

static void classes_are_written_as_triton_does(void **state)
{
    (void)state;
    cleanup_buffer struct buffer text = BUFFER_INIT;
    v2_response_write_classification(&text, 0.5312F, 285, "Egyptian cat");
    buffer_append_char(&text, '|');
    v2_response_write_classification(&text, -12, 3, NULL);
    assert_string_equal(buffer_text(&text), "0.5312:285:Egyptian cat|-12:3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_one_json_object),
        cmocka_unit_test(binary_outputs_follow_in_order),
        cmocka_unit_test(failed_elements_are_listed),
        cmocka_unit_test(numbers_are_written_to_the_last_digit),
        cmocka_unit_test(what_json_cannot_hold_is_refused),
        cmocka_unit_test(classes_are_written_as_triton_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
