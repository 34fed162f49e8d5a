/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON reader: what is refused, and what the getters return for absent values and values of
 * another type.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/limits.h"

static struct json *parse_ok(const char *text)
{
    struct json *root = NULL;
    struct error error = {0};
    if (json_parse(text, strlen(text), "test", &root, &error) < 0) {
        fail_msg("%s: %s", text, error.message);
    }
    return root;
}

static void parse_refused(const char *text, size_t size)
{
    struct json *root = NULL;
    struct error error = {0};
    if (json_parse(text, size, "the document", &root, &error) == 0) {
        json_free(root);
        fail_msg("accepted: %s", text);
    }
    assert_null(root);
    assert_int_equal(error.code, ERROR_MALFORMED);
    assert_non_null(strstr(error.message, "the document: "));
}

static void what_is_not_json_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        " ",
                                        "{",
                                        "[1,]",
                                        "{\"a\":1,}",
                                        "{a:1}",
                                        "[1] 2",
                                        "nul",
                                        "'a'",
                                        "\"\xff\"",
                                        "[01]",
                                        "[1e999]",
                                        "[NaN]",
                                        "{\"a\":1,\"a\":2}",
                                        "\"\\u0000\"",
                                        "[\"\n\"]",
                                        "[99999999999999999999]"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        parse_refused(texts[i], strlen(texts[i]));
    }
    parse_refused(NULL, 0);
    parse_refused("[1]\0", 4);
    parse_refused("[1\0]", 4);
}

static void nesting_is_limited(void **state)
{
    (void)state;
    char text[2 * LIMIT_JSON_DEPTH + 3];
    memset(text, '[', LIMIT_JSON_DEPTH);
    memset(text + LIMIT_JSON_DEPTH, ']', LIMIT_JSON_DEPTH);
    text[2 * LIMIT_JSON_DEPTH] = '\0';
    json_free(parse_ok(text));
    memset(text, '[', LIMIT_JSON_DEPTH + 1);
    memset(text + LIMIT_JSON_DEPTH + 1, ']', LIMIT_JSON_DEPTH + 1);
    parse_refused(text, sizeof text - 1);

    /* Brackets in strings do not nest, however the quotes are escaped. */
    json_free(parse_ok("[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[\\\\\"]"));

    /* A million brackets must not reach a recursive parser. */
    char *deep = malloc(1000000);
    assert_non_null(deep);
    memset(deep, '[', 1000000);
    parse_refused(deep, 1000000);
    free(deep);
}

static void getters_fall_back_on_what_is_not_there(void **state)
{
    (void)state;
    struct json *root =
        parse_ok("{\"b\":true,\"i\":-7,\"r\":2.5,\"s\":\"x\\u00e4\",\"a\":[1,2],\"n\":null}");
    assert_true(json_get_bool(json_member(root, "b"), false));
    assert_int_equal(json_get_integer(json_member(root, "i"), 0), -7);
    assert_true(json_get_number(json_member(root, "i"), 0) == -7.0);
    assert_true(json_get_number(json_member(root, "r"), 0) == 2.5);
    assert_string_equal(json_get_string(json_member(root, "s"), ""), "x\xc3\xa4");
    assert_int_equal(json_length(json_member(root, "s")), 3);
    assert_int_equal(json_length(json_member(root, "a")), 2);
    assert_int_equal(json_get_integer(json_element(json_member(root, "a"), 1), 0), 2);

    assert_null(json_member(root, "none"));
    assert_null(json_member(NULL, "none"));
    assert_null(json_member(json_member(root, "a"), "b"));
    assert_null(json_element(json_member(root, "a"), 2));
    assert_null(json_element(root, 0));
    assert_int_equal(json_length(NULL), 0);
    assert_int_equal(json_type_of(NULL), JSON_TYPE_NULL);
    assert_int_equal(json_type_of(json_member(root, "n")), JSON_TYPE_NULL);
    assert_true(json_get_bool(json_member(root, "i"), true));
    assert_int_equal(json_get_integer(json_member(root, "r"), 9), 9);
    assert_int_equal(json_get_integer(json_member(root, "s"), 9), 9);
    assert_true(json_get_number(json_member(root, "b"), 9.0) == 9.0);
    assert_null(json_get_string(json_member(root, "i"), NULL));
    json_free(root);
    json_free(NULL);
}

static int collect(void *context, const char *key, const struct json *value)
{
    struct buffer *out = context;
    buffer_append_text(out, key);
    return json_type_of(value) == JSON_TYPE_NULL ? 5 : 0;
}

static void members_are_visited_in_order_until_told_to_stop(void **state)
{
    (void)state;
    cleanup_buffer struct buffer out = BUFFER_INIT;
    struct json *root = parse_ok("{\"z\":1,\"a\":2,\"m\":null,\"b\":3}");
    assert_int_equal(json_each_member(root, collect, &out), 5);
    assert_string_equal(buffer_text(&out), "zam");
    assert_int_equal(json_each_member(json_member(root, "z"), collect, &out), 0);
    assert_int_equal(json_each_member(NULL, collect, &out), 0);
    json_free(root);
}

static void large_integers_are_taken_where_they_may_be(void **state)
{
    (void)state;
    static const char text[] =
        "{\"18446744073709551615\":[18446744073709551615,-5,7,1.5e3,"
        "9223372036854775807,9223372036854775808,\"9223372036854775808\\\"\"]}";
    struct json *root = NULL;
    assert_true(json_parse(text, sizeof text - 1, "text", &root, NULL) < 0);
    assert_int_equal(json_parse_large(text, sizeof text - 1, "text", &root, NULL), 0);
    const struct json *list = json_member(root, "18446744073709551615");
    assert_int_equal(json_length(list), 7);
    assert_int_equal(json_type_of(json_element(list, 0)), JSON_TYPE_LARGE);
    assert_true(json_get_unsigned(json_element(list, 0), 1) == UINT64_MAX);
    assert_int_equal(json_get_integer(json_element(list, 0), 3), 3);
    assert_string_equal(json_get_string(json_element(list, 0), "none"), "none");
    assert_int_equal(json_get_integer(json_element(list, 1), 0), -5);
    assert_true(json_get_unsigned(json_element(list, 1), 9) == 9);
    assert_true(json_get_unsigned(json_element(list, 2), 9) == 7);
    assert_true(json_get_number(json_element(list, 3), 0) == 1500);
    assert_true(json_get_unsigned(json_element(list, 4), 9) == INT64_MAX);
    assert_true(json_get_unsigned(json_element(list, 5), 9) == (uint64_t)INT64_MAX + 1);
    assert_string_equal(json_get_string(json_element(list, 6), ""), "9223372036854775808\"");
    json_free(root);
    static const char *const bad[] = {"[18446744073709551616]",
                                      "[9223372036854775808,]",
                                      "[-9223372036854775809]",
                                      "[9223372036854775808",
                                      "[18446744073709551615,\"\\u00005\"]",
                                      "[\"\\u0000\",18446744073709551615]"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_true(json_parse_large(bad[i], strlen(bad[i]), "text", &root, NULL) < 0);
    }
    /* Escapes that only look like a NUL, and texts of any kind, are texts. */
    static const char texts[] = "[18446744073709551615,\"\\\\u00005\",\"\",\"\\u001fuint64:5\"]";
    assert_int_equal(json_parse_large(texts, sizeof texts - 1, "text", &root, NULL), 0);
    assert_string_equal(json_get_string(json_element(root, 1), "none"), "\\u00005");
    assert_string_equal(json_get_string(json_element(root, 2), "none"), "");
    assert_string_equal(json_get_string(json_element(root, 3), "none"), "\x1fuint64:5");
    json_free(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_json_is_refused),
        cmocka_unit_test(nesting_is_limited),
        cmocka_unit_test(getters_fall_back_on_what_is_not_there),
        cmocka_unit_test(members_are_visited_in_order_until_told_to_stop),
        cmocka_unit_test(large_integers_are_taken_where_they_may_be),
    };
    return cmocka_run_group_tests_name("base/json", tests, NULL, NULL);
}
