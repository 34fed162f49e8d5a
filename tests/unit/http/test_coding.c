/* SPDX-License-Identifier: Apache-2.0
 *
 * Which content coding a client's Accept-Encoding fields select, and which content gets one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/coding.h"

static enum http_coding choose(const char *first, const char *second)
{
    struct coding_wishes wishes = CODING_WISHES_INIT;
    if (first) {
        coding_accept(&wishes, first);
    }
    if (second) {
        coding_accept(&wishes, second);
    }
    return coding_choose(&wishes);
}

static void expect(const char *field, enum http_coding coding)
{
    enum http_coding chosen = choose(field, NULL);
    if (chosen != coding) {
        fail_msg("'%s' chose %d, not %d", field ? field : "(none)", chosen, coding);
    }
}

static void test_lists(void **state)
{
    (void)state;
    expect(NULL, HTTP_CODING_IDENTITY);
    expect("", HTTP_CODING_IDENTITY);
    expect("gzip", HTTP_CODING_GZIP);
    expect("zstd", HTTP_CODING_ZSTD);
    expect("gzip, deflate", HTTP_CODING_GZIP);
    expect("gzip, deflate, br, zstd", HTTP_CODING_ZSTD);
    expect("zstd,gzip", HTTP_CODING_ZSTD);
    expect(" ,, \tGZip ,", HTTP_CODING_GZIP);
    expect("x-gzip", HTTP_CODING_GZIP);
    expect("br, deflate, compress", HTTP_CODING_IDENTITY);
    expect("gzipped, xzstd, zst", HTTP_CODING_IDENTITY);
    assert_int_equal(choose("gzip", "zstd"), HTTP_CODING_ZSTD);
    assert_int_equal(choose("br", "gzip;q=0.1"), HTTP_CODING_GZIP);
}

static void test_weights(void **state)
{
    (void)state;
    expect("zstd;q=0.5, gzip;q=0.6", HTTP_CODING_GZIP);
    expect("zstd;q=0.5, gzip;q=0.500", HTTP_CODING_ZSTD);
    expect("zstd;q=0.501,gzip;q=0.51", HTTP_CODING_GZIP);
    expect("gzip ; Q=1.000\t, zstd; q=1", HTTP_CODING_ZSTD);
    expect("zstd;q=0, gzip", HTTP_CODING_GZIP);
    expect("zstd;q=0.000, gzip;q=0.", HTTP_CODING_IDENTITY);
    expect("gzip;level=9;q=0", HTTP_CODING_IDENTITY);
    expect("gzip;level=9", HTTP_CODING_GZIP);
    expect("gzip;q=0.001", HTTP_CODING_GZIP);
    expect("gzip;q=0, gzip", HTTP_CODING_IDENTITY);
    assert_int_equal(choose("gzip;q=0", "gzip"), HTTP_CODING_IDENTITY);
}

static void test_malformed_weights_are_not_wanted(void **state)
{
    static const char *const broken[] = {
        "gzip;q=",    "gzip;q=2",   "gzip;q=1.001", "gzip;q=0.1234", "gzip;q=-1", "gzip;q=.5",
        "gzip;q=0,5", "gzip;q=abc", "gzip;q",       "gzip;q =1",     "gzip;",     "gzip;;",
        "gzip q=1",   "gzip;q= 1",  "gzip; ,",      "gzip;q=1x",     "gzip;q=00",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        expect(broken[i], HTTP_CODING_IDENTITY);
    }
    expect("gzip;q=abc, *", HTTP_CODING_ZSTD);
    expect("zstd;q=abc, *", HTTP_CODING_GZIP);
}

static void test_star_stands_for_what_is_not_named(void **state)
{
    (void)state;
    expect("*", HTTP_CODING_ZSTD);
    expect("*;q=0", HTTP_CODING_IDENTITY);
    expect("*;q=0, gzip", HTTP_CODING_GZIP);
    expect("zstd;q=0, *", HTTP_CODING_GZIP);
    expect("gzip, *;q=0.5", HTTP_CODING_GZIP);
    expect("gzip;q=0.5, *;q=0.5", HTTP_CODING_ZSTD);
    expect("**", HTTP_CODING_IDENTITY);
}

static void test_identity_where_it_is_preferred(void **state)
{
    (void)state;
    expect("identity", HTTP_CODING_IDENTITY);
    expect("identity, gzip;q=0.5", HTTP_CODING_IDENTITY);
    expect("identity;q=0.5, gzip", HTTP_CODING_GZIP);
    expect("identity, gzip", HTTP_CODING_GZIP);
    expect("identity;q=0, gzip;q=0.1", HTTP_CODING_GZIP);
    expect("identity;q=0", HTTP_CODING_IDENTITY);
    expect("identity, *;q=0.2", HTTP_CODING_IDENTITY);
}

static void test_content_that_is_worth_it(void **state)
{
    static const char *const worth[] = {"application/json", "application/x-ndjson", "text/plain",
                                        "Text/Plain; version=0.0.4", "application/JSON;charset=x"};
    static const char *const not_worth[] = {"application/octet-stream", "image/jpeg",  "text/", "",
                                            "application/jsonx",        "x-text/plain"};
    (void)state;
    for (size_t i = 0; i < sizeof(worth) / sizeof(worth[0]); i++) {
        assert_true(coding_is_worth(worth[i]));
    }
    for (size_t i = 0; i < sizeof(not_worth) / sizeof(not_worth[0]); i++) {
        assert_false(coding_is_worth(not_worth[i]));
    }
    assert_false(coding_is_worth(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_malformed_weights_are_not_wanted),
        cmocka_unit_test(test_star_stands_for_what_is_not_named),
        cmocka_unit_test(test_identity_where_it_is_preferred),
        cmocka_unit_test(test_content_that_is_worth_it),
    };
    return cmocka_run_group_tests_name("http content codings", tests, NULL, NULL);
}
