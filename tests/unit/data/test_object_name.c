/* SPDX-License-Identifier: Apache-2.0
 *
 * Names in JSON: any bytes come back unchanged, UTF-8 is written as it is, and all output is UTF-8.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "data/object_name.h"

static char *written(const char *name)
{
    struct buffer out = BUFFER_INIT;
    buffer_append_char(&out, '{');
    object_name_put(&JSON_WRITER(&out), "object", name);
    buffer_append_char(&out, '}');
    assert_non_null(buffer_text(&out));
    assert_true(utf8_valid(out.data, out.size));
    return out.data;
}

static void is_written_as(const char *name, const char *wanted)
{
    char *text = written(name);
    assert_string_equal(text, wanted);
    free(text);
}

static void a_name_that_is_utf8_is_written_as_it_is(void **state)
{
    (void)state;
    is_written_as("p/a.jpg", "{\"object\":\"p/a.jpg\"}");
    is_written_as("p/caf%E9\n\"\xc3\xa9", "{\"object\":\"p/caf%E9\\n\\\"\xc3\xa9\"}");
}

static void another_is_encoded_and_marked(void **state)
{
    (void)state;
    is_written_as("p/caf\xe9", "{\"object\":\"p/caf%E9\",\"encoded\":true}");
    is_written_as("p/\xe9 \xc3\xa9%\n\"\xe2\x82\xac",
                  "{\"object\":\"p/%E9 \xc3\xa9%25%0A\\\"\xe2\x82\xac\",\"encoded\":true}");
}

static void comes_back(const char *name)
{
    struct pool pool = POOL_INIT;
    struct json *root = NULL;
    const char *got = NULL;
    char *text = written(name);
    assert_int_equal(json_parse(text, strlen(text), "test", &root, NULL), 0);
    assert_int_equal(object_name_read(root, "object", &pool, &got), 0);
    assert_string_equal(got, name);
    json_free(root);
    pool_done(&pool);
    free(text);
}

static void any_bytes_come_back(void **state)
{
    (void)state;
    static const char *const names[] = {"",
                                        "a",
                                        "%",
                                        "%%E9",
                                        "\x1fuint64:5",
                                        "\xe9%25",
                                        "\x80",
                                        "\xc3",
                                        "\xed\xa0\x80",
                                        "\xf0\x9f\x92",
                                        "\xc2\x85",
                                        "\xff\x01\x7f",
                                        "\xe2\x82"};
    char all[256];
    for (size_t i = 0; i < 255; i++) {
        all[i] = (char)(i + 1);
    }
    all[255] = '\0';
    comes_back(all);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        comes_back(names[i]);
    }
}

static int read_member(const char *text, char *ret_name)
{
    struct pool pool = POOL_INIT;
    struct json *root = NULL;
    const char *got = NULL;
    assert_int_equal(json_parse(text, strlen(text), "test", &root, NULL), 0);
    int r = object_name_read(root, "key", &pool, &got);
    if (r == 0) {
        (void)strcpy(ret_name, got ? got : "(none)");
    }
    json_free(root);
    pool_done(&pool);
    return r;
}

static void what_cannot_be_decoded_is_refused(void **state)
{
    (void)state;
    char name[64];
    static const char *const bad[] = {"%", "%4", "%4g", "a%00", "%e9%"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct buffer text = BUFFER_INIT;
        buffer_printf(&text, "{\"key\":\"%s\",\"encoded\":true}", bad[i]);
        assert_int_equal(read_member(buffer_text(&text), name), -EBADMSG);
        buffer_clear(&text);
        buffer_printf(&text, "{\"key\":\"%s\",\"encoded\":false}", bad[i]);
        assert_int_equal(read_member(buffer_text(&text), name), 0);
        assert_string_equal(name, bad[i]);
        buffer_done(&text);
    }
    assert_int_equal(read_member("{\"key\":\"%e9%C3%a9%41\",\"encoded\":true}", name), 0);
    assert_string_equal(name, "\xe9\xc3\xa9"
                              "A");
    assert_int_equal(read_member("{\"encoded\":true}", name), 0);
    assert_string_equal(name, "(none)");
    assert_int_equal(read_member("{\"key\":7,\"encoded\":true}", name), 0);
    assert_string_equal(name, "(none)");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_that_is_utf8_is_written_as_it_is),
        cmocka_unit_test(another_is_encoded_and_marked),
        cmocka_unit_test(any_bytes_come_back),
        cmocka_unit_test(what_cannot_be_decoded_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
