/* SPDX-License-Identifier: Apache-2.0
 *
 * Which keys are accepted, and where they are in names of objects.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "data/key.h"

static void ordinary_keys_are_accepted(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "a",          "a.jpg",    "2024/07/cat.jpg", ".hidden", "..a",          "a..",
        "...",        "a/.b",     "with space",      "a\nb",    "\xc3\xa4.jpg", "a/..b",
        "-/--/.../x", "\xff.jpg", "a/\xc0\xaf",
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        assert_int_equal(key_check(keys[i], NULL), 0);
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
        assert_int_equal(key_check(bad[i].key, &error), -EINVAL);
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
    assert_int_equal(key_check(key, NULL), 0);
    key[LIMIT_KEY_BYTES] = 'k';
    key[LIMIT_KEY_BYTES + 1] = '\0';
    assert_int_equal(key_check(key, NULL), -EINVAL);
}

static void a_key_is_found_in_an_objects_name(void **state)
{
    (void)state;
    static const struct {
        const char *object;
        size_t store_length;
        const char *key;
    } names[] = {{"photos/a.jpg", 6, "a.jpg"},
                 {"photos/2024/a.jpg", 6, "2024/a.jpg"},
                 {"photos/", 6, ""},
                 {"/a", 0, "a"},
                 {"photos//a", 6, "/a"},
                 {"photos", 6, NULL},
                 {"", 0, NULL}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t length = 99;
        const char *key = key_in_object(names[i].object, &length);
        assert_int_equal(length, names[i].store_length);
        assert_true(key ? names[i].key && strcmp(key, names[i].key) == 0 : !names[i].key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_keys_are_accepted),
        cmocka_unit_test(bad_keys_are_refused_with_the_reason),
        cmocka_unit_test(length_ends_at_the_limit),
        cmocka_unit_test(a_key_is_found_in_an_objects_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
