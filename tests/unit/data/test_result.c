/* SPDX-License-Identifier: Apache-2.0
 *
 * Result objects: how they are written, and that they read back the same.
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

#include "data/result.h"

enum { LONG_EMBEDDING = 1000 };

/* Writes, compares, and reads back. */
static void write_and_read_form(const struct result *result, const struct answer_form *form,
                                const char *json, struct result *ret_result)
{
    cleanup_buffer struct buffer text = BUFFER_INIT;
    struct error error = {.message = ""};
    result_write_json(&text, result, form);
    assert_string_equal(buffer_text(&text), json);
    int r = result_parse(text.data, text.size, ret_result, &error);
    assert_string_equal(error.message, "");
    assert_int_equal(r, 0);
    assert_ptr_equal(ret_result->answer.kind, result->answer.kind);
    if (result->object) {
        assert_string_equal(ret_result->object, result->object);
    } else {
        assert_null(ret_result->object);
    }
}

static void write_and_read(const struct result *result, const char *json, struct result *ret_result)
{
    write_and_read_form(result, NULL, json, ret_result);
}

static void classes_come_back(void **state)
{
    (void)state;
    const struct answer_class classes[] = {{.index = 285, .score = 0.53121F},
                                           {.index = UINT32_MAX, .score = 1e-7F}};
    const char *const labels[] = {"\"cat\", big", NULL};
    const struct result result = {.object = "photos/\xc3\xa4.jpg",
                                  .answer.kind = &answer_classes,
                                  .answer.classes = classes,
                                  .answer.class_labels = labels,
                                  .answer.class_count = 2};
    struct result back;
    write_and_read(&result,
                   "{\"object\":\"photos/\xc3\xa4.jpg\",\"classes\":["
                   "{\"index\":285,\"label\":\"\\\"cat\\\", big\",\"score\":0.53121},"
                   "{\"index\":4294967295,\"score\":1e-07}]}",
                   &back);
    assert_int_equal(back.answer.class_count, 2);
    assert_int_equal(back.answer.classes[0].index, 285);
    assert_string_equal(back.answer.class_labels[0], "\"cat\", big");
    assert_true(back.answer.classes[0].score == 0.53121F);
    assert_null(back.answer.class_labels[1]);
    result_done(&back);
    result_done(&back); /* again: nothing */
}

static void an_error_comes_back(void **state)
{
    (void)state;
    const struct result result = {.object = "photos/b.txt",
                                  .answer.kind = &answer_failure,
                                  .answer.error_code = ERROR_UNDECODABLE,
                                  .answer.error_message = "not an image\n"};
    struct result back;
    write_and_read(&result,
                   "{\"object\":\"photos/b.txt\",\"error\":{\"code\":\"undecodable\","
                   "\"message\":\"not an image\\n\"}}",
                   &back);
    assert_int_equal(back.answer.error_code, ERROR_UNDECODABLE);
    assert_string_equal(back.answer.error_message, "not an image\n");
    result_done(&back);
}

static void an_embedding_comes_back_bit_by_bit(void **state)
{
    (void)state;
    const float values[] = {0.1F, -0.0871234F, 1.17549435e-38F, 3.4028235e38F, 16777216, NAN};
    const struct result result = {
        .answer.kind = &answer_embedding, .answer.embedding = values, .answer.embedding_size = 6};
    struct result back;
    write_and_read(&result,
                   "{\"embedding\":[0.1,-0.0871234,1.1754944e-38,3.4028235e+38,16777216,null]}",
                   &back);
    assert_int_equal(back.answer.embedding_size, 6);
    assert_memory_equal(back.answer.embedding, values, 5 * sizeof values[0]);
    assert_true(isnan(back.answer.embedding[5]));
    result_done(&back);
}

static void an_embedding_in_base64_comes_back_bit_by_bit(void **state)
{
    (void)state;
    const float values[] = {1, -2, 0.0132F, -0.0F};
    float many[LONG_EMBEDDING];
    struct result result = {.object = "s/a",
                            .answer.kind = &answer_embedding,
                            .answer.embedding = values,
                            .answer.embedding_size = 3};
    const struct answer_form form = {.base64 = true};
    struct result back;
    write_and_read_form(&result, &form, "{\"object\":\"s/a\",\"embedding\":\"AACAPwAAAMDQRFg8\"}",
                        &back);
    assert_int_equal(back.answer.embedding_size, 3);
    assert_memory_equal(back.answer.embedding, values, 3 * sizeof values[0]);
    result_done(&back);
    result.answer.embedding_size = 4;
    write_and_read_form(&result, &form,
                        "{\"object\":\"s/a\",\"embedding\":\"AACAPwAAAMDQRFg8AAAAgA==\"}", &back);
    assert_memory_equal(back.answer.embedding, values, sizeof values);
    result_done(&back);
    result.answer.embedding_size = 0;
    write_and_read_form(&result, &form, "{\"object\":\"s/a\",\"embedding\":\"\"}", &back);
    assert_int_equal(back.answer.embedding_size, 0);
    result_done(&back);
    for (size_t i = 0; i < LONG_EMBEDDING; i++) {
        many[i] = i == 300 ? INFINITY : (float)i / 7;
    }
    for (size_t count = LONG_EMBEDDING - 5; count <= LONG_EMBEDDING; count++) {
        cleanup_buffer struct buffer text = BUFFER_INIT;
        result.answer.embedding = many;
        result.answer.embedding_size = count;
        result_write_json(&text, &result, &form);
        assert_int_equal(result_parse(text.data, text.size, &back, NULL), 0);
        assert_int_equal(back.answer.embedding_size, count);
        assert_memory_equal(back.answer.embedding, many, count * sizeof many[0]);
        result_done(&back);
    }
}

static void outputs_come_back(void **state)
{
    (void)state;
    const int64_t numbers[] = {INT64_MIN, INT64_MAX};
    const uint16_t halves[] = {0x3555, 0x8000, 0x0001, 0x7bff};
    const struct tensor outputs[] = {
        {.name = "n",
         .datatype = DATATYPE_INT64,
         .shape = {.rank = 2, .dims = {1, 2}},
         .data = numbers,
         .size_bytes = sizeof numbers},
        {.name = "h",
         .datatype = DATATYPE_FP16,
         .shape = {.rank = 1, .dims = {4}},
         .data = halves,
         .size_bytes = sizeof halves},
        {.name = "none", .datatype = DATATYPE_FP64, .shape = {.rank = 1, .dims = {0}}},
    };
    const struct result result = {.object = "s/d.npy",
                                  .answer.kind = &answer_tensors,
                                  .answer.tensors = outputs,
                                  .answer.tensor_count = 3};
    struct result back;
    write_and_read(&result,
                   "{\"object\":\"s/d.npy\",\"outputs\":["
                   "{\"name\":\"n\",\"datatype\":\"INT64\",\"shape\":[1,2],"
                   "\"data\":[-9223372036854775808,9223372036854775807]},"
                   "{\"name\":\"h\",\"datatype\":\"FP16\",\"shape\":[4],"
                   "\"data\":[0.33325195,-0.0,5.9604645e-08,65504]},"
                   "{\"name\":\"none\",\"datatype\":\"FP64\",\"shape\":[0],\"data\":[]}]}",
                   &back);
    assert_int_equal(back.answer.tensor_count, 3);
    assert_string_equal(back.answer.tensors[0].name, "n");
    assert_int_equal(back.answer.tensors[0].shape.rank, 2);
    assert_int_equal(back.answer.tensors[0].size_bytes, sizeof numbers);
    assert_memory_equal(back.answer.tensors[0].data, numbers, sizeof numbers);
    assert_int_equal(back.answer.tensors[1].size_bytes, sizeof halves);
    assert_memory_equal(back.answer.tensors[1].data, halves, sizeof halves);
    assert_int_equal(back.answer.tensors[2].size_bytes, 0);
    result_done(&back);
}

static void a_newer_array_may_say_more(void **state)
{
    (void)state;
    static const char line[] =
        "{\"object\":\"a\",\"took\":{\"ms\":3},\"error\":{\"code\":\"novel\","
        "\"message\":\"m\",\"hint\":1}}";
    struct result result;
    assert_int_equal(result_parse(line, sizeof line - 1, &result, NULL), 0);
    assert_int_equal(result.answer.error_code, ERROR_INTERNAL);
    assert_string_equal(result.answer.error_message, "m");
    result_done(&result);
}

static void a_node_of_the_callers_tree_is_read(void **state)
{
    (void)state;
    static const char text[] = "[{\"object\":\"a\",\"embedding\":[1,null]}]";
    cleanup_json struct json *root = NULL;
    struct result result;
    assert_int_equal(json_parse(text, sizeof text - 1, "list", &root, NULL), 0);
    assert_int_equal(result_parse_node(json_element(root, 0), &result, NULL), 0);
    assert_string_equal(result.object, "a");
    assert_int_equal(result.answer.embedding_size, 2);
    result_done(&result);
}

static void outputs_of_strings_read_back_the_same(void **state)
{
    (void)state;
    static const char line[] =
        "{\"object\":\"a\",\"outputs\":[{\"name\":\"y\",\"datatype\":\"BYTES\",\"shape\":[2],"
        "\"data\":[\"q\\\"\",\"\"]},{\"name\":\"b\",\"datatype\":\"BF16\",\"shape\":[2],"
        "\"data\":[1.5,null]}]}";
    static const char row[] = "\x02\0\0\0q\"\0\0\0";
    struct result result;
    struct buffer out = BUFFER_INIT;
    assert_int_equal(result_parse(line, sizeof line - 1, &result, NULL), 0);
    assert_int_equal(result.answer.tensors[0].size_bytes, sizeof row);
    assert_memory_equal(result.answer.tensors[0].data, row, sizeof row);
    result_write_json(&out, &result, NULL);
    assert_string_equal(buffer_text(&out), line);
    buffer_done(&out);
    result_done(&result);
}

static void broken_lines_are_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "[]",
        "{}",
        "{\"object\":\"a\"}",
        "{\"object\":\"a\",\"classes\":[",
        "{\"classes\":{}}",
        "{\"classes\":[1]}",
        "{\"classes\":[{\"index\":-1,\"score\":1}]}",
        "{\"classes\":[{\"index\":4294967296,\"score\":1}]}",
        "{\"classes\":[{\"index\":1}]}",
        "{\"classes\":[{\"index\":1,\"score\":\"1\"}]}",
        "{\"embedding\":[\"1\"]}",
        "{\"embedding\":[1e39]}",
        "{\"embedding\":\"AACAPw=\"}",
        "{\"embedding\":\"AACA\"}",
        "{\"embedding\":\"AACAP*==\"}",
        "{\"embedding\":null}",
        "{\"error\":\"bad\"}",
        "{\"outputs\":[{}]}",
        "{\"outputs\":[{\"name\":\"y\",\"datatype\":\"BYTES\",\"shape\":[1],\"data\":[1]}]}",
        "{\"outputs\":[{\"name\":\"y\",\"datatype\":\"FP32\",\"shape\":[2],\"data\":[1]}]}",
        "{\"outputs\":[{\"name\":\"y\",\"datatype\":\"FP32\",\"shape\":[-1],\"data\":[1]}]}",
        "{\"outputs\":[{\"name\":\"y\",\"datatype\":\"UINT8\",\"shape\":[1],\"data\":[256]}]}",
        "{\"outputs\":[{\"name\":\"y\",\"datatype\":\"UINT8\",\"shape\":[1],\"data\":[null]}]}",
        "{\"outputs\":[{\"name\":\"y\",\"datatype\":\"FP32\",\"shape\":[1,1,1,1,1,1,1,1,1]}]}",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct result result = {.object = "untouched"};
        struct error error = {.code = ERROR_NONE};
        assert_int_equal(result_parse(lines[i], strlen(lines[i]), &result, &error), -EINVAL);
        assert_int_equal(error.code, ERROR_MALFORMED);
        assert_string_equal(result.object, "untouched");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_come_back),
        cmocka_unit_test(an_error_comes_back),
        cmocka_unit_test(an_embedding_comes_back_bit_by_bit),
        cmocka_unit_test(an_embedding_in_base64_comes_back_bit_by_bit),
        cmocka_unit_test(outputs_come_back),
        cmocka_unit_test(a_newer_array_may_say_more),
        cmocka_unit_test(a_node_of_the_callers_tree_is_read),
        cmocka_unit_test(broken_lines_are_refused),
        cmocka_unit_test(outputs_of_strings_read_back_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
