/* SPDX-License-Identifier: Apache-2.0
 *
 * What callers see of an index over s/a/, by the stores of their rights.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"

static const char file[] =
    "[user exact]\nrights = search indexes results\nstores = s/a/\n"
    "[user whole]\nrights = search indexes results\nstores = s\n"
    "[user all]\nrights = admin\nstores = *\n"
    "[user part]\nrights = search indexes results\nstores = s/a/1/ s/a/2/ t\n"
    "[user lists]\nrights = list infer\nstores = s\n"
    "[user results]\nrights = results\nstores = s/a/\n"
    "[user other]\nrights = operator\nstores = s/b/ t\n";

static struct access access_of(const char *user)
{
    struct rights *rights = NULL;
    struct access access;
    struct error error;
    assert_int_equal(rights_parse(file, sizeof file - 1, &rights, &error), 0);
    access_init(&access, rights, user);
    assert_true(access_add(&access, rights_find(rights, GRANT_USER, user)));
    rights_unref(rights);
    return access;
}

/* Whether the index is listed, and what showing, searching, exporting and rebuilding it give. */
static void check(struct fixture *fixture, const char *user, const char *expected)
{
    struct access access = access_of(user);
    struct retrieval_info *infos = NULL;
    struct retrieval_info info;
    struct retrieval_use *use = NULL;
    struct retrieval_change change = {.model = NULL};
    struct error errors[4] = {{.code = ERROR_NONE}};
    size_t count = 0;
    char text[128];
    const char *sight = "none";
    assert_int_equal(retrieval_list(fixture->retrieval, &access, &infos, &count), 0);
    for (size_t i = 0; i < count; i++) {
        retrieval_info_done(&infos[i]);
    }
    free(infos);
    if (retrieval_get(fixture->retrieval, &access, "x", &info, &errors[0]) == 0) {
        sight = info.whole ? "whole" : "part";
        retrieval_info_done(&info);
    }
    (void)!retrieval_use(fixture->retrieval, &access, RIGHT_SEARCH, "x", &use, &errors[1]);
    retrieval_use_free(take_ptr(use));
    (void)!retrieval_use(fixture->retrieval, &access, RIGHT_RESULTS, "x", &use, &errors[2]);
    retrieval_use_free(use);
    (void)!retrieval_rebuild(fixture->retrieval, &access, "x", &change, &errors[3]);
    (void)snprintf(text, sizeof text, "%zu %s search %d export %d rebuild %d", count, sight,
                   errors[1].code == ERROR_NONE, errors[2].code == ERROR_NONE,
                   errors[3].code == ERROR_NONE);
    assert_string_equal(text, expected);
    access_done(&access);
}

static void check_hidden(struct fixture *fixture, const char *user)
{
    struct access access = access_of(user);
    struct retrieval_info info;
    struct retrieval_use *use = NULL;
    struct error error;
    assert_int_equal(retrieval_get(fixture->retrieval, &access, "x", &info, &error), -ENOENT);
    assert_string_equal(error.message, "no index 'x'");
    assert_int_equal(retrieval_use(fixture->retrieval, &access, RIGHT_SEARCH, "x", &use, &error),
                     -ENOENT);
    assert_string_equal(error.message, "no index 'x'");
    assert_int_equal(retrieval_remove(fixture->retrieval, &access, "x", &error), -ENOENT);
    assert_string_equal(error.message, "no index 'x'");
    assert_int_equal(retrieval_get(fixture->retrieval, &access, "xx", &info, &error), -ENOENT);
    assert_string_equal(error.message, "no index 'xx'"); /* x is not what was meant */
    access_done(&access);
}

static void callers_see_what_their_rights_include(void **state)
{
    struct fixture *fixture = *state;
    fixture_fill(fixture, "a/", 3);
    fixture_create(fixture, "x");
    fixture_await_ready(fixture, "x");
    check_hidden(fixture, "other");
    check_hidden(fixture, "lists");
    check(fixture, "part", "1 part search 1 export 0 rebuild 0");
    check(fixture, "results", "0 none search 0 export 1 rebuild 0");
    for (size_t i = 0; i < 3; i++) {
        static const char *const users[] = {"exact", "whole", "all"};
        struct access access = access_of(users[i]);
        struct retrieval_info info;
        assert_int_equal(retrieval_get(fixture->retrieval, &access, "x", &info, NULL), 0);
        assert_true(info.whole);
        retrieval_info_done(&info);
        access_done(&access);
    }
    struct access access = access_of("part");
    struct error error;
    assert_int_equal(retrieval_remove(fixture->retrieval, &access, "x", &error), -EPERM);
    access_done(&access);
    access = access_of("exact");
    assert_int_equal(retrieval_remove(fixture->retrieval, &access, "x", &error), 0);
    access_done(&access);
}

static void check_reach(const struct retrieval_use *use, const char *user, const char *prefix,
                        const char *expected)
{
    struct access access = access_of(user);
    struct retrieval_reach reach;
    char text[128] = "";
    assert_int_equal(retrieval_use_reach(use, &access, prefix, &reach), 0);
    for (size_t i = 0; i < reach.prefixes.count; i++) {
        (void)strcat(strcat(text, reach.prefixes.list[i]), " ");
    }
    assert_string_equal(reach.none ? "none" : reach.prefixes.count == 0 ? "all" : text, expected);
    retrieval_reach_done(&reach);
    access_done(&access);
}

static void searches_reach_the_same(void **state)
{
    struct fixture *fixture = *state;
    struct retrieval_use *use = NULL;
    fixture_fill(fixture, "a/", 3);
    fixture_create(fixture, "x");
    fixture_await_ready(fixture, "x");
    assert_int_equal(retrieval_use(fixture->retrieval, &ACCESS_ALL, RIGHT_SEARCH, "x", &use, NULL),
                     0);
    check_reach(use, "all", "", "all");
    check_reach(use, "whole", "", "all");
    check_reach(use, "exact", "", "all");
    check_reach(use, "exact", "s/", "all");
    check_reach(use, "exact", "s/a/3", "a/3 ");
    check_reach(use, "exact", "t/", "none");
    check_reach(use, "part", "", "a/1/ a/2/ ");
    check_reach(use, "part", "s/a/2", "a/2/ ");
    check_reach(use, "part", "s/a/2/7", "a/2/7 ");
    check_reach(use, "part", "s/a/3", "none");
    check_reach(use, "other", "", "b/ "); /* of which the index has nothing */
    check_reach(use, "lists", "", "none");
    retrieval_use_free(use);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(callers_see_what_their_rights_include),
        TEST(searches_reach_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
