/* SPDX-License-Identifier: Apache-2.0
 *
 * Patterns of keys: what they match, what they do not, what they cost, and that they agree with the
 * C library's fnmatch where both support the syntax.
 */
#include <errno.h>
#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/limits.h"
#include "store/glob.h"

static bool matches(const char *pattern, const char *key)
{
    struct glob *glob;
    assert_int_equal(glob_new(pattern, &glob, NULL), 0);
    bool found = glob_match(glob, key);
    if (found) {
        assert_int_equal(strncmp(key, glob_head(glob), strlen(glob_head(glob))), 0);
    }
    glob_free(glob);
    return found;
}

static const struct {
    const char *pattern;
    const char *key;
    bool match;
} cases[] = {
    /* Without a slash: the last component. */
    {"*.jpg", "a.jpg", true},
    {"*.jpg", "2024/07/a.jpg", true},
    {"*.jpg", ".jpg", true},
    {"*.jpg", "a.jpg.txt", false},
    {"*.jpg", "a.jpg/b", false},
    {"a.jpg", "x/a.jpg", true},
    {"a.jpg", "x/aa.jpg", false},
    {"a", "a/b", false},
    {"a?c", "x/abc", true},
    {"a?c", "x/ac", false},
    {"a?c", "a/c", false},
    {"*", "a/b/c", true},
    {"**", "a/b/c", true},
    {"a**c", "x/abbc", true},
    /* With one: the whole key. */
    {"2024/*.jpg", "2024/a.jpg", true},
    {"2024/*.jpg", "2024/07/a.jpg", false},
    {"2024/*.jpg", "x/2024/a.jpg", false},
    {"2024/**.jpg", "2024/07/08/a.jpg", true},
    {"*/a.jpg", "x/a.jpg", true},
    {"*/a.jpg", "a.jpg", false},
    {"*/a.jpg", "x/y/a.jpg", false},
    {"a/?/b", "a/x/b", true},
    {"a/?/b", "a///b", false},
    {"a/*/b", "a//b", true},
    {"/a", "a", false},
    {"a/", "a", false},
    /* Stars for whole components. */
    {"**/a.jpg", "a.jpg", true},
    {"**/a.jpg", "x/y/a.jpg", true},
    {"**/a.jpg", "x/ya.jpg", false},
    {"a/**/b", "a/b", true},
    {"a/**/b", "a/x/b", true},
    {"a/**/b", "a/x/y/b", true},
    {"a/**/b", "a/xb", false},
    {"a/**/b", "ab", false},
    {"a/**/**/b", "a/b", true},
    {"a/**", "a/b/c", true},
    {"a/**", "ab", false},
    {"x**/b", "xa/c/b", true},
    {"x**/b", "xb", false},
    {"**/*/c", "b/c", true},
    {"**/*/c", "c", false},
    {"***/b", "b", false},
    {"**/b*c/**/d", "b/bxc/d", true},
    {"**/b*c/**/d", "bxc/e/f/d", true},
    {"**/b*c/**/d", "bx/c/d", false},
    /* Classes. */
    {"[a-c]x", "bx", true},
    {"[a-c]x", "dx", false},
    {"[!a-c]x", "dx", true},
    {"[^a-c]x", "ax", false},
    {"[]a]x", "]x", true},
    {"[!]a]x", "]x", false},
    {"[a-]x", "-x", true},
    {"[c-a]x", "bx", false},
    {"p/[!x]q", "p//q", false},
    {"p/[/]q", "p//q", false},
    {"[\\]]x", "]x", true},
    {"[a", "[a", true},
    {"[", "[", true},
    {"[!", "[!", true},
    {"a[", "a", false},
    /* Backslashes. */
    {"\\*", "*", true},
    {"\\*", "a", false},
    {"\\**", "*abc", true},
    {"\\\\a", "\\a", true},
    {"a\\", "a\\", true},
    {"\\[a]", "[a]", true},
    /* Characters, not bytes. */
    {"caf?.jpg", "caf\xc3\xa9.jpg", true},
    {"caf??.jpg", "caf\xc3\xa9.jpg", false},
    {"caf\xc3\xa9.*", "caf\xc3\xa9.jpg", true},
    {"[\xc3\xa0-\xc3\xbf]x", "\xc3\xa9x", true},
    {"[\xc3\xa0-\xc3\xbf]x", "ex", false},
    {"?", "\xf0\x9f\x98\x80", true},
    {"*\xa9", "\xc3\xa9", false},
    /* Names that are not UTF-8. */
    {"caf?.jpg", "caf\xe9.jpg", true},
    {"caf\xe9.jpg", "caf\xe9.jpg", true},
    {"caf[!a-z].jpg", "caf\xe9.jpg", true},
    {"*.jpg", "\xff\xfe\xe2\x82.jpg", true},
    {"??", "\xe2\x82", true},
    /* Case matters, hidden files match. */
    {"*.JPG", "a.jpg", false},
    {"*", ".hidden", true},
    {"?hidden", ".hidden", true},
    {"*a*b*c*", "xxaxxbxxcxx", true},
    {"*a*b*c*", "xxaxxcxxbxx", false},
    {"a*", "", false},
    {"*", "", true},
};

static void keys_match_as_documented(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (matches(cases[i].pattern, cases[i].key) != cases[i].match) {
            fail_msg("'%s' and '%s'", cases[i].pattern, cases[i].key);
        }
    }
}

static void a_glob_tells_what_its_matches_begin_with(void **state)
{
    (void)state;
    static const char *const heads[][2] = {
        {"2024/07/*.jpg", "2024/07/"},
        {"2024/0?/a", "2024/0"},
        {"a/b", "a/b"},
        {"*.jpg", ""},
        {"abc*", ""}, /* of the last component only */
        {"**/a", ""},
        {"a/**/b", "a/"},
        {"a\\*/b*", "a*/b"},
        {"a/[bc]", "a/"},
        {"a/[b", "a/[b"},
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct glob *glob;
        assert_int_equal(glob_new(heads[i][0], &glob, NULL), 0);
        assert_string_equal(glob_head(glob), heads[i][1]);
        glob_free(glob);
    }
    glob_free(NULL);
}

static void patterns_that_cannot_be_are_refused(void **state)
{
    (void)state;
    char pattern[LIMIT_KEY_BYTES + 2];
    struct glob *glob;
    struct error error;
    memset(pattern, '*', sizeof pattern);
    pattern[LIMIT_KEY_BYTES + 1] = '\0';
    assert_int_equal(glob_new(pattern, &glob, &error), error_code_errno(ERROR_MALFORMED));
    assert_int_equal(error.code, ERROR_MALFORMED);
    assert_int_equal(glob_new("", &glob, NULL), error_code_errno(ERROR_MALFORMED));
    pattern[LIMIT_KEY_BYTES] = '\0';
    assert_true(matches(pattern, "a"));
}

static double cpu_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A pattern and a key of the full length each, made of these pieces. */
static void takes_long(const char *piece, const char *letters, const char *end)
{
    char pattern[LIMIT_KEY_BYTES + 1] = "";
    char key[LIMIT_KEY_BYTES + 1];
    size_t size = strlen(piece);
    size_t at = 0;
    for (; at + size + strlen(end) <= LIMIT_KEY_BYTES; at += size) {
        memcpy(pattern + at, piece, size);
    }
    memcpy(pattern + at, end, strlen(end) + 1);
    for (size_t i = 0; i < LIMIT_KEY_BYTES; i++) {
        key[i] = letters[i % strlen(letters)];
    }
    key[LIMIT_KEY_BYTES] = '\0';
    double begun = cpu_s();
    (void)matches(pattern, key);
    double took = cpu_s() - begun;
    if (took > 1) {
        fail_msg("'%s...': %.3f s", piece, took);
    }
}

static void no_pattern_takes_long(void **state)
{
    (void)state;
    takes_long("*a", "a", "b*");
    takes_long("**a", "a", "b*");
    takes_long("**/", "a/", "b?");
    takes_long("**/*a*", "aaa/", "b?");
    takes_long("*?[!b]", "a", "[b]");
    takes_long("**a*/", "aa/", "[b]");
    takes_long("[", "[", "*");
    takes_long("[a-z]*", "ab", "[0]");
}

/* Patterns of random pieces, keys of random letters. */
static void patterns_agree_with_the_c_library(void **state)
{
    (void)state;
    static const char *const pieces[] = {"a",    "b",    "/",  "*",   "?",
                                         "[ab]", "[!a]", "a*", "\\a", "[^b]"};
    static const char letters[] = "aab/c";
    unsigned matched = 0;
    srand(20240607);
    for (int i = 0; i < 200000; i++) {
        char pattern[64] = "";
        char key[12];
        int count = 1 + rand() % 6;
        for (int piece = 0; piece < count; piece++) {
            size_t size = strlen(pattern);
            const char *next = pieces[(size_t)rand() % (sizeof pieces / sizeof pieces[0])];
            bool stars = size > 0 && pattern[size - 1] == '*' && next[0] == '*';
            (void)snprintf(pattern + size, sizeof pattern - size, "%s", stars ? "b" : next);
        }
        size_t length = (size_t)rand() % (sizeof key - 1);
        for (size_t at = 0; at < length; at++) {
            key[at] = letters[(size_t)rand() % (sizeof letters - 1)];
        }
        key[length] = '\0';
        const char *slash = strchr(pattern, '/') ? NULL : strrchr(key, '/');
        bool wanted = fnmatch(pattern, slash ? slash + 1 : key, FNM_PATHNAME) == 0;
        matched += wanted;
        if (matches(pattern, key) != wanted) {
            fail_msg("'%s' and '%s': the C library says %d", pattern, key, wanted);
        }
    }
    assert_true(matched > 2000);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_match_as_documented),
        cmocka_unit_test(a_glob_tells_what_its_matches_begin_with),
        cmocka_unit_test(patterns_that_cannot_be_are_refused),
        cmocka_unit_test(no_pattern_takes_long),
        cmocka_unit_test(patterns_agree_with_the_c_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
