/* SPDX-License-Identifier: Apache-2.0
 *
 * What the CLI shows to people: figures, the closing line, escaped text, CSV fields.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/escape.h"
#include "cli/figures.h"
#include "cli/left_out.h"

static void sizes(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {{0, "0 B"},
                 {1, "1 B"},
                 {999, "999 B"},
                 {1000, "1.0 kB"},
                 {11200, "11.2 kB"},
                 {999949, "999.9 kB"},
                 {999950, "1.0 MB"},
                 {15028224, "15.0 MB"},
                 {UINT64_C(4294967296), "4.3 GB"},
                 {UINT64_MAX, "18.4 EB"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[FIGURE_SIZE];
        assert_string_equal(figure_bytes(text, cases[i].bytes), cases[i].text);
    }
}

static void times(void **state)
{
    (void)state;
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {{0, "0.0 s"},         {3.94, "3.9 s"},           {59.94, "59.9 s"},
                 {59.96, "1 min 0 s"}, {125, "2 min 5 s"},        {3599.6, "1 h 0 min"},
                 {4321, "1 h 12 min"}, {1e30, "277777 h 46 min"}, {-1, "0.0 s"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[FIGURE_SIZE];
        assert_string_equal(figure_seconds(text, cases[i].seconds), cases[i].text);
    }
}

static void closing_lines(void **state)
{
    (void)state;
    static const struct {
        struct closing closing;
        const char *text;
    } cases[] = {
        {{.objects = 128,
          .read_known = true,
          .bytes_read = 15028224,
          .bytes_wire = 11200,
          .seconds = 3.9},
         "128 objects, 15.0 MB read on the array, 11.2 kB over the network (99.93 % less), 3.9 s"},
        {{.objects = 128, .cached = 128, .read_known = true, .bytes_wire = 3900, .seconds = 0.02},
         "128 objects (128 cached), 0 B read on the array, 3.9 kB over the network, 0.0 s"},
        {{.objects = 1, .bytes_wire = 430, .seconds = 0.04},
         "1 object, 430 B over the network, 0.0 s"},
        {{.objects = 3, .failed = 1, .skipped = 2, .read_known = true, .bytes_wire = 700},
         "3 objects, 1 failed, 2 skipped, 0 B read on the array, 700 B over the network, 0.0 s"},
        {{.objects = 2,
          .read_known = true,
          .read_partly = true,
          .bytes_read = UINT64_C(1000000000000),
          .bytes_wire = 1000,
          .seconds = 100},
         "2 objects, at least 1.0 TB read on the array, 1.0 kB over the network (99.99 % less), "
         "1 min 40 s"},
        {{.objects = 2, .read_known = true, .bytes_read = 500, .bytes_wire = 1000},
         "2 objects, 500 B read on the array, 1.0 kB over the network, 0.0 s"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[CLOSING_SIZE];
        assert_string_equal(figure_closing(text, &cases[i].closing), cases[i].text);
    }
    char text[CLOSING_SIZE];
    struct closing largest = {.objects = UINT64_MAX,
                              .cached = UINT64_MAX,
                              .failed = UINT64_MAX,
                              .skipped = UINT64_MAX,
                              .read_known = true,
                              .read_partly = true,
                              .bytes_read = UINT64_MAX,
                              .bytes_wire = UINT64_MAX - 1,
                              .seconds = 1e300};
    assert_true(strlen(figure_closing(text, &largest)) < CLOSING_SIZE);
}

static void foreign_text_cannot_steer_a_terminal(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *escaped;
    } cases[] = {{"plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
                  "plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
                 {"\x1b[31m\n\t\r\x7f", "\\x1b[31m\\n\\t\\x0d\\x7f"},
                 {"\xc2\x9b"
                  "31m",
                  "\\xc2\\x9b31m"},
                 {"\xff\xc3", "\\xff\\xc3"},
                 {"\xe2\x82", "\\xe2\\x82"},
                 {"", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *escaped = escape_text(cases[i].text);
        assert_non_null(escaped);
        assert_string_equal(escaped, cases[i].escaped);
        free(escaped);
    }
}

static void widths(void **state)
{
    (void)state;
    assert_int_equal(escape_width("abc"), 3);
    assert_int_equal(escape_width("\xc3\xa9t\xc3\xa9"), 3);
    if (setlocale(LC_CTYPE, "C.UTF-8")) {
        assert_int_equal(escape_width("\xc3\xa9t\xc3\xa9"), 3);
        assert_int_equal(escape_width("\xe7\x8c\xab"), 2); /* a wide character */
    }
    assert_int_equal(escape_width(""), 0);
}

static void fields(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *csv;
        const char *json;
    } cases[] = {{"plain", "plain", "\"plain\""},
                 {"a,b", "\"a,b\"", "\"a,b\""},
                 {"a\"b", "\"a\"\"b\"", "\"a\\\"b\""},
                 {"a\nb\r", "\"a\nb\r\"", "\"a\\u000ab\\u000d\""},
                 {"", "", "\"\""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[64] = "";
        FILE *stream = fmemopen(text, sizeof text, "w");
        assert_non_null(stream);
        escape_print_csv(stream, cases[i].text);
        (void)fputc('|', stream);
        escape_print_json(stream, cases[i].text);
        assert_int_equal(fclose(stream), 0);
        char expected[64];
        (void)snprintf(expected, sizeof expected, "%s|%s", cases[i].csv, cases[i].json);
        assert_string_equal(text, expected);
    }
}

static void what_is_left_out(void **state)
{
    (void)state;
    char text[LEFT_OUT_SIZE];
    struct situ_left_out sum = {.struct_size = sizeof sum};
    assert_false(left_out_any(&sum));
    assert_string_equal(left_out_text(text, &sum), "");
    struct situ_left_out one = {
        .skipped = 4210, .suffix_count = 2, .suffixes = {{"heic", 4100}, {"mov", 110}}};
    left_out_gather(&sum, &one);
    assert_true(left_out_any(&sum));
    assert_string_equal(left_out_text(text, &sum), "4,210 skipped: 4,100 .heic, 110 .mov");
    one = (struct situ_left_out){.skipped = 1234567,
                                 .links = 1,
                                 .excluded = 12,
                                 .names = 2,
                                 .suffix_count = 2,
                                 .suffixes = {{"mov", 1230000}, {"avi", 1}}};
    left_out_gather(&sum, &one);
    assert_string_equal(left_out_text(text, &sum),
                        "1,238,777 skipped: 1,230,110 .mov, 4,100 .heic, 1 .avi, 4,566 others; "
                        "12 excluded; 1 symbolic link not followed; 2 names too long");
    sum = (struct situ_left_out){.skipped = UINT64_MAX,
                                 .links = UINT64_MAX,
                                 .excluded = UINT64_MAX,
                                 .names = UINT64_MAX,
                                 .suffix_count = SITU_SUFFIXES};
    for (unsigned i = 0; i < SITU_SUFFIXES; i++) {
        (void)snprintf(sum.suffixes[i].suffix, sizeof sum.suffixes[i].suffix, "%015u", i);
        sum.suffixes[i].files = UINT64_MAX / SITU_SUFFIXES - i;
    }
    assert_true(strlen(left_out_text(text, &sum)) < LEFT_OUT_SIZE - 1);
    left_out_gather(&sum, &one); /* no room for new suffixes */
    assert_int_equal(sum.suffix_count, SITU_SUFFIXES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),
        cmocka_unit_test(times),
        cmocka_unit_test(closing_lines),
        cmocka_unit_test(foreign_text_cannot_steer_a_terminal),
        cmocka_unit_test(widths),
        cmocka_unit_test(fields),
        cmocka_unit_test(what_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
