/* SPDX-License-Identifier: Apache-2.0
 *
 * V2 infer requests: what is read from valid ones, and the messages for invalid ones.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/buffer.h"
#include "wire/v2_request.h"

static struct v2_request *parse(const char *text)
{
    struct v2_request *request = NULL;
    struct error error = {.message = ""};
    int r = v2_request_parse(text, strlen(text), NULL, false, &request, &error);
    assert_string_equal(error.message, "");
    assert_int_equal(r, 0);
    return request;
}

/* The message of a request that must be refused as malformed. */
static void refuse(const char *text, const char *message)
{
    struct v2_request *request = NULL;
    struct error error = {.code = ERROR_NONE, .message = ""};
    int r = v2_request_parse(text, strlen(text), NULL, false, &request, &error);
    if (r == 0 || !strstr(error.message, message)) {
        print_message("%s\n  says: %s\n  not: %s\n", text, error.message, message);
    }
    assert_int_equal(r, -EINVAL);
    assert_int_equal(error.code, ERROR_MALFORMED);
    assert_non_null(strstr(error.message, message));
    assert_null(request);
}

static void assert_element(const struct v2_input *input, size_t index, const char *text)
{
    assert_int_equal(input->elements[index].size, strlen(text));
    assert_memory_equal(input->elements[index].data, text, strlen(text));
}

static void stored_objects_are_named(void **state)
{
    (void)state;
    struct v2_request *request = parse(
        "{\"id\":\"42\",\"parameters\":{\"on_error\":\"partial\",\"cache\":false,\"other\":[1]},"
        "\"inputs\":[{\"name\":\"image\",\"datatype\":\"BYTES\",\"shape\":[2],"
        "\"parameters\":{\"stored_object\":true},\"data\":[\"photos/a.jpg\",\"photos/\\u00e4\"]}],"
        "\"outputs\":[{\"name\":\"logits\",\"parameters\":{\"classification\":5}},"
        "{\"name\":\"y\",\"parameters\":{\"binary_data\":true}}]}");
    assert_string_equal(request->id, "42");
    assert_true(request->partial);
    assert_true(request->no_cache);
    assert_int_equal(request->input_count, 1);
    const struct v2_input *input = &request->inputs[0];
    assert_string_equal(input->tensor.name, "image");
    assert_int_equal(input->tensor.datatype, DATATYPE_BYTES);
    assert_true(input->stored_object);
    assert_int_equal(input->count, 2);
    assert_string_equal(input->elements[0].data, "photos/a.jpg");
    assert_string_equal(input->elements[1].data, "photos/\xc3\xa4");
    assert_int_equal(input->elements[1].size, strlen("photos/\xc3\xa4"));
    assert_int_equal(request->output_count, 2);
    assert_string_equal(request->outputs[0].name, "logits");
    assert_int_equal(request->outputs[0].classification, 5);
    assert_false(request->outputs[0].binary);
    assert_int_equal(request->outputs[1].classification, 0);
    assert_true(request->outputs[1].binary);
    v2_request_free(request);
}

static void the_least_request_has_defaults(void **state)
{
    (void)state;
    struct v2_request *request =
        parse("{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[],\"data\":[1]}]}");
    assert_string_equal(request->id, "");
    assert_false(request->partial);
    assert_false(request->no_cache);
    assert_false(request->binary_output);
    assert_int_equal(request->output_count, 0);
    assert_int_equal(request->inputs[0].tensor.shape.rank, 0);
    assert_int_equal(request->inputs[0].count, 1);
    v2_request_free(request);
    v2_request_free(NULL);
}

static void binary_output_is_the_default_of_outputs(void **state)
{
    (void)state;
    struct v2_request *request = parse(
        "{\"parameters\":{\"binary_data_output\":true},"
        "\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[0],\"data\":[]}],"
        "\"outputs\":[{\"name\":\"a\"},{\"name\":\"b\",\"parameters\":{\"binary_data\":false}}]}");
    assert_true(request->binary_output);
    assert_true(request->outputs[0].binary);
    assert_false(request->outputs[1].binary);
    v2_request_free(request);
}

static void images_in_hand_are_base64_or_text(void **state)
{
    (void)state;
    struct v2_request *request =
        parse("{\"inputs\":[{\"name\":\"a\",\"datatype\":\"BYTES\",\"shape\":[3],"
              "\"data\":[\"\",\"/+8A\",\"YWI=\"]},"
              "{\"name\":\"b\",\"datatype\":\"BYTES\",\"shape\":[1,1],"
              "\"parameters\":{\"encoding\":\"text\"},\"data\":[[\"YWI=\"]]}]}");
    assert_element(&request->inputs[0], 0, "");
    assert_int_equal(request->inputs[0].elements[1].size, 3);
    assert_memory_equal(request->inputs[0].elements[1].data, "\xff\xef\0", 3);
    assert_element(&request->inputs[0], 2, "ab");
    assert_false(request->inputs[0].stored_object);
    assert_element(&request->inputs[1], 0, "YWI=");
    v2_request_free(request);
}

static void numbers_are_read_flat_and_nested(void **state)
{
    (void)state;
    static const char *const forms[] = {"[1,2,3,4,5,6]", "[[1,2,3],[4,5,6]]"};
    for (size_t i = 0; i < 2; i++) {
        char text[256];
        (void)snprintf(text, sizeof text,
                       "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"INT16\",\"shape\":[2,3],"
                       "\"data\":%s}]}",
                       forms[i]);
        struct v2_request *request = parse(text);
        static const unsigned char wanted[] = {1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0};
        assert_int_equal(request->inputs[0].tensor.size_bytes, sizeof wanted);
        assert_memory_equal(request->inputs[0].tensor.data, wanted, sizeof wanted);
        v2_request_free(request);
    }
}

static void check_number(const char *datatype, const char *json, const void *wanted, size_t size)
{
    char text[256];
    struct v2_request *request = NULL;
    struct error error = {.message = ""};
    (void)snprintf(
        text, sizeof text,
        "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"%s\",\"shape\":[1],\"data\":[%s]}]}", datatype,
        json);
    int r = v2_request_parse(text, strlen(text), NULL, false, &request, &error);
    if ((r == 0) != (wanted != NULL)) {
        print_message("%s %s: %s\n", datatype, json, error.message);
    }
    assert_int_equal(r, wanted ? 0 : -EINVAL);
    if (wanted) {
        assert_int_equal(request->inputs[0].tensor.size_bytes, size);
        assert_memory_equal(request->inputs[0].tensor.data, wanted, size);
    } else {
        assert_non_null(strstr(error.message, "input 'x'"));
    }
    v2_request_free(request);
}

static void numbers_are_kept_within_their_type(void **state)
{
    (void)state;
    check_number("UINT8", "255", "\xff", 1);
    check_number("UINT8", "256", NULL, 0);
    check_number("UINT8", "-1", NULL, 0);
    check_number("INT8", "-128", "\x80", 1);
    check_number("INT8", "128", NULL, 0);
    check_number("UINT16", "65535", "\xff\xff", 2);
    check_number("UINT16", "65536", NULL, 0);
    check_number("INT16", "-32769", NULL, 0);
    check_number("UINT32", "4294967295", "\xff\xff\xff\xff", 4);
    check_number("UINT32", "4294967296", NULL, 0);
    check_number("INT32", "-2147483648", "\0\0\0\x80", 4);
    check_number("INT32", "2147483648", NULL, 0);
    check_number("INT64", "-9223372036854775808", "\0\0\0\0\0\0\0\x80", 8);
    check_number("UINT64", "9223372036854775807", "\xff\xff\xff\xff\xff\xff\xff\x7f", 8);
    check_number("UINT64", "9223372036854775808", "\0\0\0\0\0\0\0\x80", 8);
    check_number("UINT64", "18446744073709551615", "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
    check_number("UINT64", "\"18446744073709551615\"", NULL, 0);
    check_number("UINT64", "\"\\u001fuint64:5\"", NULL, 0);
    check_number("INT64", "9223372036854775808", NULL, 0);
    check_number("FP64", "18446744073709551615", "\0\0\0\0\0\0\xf0\x43", 8);
    check_number("UINT64", "-1", NULL, 0);
    check_number("BOOL", "true", "\1", 1);
    check_number("BOOL", "0", "\0", 1);
    check_number("BOOL", "2", NULL, 0);
    check_number("INT32", "true", NULL, 0);
    check_number("INT32", "1.0", NULL, 0);
    check_number("INT32", "\"1\"", NULL, 0);
    check_number("FP32", "1", "\0\0\x80\x3f", 4);
    check_number("FP32", "-0.5", "\0\0\0\xbf", 4);
    check_number("FP32", "3.4028235e38", "\xff\xff\x7f\x7f", 4); /* the greatest, rounded up */
    check_number("FP32", "3.4028236e38", NULL, 0);
    check_number("FP32", "null", NULL, 0);
    const double large = 1e39;
    check_number("FP64", "1e39", &large, sizeof large);
    check_number("FP16", "1", NULL, 0);
}

static void binary_data_is_taken_from_behind_the_json(void **state)
{
    (void)state;
    static const char json[] = "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP16\",\"shape\":[1,2],"
                               "\"parameters\":{\"binary_data_size\":4}},"
                               "{\"name\":\"j\",\"datatype\":\"INT8\",\"shape\":[1],\"data\":[7]},"
                               "{\"name\":\"b\",\"datatype\":\"BYTES\",\"shape\":[2],"
                               "\"parameters\":{\"binary_data_size\":11}},"
                               "{\"name\":\"o\",\"datatype\":\"BYTES\",\"shape\":[1],"
                               "\"parameters\":{\"stored_object\":true,\"binary_data_size\":7}}]}";
    static const char tail[] = "\1\2\3\4"
                               "\3\0\0\0abc\0\0\0\0"
                               "\3\0\0\0s/k";
    char body[sizeof json + sizeof tail];
    char header[24];
    size_t size = sizeof json - 1 + sizeof tail - 1;
    memcpy(body, json, sizeof json - 1);
    memcpy(body + sizeof json - 1, tail, sizeof tail - 1);
    (void)snprintf(header, sizeof header, "%zu", sizeof json - 1);
    struct v2_request *request = NULL;
    struct error error = {.message = ""};
    int r = v2_request_parse(body, size, header, false, &request, &error);
    assert_string_equal(error.message, "");
    assert_int_equal(r, 0);
    assert_int_equal(request->inputs[0].tensor.size_bytes, 4);
    assert_memory_equal(request->inputs[0].tensor.data, "\1\2\3\4", 4);
    assert_element(&request->inputs[2], 0, "abc");
    assert_element(&request->inputs[2], 1, "");
    assert_string_equal(request->inputs[3].elements[0].data, "s/k"); /* with its NUL */
    v2_request_free(request);

    /* One byte more or less at each boundary. */
    assert_int_equal(v2_request_parse(body, size - 1, header, false, &request, &error), -EINVAL);
    body[size] = 'x';
    assert_int_equal(v2_request_parse(body, size + 1, header, false, &request, &error), -EINVAL);
    assert_non_null(strstr(error.message, "belong to no input"));
    assert_int_equal(v2_request_parse(body, size, NULL, false, &request, &error), -EINVAL);
    body[sizeof json - 1 + 4] = 4; /* the first element's length */
    assert_int_equal(v2_request_parse(body, size, header, false, &request, &error), -EINVAL);
    assert_non_null(strstr(error.message, "input 'b'"));
    body[sizeof json - 1 + 4] = 3;
    body[size - 2] = '\0';
    assert_int_equal(v2_request_parse(body, size, header, false, &request, &error), -EINVAL);
    assert_non_null(strstr(error.message, "input 'o'"));
}

static void the_header_must_be_a_length_within_the_body(void **state)
{
    (void)state;
    static const char body[] =
        "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[],\"data\":[1]}]}";
    static const char *const bad[] = {
        "", "-1", "x", "12x", " 12", "0x10", "1000", "99999999999999999999999999", "0"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct v2_request *request = NULL;
        struct error error;
        assert_int_equal(v2_request_parse(body, sizeof body - 1, bad[i], false, &request, &error),
                         -EINVAL);
    }
}

#define INPUT(rest) "{\"inputs\":[{" rest "}]}"
#define NAMED(rest) INPUT("\"name\":\"x\"," rest)

static void malformed_requests_are_told_why(void **state)
{
    (void)state;
    refuse("", "JSON");
    refuse("[]", "object");
    refuse("{\"inputs\":{}}", "inputs");
    refuse("{\"inputs\":[1]}", "inputs[0].name");
    refuse(INPUT("\"name\":\"\""), "inputs[0].name");
    refuse(INPUT("\"name\":7"), "inputs[0].name");
    refuse(NAMED("\"shape\":[1],\"data\":[1]"), "datatype");
    refuse(NAMED("\"datatype\":\"FP33\",\"shape\":[1],\"data\":[1]"), "'FP33'");
    refuse(NAMED("\"datatype\":\"FP32\",\"data\":[1]"), "shape");
    refuse(NAMED("\"datatype\":\"FP32\",\"shape\":3,\"data\":[1]"), "shape");
    refuse(NAMED("\"datatype\":\"FP32\",\"shape\":[-1],\"data\":[1]"), "dimensions");
    refuse(NAMED("\"datatype\":\"FP32\",\"shape\":[1.5],\"data\":[1]"), "dimensions");
    refuse(NAMED("\"datatype\":\"FP32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data\":[1]"), "at most 8");
    refuse(NAMED("\"datatype\":\"FP32\",\"shape\":[4294967296,4294967296,2],\"data\":[1]"),
           "too many elements");
    refuse(NAMED("\"datatype\":\"FP32\",\"shape\":[1000000000000],\"data\":[1]"),
           "wants 1000000000000 elements");
    refuse(NAMED("\"datatype\":\"FP32\",\"shape\":[2],\"data\":[1]"), "wants 2 elements");
    refuse(NAMED("\"datatype\":\"FP32\",\"shape\":[2],\"data\":[1,2,3]"), "wants 2 elements");
    refuse(NAMED("\"datatype\":\"FP32\",\"shape\":[2,2],\"data\":[[1,2],[3]]"), "[2,2]");
    refuse(NAMED("\"datatype\":\"FP32\",\"shape\":[2,2],\"data\":[[1,2,3],[4]]"), "[2,2]");
    refuse(NAMED("\"datatype\":\"FP32\",\"shape\":[2,2],\"data\":[[1,2],3]"), "[2,2]");
    refuse(NAMED("\"datatype\":\"FP32\",\"shape\":[2,2],\"data\":[1,2,3,[4]]"), "element 3");
    refuse(NAMED("\"datatype\":\"FP32\",\"shape\":[1],\"data\":[[1]]"), "element 0");
    refuse(NAMED("\"datatype\":\"FP32\",\"shape\":[1],\"data\":1"), "wants 1 element");
    refuse(NAMED("\"datatype\":\"FP32\",\"shape\":[1]"), "either data or");
    refuse(NAMED("\"datatype\":\"FP32\",\"shape\":[1],\"data\":[1],"
                 "\"parameters\":{\"binary_data_size\":4}"),
           "either data or");
    refuse(NAMED("\"datatype\":\"FP32\",\"shape\":[1],\"parameters\":{\"binary_data_size\":4}"),
           "0 bytes are left");
    refuse(NAMED("\"datatype\":\"FP32\",\"shape\":[1],\"parameters\":{\"binary_data_size\":-4}"),
           "0 bytes are left");
    refuse(NAMED("\"datatype\":\"FP32\",\"shape\":[1],\"parameters\":{\"binary_data_size\":0}"),
           "takes 4 bytes");
    refuse(NAMED("\"datatype\":\"FP32\",\"shape\":[1],\"parameters\":{\"binary_data_size\":\"4\"}"),
           "binary_data_size must be an integer");
    refuse(NAMED("\"datatype\":\"FP32\",\"shape\":[1],\"parameters\":[]"), "parameters must be");
    refuse(NAMED("\"datatype\":\"FP32\",\"shape\":[1],"
                 "\"parameters\":{\"shared_memory_region\":\"r\"}"),
           "shared memory");
    refuse(NAMED("\"datatype\":\"FP32\",\"shape\":[1],\"data\":[1],"
                 "\"parameters\":{\"stored_object\":true}"),
           "BYTES");
    refuse(NAMED("\"datatype\":\"BYTES\",\"shape\":[1],\"data\":[1]"), "wants strings");
    refuse(NAMED("\"datatype\":\"BYTES\",\"shape\":[1],\"data\":[\"a.jpg\"]"), "not base64");
    refuse(NAMED("\"datatype\":\"BYTES\",\"shape\":[1],\"data\":[\"a\\u0000b\"]"),
           "give such bytes as binary data or base64");
    refuse(NAMED("\"datatype\":\"BYTES\",\"shape\":[1],\"data\":[\"\"],"
                 "\"parameters\":{\"encoding\":\"hex\"}"),
           "encoding");
    refuse("{\"parameters\":{\"on_error\":\"ignore\"},\"inputs\":[]}", "on_error");
    refuse("{\"parameters\":{\"cache\":\"no\"},\"inputs\":[]}", "cache");
    refuse("{\"id\":7,\"inputs\":[]}", "id must be a string");
}

#define FINE "{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1],\"data\":[1]}"

static void names_must_differ_and_outputs_be_sound(void **state)
{
    (void)state;
    refuse("{\"inputs\":[" FINE "," FINE "]}", "input 'x' is there twice");
    refuse("{\"inputs\":[" FINE "],\"outputs\":{}}", "outputs");
    refuse("{\"inputs\":[" FINE "],\"outputs\":[{}]}", "outputs[0].name");
    refuse("{\"inputs\":[" FINE "],\"outputs\":[{\"name\":\"y\"},{\"name\":\"y\"}]}",
           "output 'y' is there twice");
    refuse("{\"inputs\":[" FINE "],\"outputs\":[{\"name\":\"y\",\"parameters\":"
           "{\"classification\":1001}}]}",
           "classification");
    refuse("{\"inputs\":[" FINE "],\"outputs\":[{\"name\":\"y\",\"parameters\":"
           "{\"shared_memory_region\":\"r\"}}]}",
           "output 'y': shared memory");
    refuse("{\"inputs\":[" FINE "],\"outputs\":[{\"name\":\"y\",\"parameters\":"
           "{\"classification\":-1}}]}",
           "classification");
    refuse("{\"inputs\":[" FINE "],\"outputs\":[{\"name\":\"y\",\"parameters\":"
           "{\"binary_data\":1}}]}",
           "binary_data must be");
}

static int parse_objects(size_t count, struct error *error)
{
    struct buffer text = BUFFER_INIT;
    struct v2_request *request = NULL;
    buffer_printf(&text,
                  "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"BYTES\",\"shape\":[%zu],"
                  "\"parameters\":{\"stored_object\":true},\"data\":[",
                  count);
    for (size_t i = 0; i < count; i++) {
        buffer_printf(&text, "%s\"s/%zu\"", i > 0 ? "," : "", i);
    }
    buffer_append_text(&text, "]}]}");
    int r = v2_request_parse(text.data, text.size, NULL, false, &request, error);
    v2_request_free(request);
    buffer_done(&text);
    return r;
}

static void limits_hold(void **state)
{
    (void)state;
    struct error error = {.code = ERROR_NONE};
    assert_int_equal(parse_objects(LIMIT_REQUEST_OBJECTS, &error), 0);
    assert_int_equal(parse_objects(LIMIT_REQUEST_OBJECTS + 1, &error), -EFBIG);
    assert_int_equal(error.code, ERROR_TOO_LARGE);

    /* A small body of very many values. */
    struct buffer text = BUFFER_INIT;
    struct v2_request *request = NULL;
    buffer_append_text(&text, "{\"inputs\":[");
    for (size_t i = 0; i < LIMIT_JSON_VALUES; i++) {
        buffer_append(&text, "[],", 3);
    }
    buffer_append_text(&text, "[]]}");
    assert_int_equal(v2_request_parse(text.data, text.size, NULL, false, &request, &error), -EFBIG);
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    buffer_done(&text);

    /* Too many tensors; a name too long. */
    buffer_append_text(&text, "{\"inputs\":[");
    for (size_t i = 0; i <= LIMIT_MODEL_TENSORS; i++) {
        buffer_append_text(&text, i > 0 ? "," FINE : FINE);
    }
    buffer_append_text(&text, "]}");
    refuse(buffer_text(&text), "at most 256 tensors");
    buffer_clear(&text);
    buffer_printf(&text, "{\"inputs\":[{\"name\":\"%0129d\"}]}", 1);
    refuse(buffer_text(&text), "1 to 128 bytes");
    buffer_done(&text);
}

static int parse_strings(const char *json, const char *binary, size_t binary_size,
                         struct v2_request **ret_request, struct error *error)
{
    char body[512];
    char header[24];
    size_t size = strlen(json);
    memcpy(body, json, size);
    memcpy(body + size, binary, binary_size);
    (void)snprintf(header, sizeof header, "%zu", size);
    static char kept[512]; /* the request borrows from it */
    memcpy(kept, body, size + binary_size);
    return v2_request_parse(kept, size + binary_size, header, true, ret_request, error);
}

#define STRINGS(parameters) "{\"inputs\":[{\"name\":\"s\",\"datatype\":\"BYTES\"," parameters "}]}"

static void string_tensors_come_out_in_a_row(void **state)
{
    (void)state;
    static const char row[] = "\x02\0\0\0ab\0\0\0\0\x02\0\0\0\xc3\xa9";
    static const struct {
        const char *json;
        size_t binary_size;
    } cases[] = {
        {STRINGS("\"shape\":[3],\"data\":[\"ab\",\"\",\"\xc3\xa9\"]"), 0},
        {STRINGS("\"shape\":[3,1],\"data\":[[\"ab\"],[\"\"],[\"\\u00e9\"]]"), 0},
        {STRINGS("\"shape\":[3],\"parameters\":{\"encoding\":\"base64\"},"
                 "\"data\":[\"YWI=\",\"\",\"w6k=\"]"),
         0},
        {STRINGS("\"shape\":[3],\"parameters\":{\"binary_data_size\":16}"), sizeof row - 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct v2_request *request = NULL;
        struct error error = {0};
        assert_int_equal(parse_strings(cases[i].json, row, cases[i].binary_size, &request, &error),
                         0);
        assert_null(request->inputs[0].elements);
        assert_int_equal(request->inputs[0].tensor.size_bytes, sizeof row - 1);
        assert_memory_equal(request->inputs[0].tensor.data, row, sizeof row - 1);
        v2_request_free(request);
    }
}

static void string_tensors_that_are_none_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *word;
    } cases[] = {
        {STRINGS("\"shape\":[1],\"parameters\":{\"binary_data_size\":6}"), "6 bytes"},
        {STRINGS("\"shape\":[2],\"parameters\":{\"binary_data_size\":7}"), "2 elements"},
        {STRINGS("\"shape\":[1000000000],\"parameters\":{\"binary_data_size\":7}"), "elements"},
        {STRINGS("\"shape\":[2],\"data\":[\"a\"]"), "wants 2 elements"},
        {STRINGS("\"shape\":[2],\"data\":[\"a\",1]"), "element 1 of data is an integer"},
        {STRINGS("\"shape\":[1],\"parameters\":{\"encoding\":\"base64\"},\"data\":[\"a\"]"),
         "not base64"},
        {STRINGS("\"shape\":[1000000000],\"data\":[\"a\"]"), "elements"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct v2_request *request = NULL;
        struct error error = {0};
        size_t binary = strstr(cases[i].json, ":6}") ? 6 : strstr(cases[i].json, ":7}") ? 7 : 0;
        assert_true(parse_strings(cases[i].json, "\x03\0\0\0abc", binary, &request, &error) < 0);
        assert_non_null(strstr(error.message, cases[i].word));
    }
}

static void a_request_may_have_no_inputs(void **state)
{
    (void)state;
    static const char *const bodies[] = {"{}", "{\"inputs\":[]}", "{\"inputs\":null}"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct v2_request *request = parse(bodies[i]);
        assert_int_equal(request->input_count, 0);
        v2_request_free(request);
    }
}

static void base64_is_read_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *bytes; /* NULL if it is none */
    } cases[] = {
        {"", ""},           {"Zg==", "f"},        {"Zm8=", "fo"},
        {"Zm9v", "foo"},    {"Zm9vYg==", "foob"}, {"Zm9vYmFy", "foobar"},
        {"Zg", NULL},       {"Zg=", NULL},        {"Zh==", NULL},
        {"Zm9=", NULL},     {"====", NULL},       {"Z===", NULL},
        {"=Zg=", NULL},     {"Zg==Zg==", NULL},   {"Zm9v\n", NULL},
        {"Zm 9", NULL},     {"Zm-_", NULL},       {"\xff\xff\xff\xff", NULL},
        {"Zm9vYg=v", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char bytes[32];
        size_t size = 99;
        size_t text_size = strlen(cases[i].text);
        assert_true(base64_room(text_size) <= sizeof bytes);
        int r = base64_decode(cases[i].text, text_size, bytes, &size);
        assert_int_equal(r, cases[i].bytes ? 0 : -EINVAL);
        if (cases[i].bytes) {
            assert_int_equal(size, strlen(cases[i].bytes));
            assert_memory_equal(bytes, cases[i].bytes, size);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_objects_are_named),
        cmocka_unit_test(the_least_request_has_defaults),
        cmocka_unit_test(binary_output_is_the_default_of_outputs),
        cmocka_unit_test(images_in_hand_are_base64_or_text),
        cmocka_unit_test(numbers_are_read_flat_and_nested),
        cmocka_unit_test(numbers_are_kept_within_their_type),
        cmocka_unit_test(binary_data_is_taken_from_behind_the_json),
        cmocka_unit_test(the_header_must_be_a_length_within_the_body),
        cmocka_unit_test(malformed_requests_are_told_why),
        cmocka_unit_test(names_must_differ_and_outputs_be_sound),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(string_tensors_come_out_in_a_row),
        cmocka_unit_test(string_tensors_that_are_none_are_refused),
        cmocka_unit_test(a_request_may_have_no_inputs),
        cmocka_unit_test(base64_is_read_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
