/* SPDX-License-Identifier: Apache-2.0
 *
 * CPU quotas of nested control groups, in a made-up tree.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "infer/cgroup.h"

struct tree {
    char root[64];
    char self[80];
};

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void set_quota(const struct tree *tree, const char *group, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s%s/cpu.max", tree->root, group);
    write_file(path, text);
}

static int make_tree(void **state)
{
    struct tree *tree = calloc(1, sizeof *tree);
    assert_non_null(tree);
    (void)snprintf(tree->root, sizeof tree->root, "/tmp/situ-cgroup-XXXXXX");
    assert_non_null(mkdtemp(tree->root));
    char path[256];
    (void)snprintf(path, sizeof path, "%s/a", tree->root);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/a/b", tree->root);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(tree->self, sizeof tree->self, "%s/self", tree->root);
    write_file(tree->self, "1:name=systemd:/x\n0::/a/b\n");
    *state = tree;
    return 0;
}

static int remove_tree(void **state)
{
    struct tree *tree = *state;
    char command[128];
    (void)snprintf(command, sizeof command, "rm -r %s", tree->root);
    int r = system(command); // NOLINT(cert-env33-c): a name of our own
    free(tree);
    return r;
}

static void without_quota_the_limit_stands(void **state)
{
    const struct tree *tree = *state;
    assert_int_equal(cgroup_cpus(tree->root, tree->self, 8), 8);
    assert_int_equal(cgroup_cpus("/nowhere", "/nowhere", 8), 8);
    set_quota(tree, "/a/b", "max 100000\n");
    assert_int_equal(cgroup_cpus(tree->root, tree->self, 8), 8);
}

static void the_own_quota_is_rounded_up(void **state)
{
    const struct tree *tree = *state;
    set_quota(tree, "/a/b", "250000 100000\n");
    assert_int_equal(cgroup_cpus(tree->root, tree->self, 8), 3);
    set_quota(tree, "/a/b", "1000 100000\n");
    assert_int_equal(cgroup_cpus(tree->root, tree->self, 8), 1);
    set_quota(tree, "/a/b", "9223372036854775807 1\n");
    assert_int_equal(cgroup_cpus(tree->root, tree->self, 8), 8);
}

static void the_smallest_of_all_around_holds(void **state)
{
    const struct tree *tree = *state;
    set_quota(tree, "/a/b", "400000 100000\n");
    set_quota(tree, "/a", "200000 100000\n");
    assert_int_equal(cgroup_cpus(tree->root, tree->self, 8), 2);
    set_quota(tree, "", "100000 100000\n");
    assert_int_equal(cgroup_cpus(tree->root, tree->self, 8), 1);
}

static void nonsense_is_no_quota(void **state)
{
    const struct tree *tree = *state;
    static const char *const texts[] = {"", "x", "100000", "100000 0", "-1 100000", "100000 -5"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        set_quota(tree, "/a/b", texts[i]);
        assert_int_equal(cgroup_cpus(tree->root, tree->self, 8), 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_quota_the_limit_stands, make_tree, remove_tree),
        cmocka_unit_test_setup_teardown(the_own_quota_is_rounded_up, make_tree, remove_tree),
        cmocka_unit_test_setup_teardown(the_smallest_of_all_around_holds, make_tree, remove_tree),
        cmocka_unit_test_setup_teardown(nonsense_is_no_quota, make_tree, remove_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
