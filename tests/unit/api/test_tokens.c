/* SPDX-License-Identifier: Apache-2.0
 *
 * Token files as editors of any system write them, and those that would admit anyone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/tokens.h"
#include "base/limits.h"

#define PARSE(text, error) parse(text, sizeof(text) - 1, error)

static struct tokens *parse(const char *text, size_t size, struct error *error)
{
    struct tokens *tokens = NULL;
    *error = (struct error){0};
    int r = tokens_parse(text, size, &tokens, error);
    assert_int_equal(r < 0, tokens == NULL);
    return tokens;
}

static void assert_taken(const char *text, size_t size, const char *token)
{
    struct error error;
    struct tokens *tokens = parse(text, size, &error);
    assert_non_null(tokens);
    assert_true(tokens_match(tokens, token));
    assert_false(tokens_match(tokens, ""));
    tokens_free(tokens);
}

static void assert_refused(const char *text, size_t size, const char *reason)
{
    struct error error;
    assert_null(parse(text, size, &error));
    assert_int_equal(error.code, ERROR_MALFORMED);
    if (!strstr(error.message, reason)) {
        fail_msg("%s", error.message);
    }
}

#define TAKEN(text, token) assert_taken(text, sizeof(text) - 1, token)
#define REFUSED(text, reason) assert_refused(text, sizeof(text) - 1, reason)

static void what_editors_write_is_taken(void **state)
{
    (void)state;
    TAKEN("secret", "secret");
    TAKEN("secret\n", "secret");
    TAKEN("secret\r\n", "secret");
    TAKEN("\r\n# two\r\nfirst\r\nsecret\r\n", "secret");
    TAKEN("\xef\xbb\xbfsecret\n", "secret");
    TAKEN("\xef\xbb\xbf# with a mark\r\nsecret", "secret");
    TAKEN("  \tsecret \t\n", "secret");
    TAKEN("   \n\t\nsecret\n  # not a token\n", "secret");
    TAKEN("two words\n", "two words");
    TAKEN("gr\xc3\xbc\xc3\x9f\x65\n", "gr\xc3\xbc\xc3\x9f\x65");
}

static void control_bytes_are_refused_by_line(void **state)
{
    (void)state;
    REFUSED("first\rsecond\r", "line 1 has a carriage return");
    REFUSED("first\n\nsecond\r", "line 3 has a carriage return");
    REFUSED("first\r\r\nsecond\n", "line 1 has a carriage return");
    REFUSED("\r", "line 1");
    REFUSED("first\nsec\0ond\n", "line 2 has a control byte (0x00)");
    REFUSED("# comment \x01\nfirst\n", "line 1 has a control byte (0x01)");
    REFUSED("first\x7f\n", "line 1 has a control byte (0x7f)");
    REFUSED("fir\tst\n", "line 1 has a control byte (0x09)");
    REFUSED("fir\x1b[0mst\n", "line 1");
    REFUSED("\xff\xfe"
            "s\0e\0c\0", /* UTF-16 */
            "line 1");
}

static void a_file_without_a_token_is_refused(void **state)
{
    (void)state;
    REFUSED("", "no token");
    REFUSED("\n", "no token");
    REFUSED(" \t \n   \n", "no token");
    REFUSED("\xef\xbb\xbf", "no token");
    REFUSED("# nothing\n \n", "no token");
}

static void a_line_of_blanks_lets_nobody_in(void **state)
{
    (void)state;
    struct error error;
    struct tokens *tokens = PARSE("secret-of-twenty-bytes\n    \n", &error);
    assert_non_null(tokens);
    assert_int_equal(tokens_count(tokens), 1);
    static const char *const strangers[] = {"Bearer",
                                            "Bearer ",
                                            "Bearer     ",
                                            "Bearer      ",
                                            "Bearer secret",
                                            "Bearer secret-of-twenty-bytesx",
                                            "Bearer secret-of-twenty-bytesecret-of-twenty-bytes",
                                            "Basic secret-of-twenty-bytes",
                                            "Bearer\tsecret-of-twenty-bytes",
                                            "secret-of-twenty-bytes",
                                            ""};
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        assert_false(tokens_admit(tokens, strangers[i]));
    }
    assert_false(tokens_admit(tokens, NULL));
    assert_true(tokens_admit(tokens, "Bearer secret-of-twenty-bytes"));
    assert_true(tokens_admit(tokens, "bearer   secret-of-twenty-bytes"));
    tokens_free(tokens);
}

static void short_tokens_are_told_by_line(void **state)
{
    (void)state;
    struct error error;
    struct tokens *tokens = PARSE("0123456789abcdef\n# x\nshort\nshorter\n", &error);
    assert_non_null(tokens);
    assert_int_equal(tokens_count(tokens), 3);
    assert_int_equal(tokens_short_line(tokens), 3);
    tokens_free(tokens);
    tokens = PARSE("0123456789abcdef\n", &error);
    assert_non_null(tokens);
    assert_int_equal(tokens_short_line(tokens), 0);
    tokens_free(tokens);
}

static void many_lines_have_room_however_they_end(void **state)
{
    (void)state;
    enum { LINES = 5000 };
    static char text[LINES * 8 + 1];
    struct error error;
    for (size_t i = 0; i < LINES; i++) {
        (void)snprintf(text + 8 * i, 9, "t%05zu\r\n", i);
    }
    struct tokens *tokens = parse(text, sizeof text - 1, &error);
    assert_non_null(tokens);
    assert_int_equal(tokens_count(tokens), LINES);
    assert_true(tokens_match(tokens, "t04999"));
    tokens_free(tokens);
    for (size_t i = 0; i < LINES; i++) {
        text[8 * i + 7] = '\r';
    }
    assert_null(parse(text, sizeof text - 1, &error));
    assert_non_null(strstr(error.message, "line 1 "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_editors_write_is_taken),
        cmocka_unit_test(control_bytes_are_refused_by_line),
        cmocka_unit_test(a_file_without_a_token_is_refused),
        cmocka_unit_test(a_line_of_blanks_lets_nobody_in),
        cmocka_unit_test(short_tokens_are_told_by_line),
        cmocka_unit_test(many_lines_have_room_however_they_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
