/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON writer: commas and colons are in the right places, and output reads back the same.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/json_write.h"

static struct json *parse_ok(struct buffer *text)
{
    struct json *root = NULL;
    struct error error = {0};
    if (json_parse(text->data, text->size, "test", &root, &error) < 0) {
        fail_msg("%s: %s", buffer_text(text), error.message);
    }
    return root;
}

static void commas_and_colons_are_put_where_they_belong(void **state)
{
    (void)state;
    cleanup_buffer struct buffer out = BUFFER_INIT;
    struct json_writer w = JSON_WRITER(&out);
    json_begin_object(&w, NULL);
    json_put_string(&w, "s", "x\"");
    json_put_string(&w, "none", NULL);
    json_begin_object(&w, "o");
    json_end_object(&w);
    json_begin_array(&w, "a");
    json_put_integer(&w, NULL, -1);
    json_put_unsigned(&w, NULL, UINT64_MAX);
    json_begin_array(&w, NULL);
    json_end_array(&w);
    json_begin_object(&w, NULL);
    json_put_bool(&w, "t", true);
    json_put_bool(&w, "f", false);
    json_end_object(&w);
    json_put_null(&w, NULL);
    json_end_array(&w);
    json_put_bytes(&w, "b", "xyz", 2);
    buffer_printf(json_put_raw(&w, "r"), "%.3f", 1.5);
    json_put_float(&w, "h", 0.1f);
    json_put_double(&w, "d", 0.5);
    json_end_object(&w);
    assert_string_equal(buffer_text(&out),
                        "{\"s\":\"x\\\"\",\"none\":null,\"o\":{},\"a\":[-1,18446744073709551615,[],"
                        "{\"t\":true,\"f\":false},null],\"b\":\"xy\",\"r\":1.500,\"h\":0.1,"
                        "\"d\":0.5}");
}

static void no_bytes_are_an_empty_string(void **state)
{
    (void)state;
    cleanup_buffer struct buffer out = {0};
    json_put_bytes(&JSON_WRITER(&out), NULL, NULL, 0);
    assert_int_equal(out.size, 2);
    assert_memory_equal(out.data, "\"\"", 2);
}

static void strings_read_back_the_same(void **state)
{
    (void)state;
    char text[160];
    size_t size = 0;
    for (int c = 1; c < 128; c++) {
        text[size++] = (char)c;
    }
    memcpy(text + size, "\xc2\x9b\xc2\x80", 4);
    size += 4;
    memcpy(text + size, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 10);
    cleanup_buffer struct buffer out = BUFFER_INIT;
    struct json_writer w = JSON_WRITER(&out);
    json_begin_array(&w, NULL);
    json_put_string(&w, NULL, text);
    json_end_array(&w);
    struct json *root = parse_ok(&out);
    assert_string_equal(json_get_string(json_element(root, 0), ""), text);
    assert_non_null(strstr(out.data, "\\u009b\\u0080"));
    json_free(root);

    buffer_clear(&out);
    w = JSON_WRITER(&out);
    json_put_bytes(&w, NULL, "ab\"c", 3);
    assert_string_equal(buffer_text(&out), "\"ab\\\"\"");
}

/* Messages may quote any bytes; JSON is UTF-8. */
static void bytes_that_are_not_utf8_are_shown_in_hexadecimal(void **state)
{
    (void)state;
    cleanup_buffer struct buffer out = BUFFER_INIT;
    struct json_writer w = JSON_WRITER(&out);
    json_put_string(&w, NULL, "caf\xe9 \xc3\xa9\xc3\n\xf0\x9f\x98\x80\xed\xa0\x80\xe2\x82");
    assert_string_equal(buffer_text(&out),
                        "\"caf%E9 \xc3\xa9%C3\\n\xf0\x9f\x98\x80%ED%A0%80%E2%82\"");
}

static void integers_read_back_the_same(void **state)
{
    (void)state;
    static const int64_t values[] = {0, -1, 42, INT64_MAX, INT64_MIN, INT64_C(9007199254740993)};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        cleanup_buffer struct buffer out = BUFFER_INIT;
        struct json_writer w = JSON_WRITER(&out);
        json_begin_array(&w, NULL);
        json_put_integer(&w, NULL, values[i]);
        json_end_array(&w);
        struct json *root = parse_ok(&out);
        assert_true(json_get_integer(json_element(root, 0), 1) == values[i]);
        json_free(root);
    }
}

static void floats_read_back_the_same(void **state)
{
    (void)state;
    uint32_t bits = 7;
    cleanup_buffer struct buffer out = BUFFER_INIT;
    for (int i = 0; i < 200000; i++) {
        float value = 0;
        bits = bits * 1664525u + 1013904223u;
        memcpy(&value, &bits, sizeof value);
        buffer_clear(&out);
        struct json_writer w = JSON_WRITER(&out);
        json_put_float(&w, NULL, value);
        const char *text = buffer_text(&out);
        if (!isfinite(value)) {
            assert_string_equal(text, "null");
        } else if (strtof(text, NULL) != value) {
            fail_msg("%a became %s", (double)value, text);
        }
    }
    buffer_clear(&out);
    struct json_writer w = JSON_WRITER(&out);
    json_put_float(&w, NULL, 0.1f);
    assert_string_equal(buffer_text(&out), "0.1");
}

static void doubles_read_back_the_same(void **state)
{
    (void)state;
    static const double values[] = {0.0, 1.0 / 255.0, 0.1, -1e300, 5e-324, 1e15};
    cleanup_buffer struct buffer out = BUFFER_INIT;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        buffer_clear(&out);
        struct json_writer w = JSON_WRITER(&out);
        json_put_double(&w, NULL, values[i]);
        assert_true(strtod(buffer_text(&out), NULL) == values[i]);
    }
    buffer_clear(&out);
    struct json_writer w = JSON_WRITER(&out);
    json_put_double(&w, NULL, (double)INFINITY);
    json_put_double(&w, NULL, (double)NAN);
    assert_string_equal(buffer_text(&out), "null,null");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_and_colons_are_put_where_they_belong),
        cmocka_unit_test(no_bytes_are_an_empty_string),
        cmocka_unit_test(strings_read_back_the_same),
        cmocka_unit_test(bytes_that_are_not_utf8_are_shown_in_hexadecimal),
        cmocka_unit_test(integers_read_back_the_same),
        cmocka_unit_test(floats_read_back_the_same),
        cmocka_unit_test(doubles_read_back_the_same),
    };
    return cmocka_run_group_tests_name("base/json_write", tests, NULL, NULL);
}
