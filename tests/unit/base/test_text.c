/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts: what counts as UTF-8 and as a name, messages that are too long, and copies; and pools.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/name.h"
#include "base/pool.h"
#include "base/text.h"
#include "base/utf8.h"

static void well_formed_sequences_are_utf8(void **state)
{
    (void)state;
    static const char *const good[] = {
        "",
        "a",
        "plain ascii that is longer than eight bytes",
        "\x7f",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
        "seven b\xc3\xa4 and more",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(utf8_valid(good[i], strlen(good[i])));
    }
    assert_true(utf8_valid("a\0b", 3));
}

static void ill_formed_sequences_are_not(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc2",
        "\xc2\x41",
        "\xe0\x9f\xbf",
        "\xe0\xa0",
        "\xed\xa0\x80",
        "\xef\xbf",
        "\xef\xbf\x41",
        "\xf0\x8f\xbf\xbf",
        "\xf0\x90\x80",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "\xfe",
        "eight b.\x80",
        "12345678\xc3",
        "a\xf0\x90\x80\x41",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(utf8_valid(bad[i], strlen(bad[i])));
    }
}

static void cleaning_leaves_what_is_well_formed(void **state)
{
    (void)state;
    char text[] = "a\xff\xc3\xa9\xe0\xa0.\xf0\x9f\x98\x80\xc3";
    utf8_clean(text);
    assert_string_equal(text, "a?\xc3\xa9??.\xf0\x9f\x98\x80?");
    utf8_clean(text);
    assert_string_equal(text, "a?\xc3\xa9??.\xf0\x9f\x98\x80?");
    char empty[] = "";
    utf8_clean(empty);
    assert_string_equal(empty, "");
}

static void a_message_is_cut_between_characters(void **state)
{
    (void)state;
    static const char *const characters[] = {"a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t c = 0; c < 4; c++) {
        for (size_t lead = 0; lead < 5; lead++) {
            struct error error;
            char text[ERROR_MESSAGE_SIZE * 2];
            size_t size = 0;
            memset(text, 'x', lead);
            for (size = lead; size + 8 < sizeof text; size += strlen(characters[c])) {
                memcpy(text + size, characters[c], strlen(characters[c]));
            }
            text[size] = '\0';
            assert_int_equal(error_set(&error, ERROR_NOT_FOUND, "%s", text), -ENOENT);
            size_t kept = strlen(error.message);
            assert_true(kept < ERROR_MESSAGE_SIZE);
            assert_true(kept + strlen(characters[c]) >= ERROR_MESSAGE_SIZE);
            assert_true(utf8_valid(error.message, kept));
        }
    }
}

static void a_message_that_fits_is_left_alone(void **state)
{
    (void)state;
    struct error error;
    (void)error_set(&error, ERROR_BUSY, "%d \xc3\xa4", 7);
    assert_string_equal(error.message, "7 \xc3\xa4");
    assert_int_equal(error.code, ERROR_BUSY);
    assert_int_equal(error_set(NULL, ERROR_BUSY, "x"), -EBUSY);
    assert_int_equal(error_io(&error, EDQUOT, "'%s' cannot be %s", "a/b", "written"), -ENOSPC);
    assert_int_equal(error.code, ERROR_NO_SPACE);
    assert_string_equal(error.message, "'a/b' cannot be written: Disk quota exceeded");
    assert_int_equal(error_io(&error, -EACCES, "%s", "x"), -EIO);
    assert_string_equal(error.message, "x: Permission denied");
    assert_int_equal(error_io(&error, EIO, "%0500d", 1), -EIO);
    assert_int_equal(strlen(error.message), ERROR_MESSAGE_SIZE - 1);
    assert_int_equal(error_io(NULL, EIO, "x"), -EIO);
}

static void a_pool_gives_zeroed_aligned_blocks(void **state)
{
    (void)state;
    struct pool pool = POOL_INIT;
    for (size_t size = 0; size < 2000; size = size * 2 + 1) {
        unsigned char *block = pool_take(&pool, size);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(block[i], 0);
        }
        memset(block, 0xff, size);
    }
    assert_null(pool_take(&pool, SIZE_MAX));
    pool_done(&pool);
    pool_done(&pool);
}

static void a_copy_of_no_text_is_none(void **state)
{
    (void)state;
    cleanup_free char *none = NULL;
    assert_int_equal(text_copy(NULL, &none), 0);
    assert_null(none);
    cleanup_free char *copy = NULL;
    assert_int_equal(text_copy("photos/", &copy), 0);
    assert_string_equal(copy, "photos/");
}

static void names_are_checked(void **state)
{
    (void)state;
    struct error error = {0};
    static const char *const good[] = {"resnet50", "a", "A.b-c_9", "x..y"};
    static const char *const bad[] = {"", ".", "..", ".hidden", "a/b", "a b", "\xc3\xa4", "a\n"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(name_check(good[i], "a model name", &error), 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(name_check(bad[i], "a model name", &error), -EINVAL);
    }
    assert_string_equal(error.message, "a model name has 1 to 64 of A-Z a-z 0-9 . _ - and does not "
                                       "begin with a dot");
    assert_int_equal(name_check(NULL, "a model name", NULL), -EINVAL);
    char name[LIMIT_MODEL_NAME + 2];
    memset(name, 'x', sizeof name);
    name[LIMIT_MODEL_NAME + 1] = '\0';
    assert_int_equal(name_check(name, "a model name", &error), -EINVAL);
    name[LIMIT_MODEL_NAME] = '\0';
    assert_int_equal(name_check(name, "a model name", &error), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_of_no_text_is_none),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(well_formed_sequences_are_utf8),
        cmocka_unit_test(ill_formed_sequences_are_not),
        cmocka_unit_test(cleaning_leaves_what_is_well_formed),
        cmocka_unit_test(a_message_is_cut_between_characters),
        cmocka_unit_test(a_message_that_fits_is_left_alone),
        cmocka_unit_test(a_pool_gives_zeroed_aligned_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
