/* SPDX-License-Identifier: Apache-2.0
 *
 * Parsing of request targets.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/target.h"

static void expect_path(const char *raw, const char *path)
{
    cleanup_buffer struct buffer text = BUFFER_INIT;
    struct target target;
    struct error error = {0};
    assert_int_equal(target_decode(raw, &text, &target, &error), 0);
    assert_string_equal(text.data + target.path, path);
}

static void expect_refused(const char *raw)
{
    cleanup_buffer struct buffer text = BUFFER_INIT;
    struct target target;
    struct error error = {0};
    assert_int_equal(target_decode(raw, &text, &target, &error), error_code_errno(ERROR_MALFORMED));
    assert_int_equal(error.code, ERROR_MALFORMED);
    assert_true(error.message[0] != '\0');
}

static void test_paths(void **state)
{
    (void)state;
    expect_path("/", "/");
    expect_path("/a/b?c=d", "/a/b");
    expect_path("/%41%4a%4A+%2f%25", "/AJJ+/%");
    expect_path("/\xff%ff", "/\xff\xff");
    expect_path("HTTPS://host:1/x/y?z", "/x/y");
    expect_path("/a?%41=http://x/", "/a");
}

static void test_broken_targets(void **state)
{
    (void)state;
    static const char *const broken[] = {
        "",     "a",    "*",    "http://", "http://x", "http://x?/", "/%",       "/%4", "/%4?41",
        "/%g1", "/%1g", "/%00", "/a?%00",  "/a?b=%",   "/?%=1",      "ftp://x/", "?a"};
    for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
        expect_refused(broken[i]);
    }
}

static void test_parameters(void **state)
{
    (void)state;
    cleanup_buffer struct buffer text = BUFFER_INIT;
    struct target target;
    buffer_append_text(&text, "before");
    assert_int_equal(target_decode("/p?a=1&b&&a=2&%63%3d=x%26y+z&d==&=e", &text, &target, NULL), 0);
    assert_string_equal(target_query(&text, &target, "a"), "1");
    assert_string_equal(target_query(&text, &target, "b"), "");
    assert_string_equal(target_query(&text, &target, "c="), "x&y z");
    assert_string_equal(target_query(&text, &target, "d"), "=");
    assert_string_equal(target_query(&text, &target, ""), "e");
    assert_null(target_query(&text, &target, "1"));
    assert_null(target_query(&text, &target, "e"));
    assert_string_equal(text.data + target.path, "/p");
    assert_memory_equal(text.data, "before", 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_broken_targets),
        cmocka_unit_test(test_parameters),
    };
    return cmocka_run_group_tests_name("http target", tests, NULL, NULL);
}
