/* SPDX-License-Identifier: Apache-2.0
 *
 * Which suffixes no decoder supports.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/suffix.h"

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
        assert_true(suffix_foreign(foreign[i]) >= 0);
    }
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        assert_true(suffix_foreign(kept[i]) < 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_suffixes_are_known_in_any_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
