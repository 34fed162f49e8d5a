/* SPDX-License-Identifier: Apache-2.0
 *
 * Trees are removed whole, and nothing outside of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/tree.h"

static void everything_in_it_goes_and_links_are_not_followed(void **state)
{
    (void)state;
    char root[] = "/tmp/situ-tree-XXXXXX";
    assert_non_null(mkdtemp(root));
    assert_int_equal(chdir(root), 0);
    assert_int_equal(mkdir("outside", 0700), 0);
    assert_int_equal(mkdir("outside/kept", 0700), 0);
    assert_int_equal(mkdir("tree", 0700), 0);
    assert_int_equal(mkdir("tree/a", 0700), 0);
    assert_int_equal(mkdir("tree/a/b", 0700), 0);
    assert_int_equal(symlink("../../outside", "tree/a/link"), 0);
    tree_remove("tree");
    assert_int_equal(access("tree", F_OK), -1);
    assert_int_equal(access("outside/kept", F_OK), 0);
    assert_int_equal(chdir("/"), 0);
    tree_remove(root);
    assert_int_equal(access(root, F_OK), -1);
}

static void what_is_not_there_is_no_fault(void **state)
{
    (void)state;
    tree_remove("/tmp/situ-tree-of-nobody");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_in_it_goes_and_links_are_not_followed),
        cmocka_unit_test(what_is_not_there_is_no_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
