/* SPDX-License-Identifier: Apache-2.0
 *
 * Which keys are accepted, and which names no decoder will take.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/store.h"

static void ordinary_keys_are_accepted(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "a",          "a.jpg",    "2024/07/cat.jpg", ".hidden", "..a",          "a..",
        "...",        "a/.b",     "with space",      "a\nb",    "\xc3\xa4.jpg", "a/..b",
        "-/--/.../x", "\xff.jpg", "a/\xc0\xaf",
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        assert_int_equal(store_key_check(keys[i], NULL), 0);
    }
}

static void bad_keys_are_refused_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        const char *reason;
    } bad[] = {
        {"", "empty"},
        {"/a", "absolute"},
        {"/", "absolute"},
        {"a//b", "empty component"},
        {"a/", "empty component"},
        {".", "'.'"},
        {"./a", "'.'"},
        {"a/./b", "'.'"},
        {"a/.", "'.'"},
        {"..", "'..'"},
        {"../a", "'..'"},
        {"a/../b", "'..'"},
        {"a/..", "'..'"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error error = {.code = ERROR_NONE};
        assert_int_equal(store_key_check(bad[i].key, &error), -EINVAL);
        assert_int_equal(error.code, ERROR_MALFORMED);
        assert_non_null(strstr(error.message, bad[i].reason));
    }
}

static void length_ends_at_the_limit(void **state)
{
    (void)state;
    char key[LIMIT_KEY_BYTES + 2];
    memset(key, 'k', sizeof key);
    key[LIMIT_KEY_BYTES] = '\0';
    assert_int_equal(store_key_check(key, NULL), 0);
    key[LIMIT_KEY_BYTES] = 'k';
    key[LIMIT_KEY_BYTES + 1] = '\0';
    assert_int_equal(store_key_check(key, NULL), -EINVAL);
}

static void foreign_suffixes_are_known_in_any_case(void **state)
{
    (void)state;
    static const char *const foreign[] = {
        "a.txt", "a.CR2", "b/c.heic", "x.tar", "x.jpg.gz", "a.Zst", "a.3fr", ".a.md", "a.json",
        "v.mp4", "a.c",   "a.nef",    "a.svg", "a.GIF",    "a.tif", "a.npy", "a.xml", "a.sqlite",
    };
    static const char *const kept[] = {
        "a.jpg",  "a.JPEG",      "a.png", "a.webp", "noext",   "a.",
        ".txt",   "a",           "a.jpe", "txt",    "a.txt/b", "a.zzzz",
        "a.jfif", "b.txt/c.jpg", "a.1",   "a.jp",   "a.json5", "a.verylongsuffix",
    };
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        assert_true(store_key_is_no_image(foreign[i]));
    }
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        assert_false(store_key_is_no_image(kept[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_keys_are_accepted),
        cmocka_unit_test(bad_keys_are_refused_with_the_reason),
        cmocka_unit_test(length_ends_at_the_limit),
        cmocka_unit_test(foreign_suffixes_are_known_in_any_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
