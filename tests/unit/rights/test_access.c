/* SPDX-License-Identifier: Apache-2.0
 *
 * What the sections of a caller add up to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "rights/access.h"
#include "rights/reach.h"

static const char file[] = "[user infers]\nrights = infer\nstores = a b/x/ b/y/\n"
                           "[user lists]\nrights = list\nstores = b c/\n"
                           "[user all]\nrights = admin volumes:v\nstores = *\n"
                           "[user metrics]\nrights = metrics\nstores = *\n"
                           "[user none]\nrights = infer\n";

static struct access join(struct rights *rights, const char *first, const char *second)
{
    struct access access;
    access_init(&access, rights, "user:x");
    assert_true(access_add(&access, rights_find(rights, GRANT_USER, first)));
    if (second) {
        assert_true(access_add(&access, rights_find(rights, GRANT_USER, second)));
    }
    return access;
}

static int setup(void **state)
{
    struct rights *rights = NULL;
    struct error error;
    assert_int_equal(rights_parse(file, sizeof file - 1, &rights, &error), 0);
    *state = rights;
    return 0;
}

static int teardown(void **state)
{
    rights_unref(*state);
    return 0;
}

static void sections_are_joined_and_never_crossed(void **state)
{
    struct access access = join(*state, "infers", "lists");
    static const struct {
        enum right right;
        const char *object;
        enum access_verdict verdict;
    } rows[] = {
        {RIGHT_INFER, "a/1.jpg", ACCESS_GRANTED},
        {RIGHT_LIST, "a/1.jpg", ACCESS_FORBIDDEN},
        {RIGHT_INFER, "b/x/1.jpg", ACCESS_GRANTED},
        {RIGHT_LIST, "b/x/1.jpg", ACCESS_GRANTED},
        {RIGHT_INFER, "b/z/1.jpg", ACCESS_FORBIDDEN},
        {RIGHT_INFER, "b/x", ACCESS_FORBIDDEN}, /* no object of b/x/ */
        {RIGHT_INFER, "b/x1.jpg", ACCESS_FORBIDDEN},
        {RIGHT_INFER, "c/1.jpg", ACCESS_FORBIDDEN},
        {RIGHT_LIST, "c/1.jpg", ACCESS_GRANTED},
        {RIGHT_LIST, "cc/1.jpg", ACCESS_HIDDEN},
        {RIGHT_INFER, "d/1.jpg", ACCESS_HIDDEN},
        {RIGHT_JOBS, "a/1.jpg", ACCESS_FORBIDDEN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(access_object(&access, rows[i].right, rows[i].object), rows[i].verdict);
    }
    assert_true(access_has(&access, RIGHT_INFER | RIGHT_JOBS));
    assert_false(access_has(&access, RIGHT_JOBS));
    assert_false(access_knows_all(&access));
    assert_false(access_volume(&access, "v"));
    access_done(&access);
}

static void prefixes_are_granted_whole_only(void **state)
{
    struct access access = join(*state, "infers", NULL);
    assert_int_equal(access_prefix(&access, RIGHT_INFER, "a", ""), ACCESS_GRANTED);
    assert_int_equal(access_prefix(&access, RIGHT_INFER, "a", "any"), ACCESS_GRANTED);
    assert_int_equal(access_prefix(&access, RIGHT_INFER, "b", ""), ACCESS_FORBIDDEN);
    assert_int_equal(access_prefix(&access, RIGHT_INFER, "b", "x"), ACCESS_FORBIDDEN);
    assert_int_equal(access_prefix(&access, RIGHT_INFER, "b", "x/"), ACCESS_GRANTED);
    assert_int_equal(access_prefix(&access, RIGHT_INFER, "b", "x/1"), ACCESS_GRANTED);
    assert_int_equal(access_prefix(&access, RIGHT_INFER, "b", "z"), ACCESS_HIDDEN);
    assert_int_equal(access_prefix(&access, RIGHT_INFER, "c", ""), ACCESS_HIDDEN);
    assert_true(access_knows_store(&access, "b"));
    assert_false(access_knows_store(&access, "bb"));
    assert_true(access_knows_whole_store(&access, "a"));
    assert_false(access_knows_whole_store(&access, "b"));
    access_done(&access);
}

static void check_reach(const struct access *access, uint32_t rights, const char *within,
                        const char *expected)
{
    struct reach reach;
    char text[256] = "";
    assert_int_equal(reach_make(access, rights, within, &reach), 0);
    for (size_t i = 0; i < reach.count; i++) {
        (void)strcat(strcat(text, i > 0 ? " " : ""), reach.prefixes[i]);
    }
    assert_string_equal(text, expected);
    reach_done(&reach);
}

static void names_are_reached_beneath_prefixes(void **state)
{
    struct access access = join(*state, "infers", "lists");
    check_reach(&access, RIGHT_INFER, "", "a/ b/x/ b/y/");
    check_reach(&access, RIGHT_LIST, "", "b/ c/");
    check_reach(&access, RIGHT_INFER | RIGHT_LIST, "", "a/ b/ c/");
    check_reach(&access, RIGHT_INFER, "b/", "b/x/ b/y/");
    check_reach(&access, RIGHT_INFER, "b/x/1", "b/x/1");
    check_reach(&access, RIGHT_INFER, "b/x", "b/x/");
    check_reach(&access, RIGHT_INFER, "b/z", "");
    check_reach(&access, RIGHT_SEARCH, "", "");
    struct reach reach;
    assert_int_equal(reach_make(&access, RIGHT_INFER | RIGHT_LIST, "", &reach), 0);
    assert_true(reach_holds(&reach, "a/1"));
    assert_true(reach_holds(&reach, "c/"));
    assert_false(reach_holds(&reach, "c"));
    assert_false(reach_holds(&reach, "a"));
    assert_false(reach_holds(&reach, "aa/1"));
    assert_false(reach_holds(&reach, "")); /* all names */
    reach_done(&reach);
    access_done(&access);
    access = join(*state, "all", "lists");
    check_reach(&access, RIGHT_SEARCH, "b/x", "b/x");
    check_reach(&access, RIGHT_LIST, "", "");
    access_done(&access);
    assert_int_equal(reach_make(&ACCESS_ALL, RIGHT_SEARCH, "", &reach), 0);
    assert_true(reach_holds(&reach, ""));
    reach_done(&reach);
}

static void who_has_all_has_no_volume_that_is_not_named(void **state)
{
    struct access access = join(*state, "all", NULL);
    assert_true(access_knows_all(&access));
    assert_int_equal(access_object(&access, RIGHT_OBJECTS, "z/1"), ACCESS_GRANTED);
    assert_true(access_volume(&access, "v"));
    assert_false(access_volume(&access, "w"));
    access_done(&access);
    access = ACCESS_ALL;
    assert_true(access_has(&access, RIGHT_CLUSTER));
    assert_true(access_volume(&access, "w"));
    assert_false(access_is_over(&access, INT64_MAX));
}

static void rights_over_no_object_and_no_store_show_nothing(void **state)
{
    struct access access = join(*state, "metrics", "none");
    assert_false(access_knows_all(&access));
    assert_false(access_knows_store(&access, "a"));
    assert_int_equal(access_object(&access, RIGHT_INFER, "a/1"), ACCESS_HIDDEN);
    access_done(&access);
}

static void tokens_expire(void **state)
{
    (void)state;
    static const char text[] =
        "[token a]\nhash = 2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90\n"
        "rights = infer\nexpires = 2027-01-31T00:00:00Z\n";
    struct rights *rights = NULL;
    struct error error;
    assert_int_equal(rights_parse(text, sizeof text - 1, &rights, &error), 0);
    struct access access;
    access_init(&access, rights, "token:a");
    assert_true(access_add(&access, rights_find_token(rights, "alice")));
    assert_false(access_is_over(&access, 1801353599));
    assert_true(access_is_over(&access, 1801353600));
    access_done(&access);
    rights_unref(rights);
}

static void users_are_found_by_number_and_by_their_groups(void **state)
{
    (void)state;
    static const char text[] = "[user anna]\nrights = infer\nstores = a\n[group staff]\n"
                               "rights = list\nstores = b\n[user unknown]\nrights = admin\n";
    static const uint32_t groups[] = {5, 50, 500};
    struct rights *rights = NULL;
    struct error error;
    struct access access;
    assert_int_equal(rights_parse(text, sizeof text - 1, &rights, &error), 0);
    access_init_user(&access, rights, 0, groups, 3); /* nothing is identified */
    assert_int_equal(access.grant_count, 0);
    access_done(&access);

    assert_int_equal(rights_identify(rights, 0, 1000, "anna", &error), 0);
    assert_int_equal(rights_identify(rights, 1, 50, "staff", &error), 0);
    assert_true(rights_identify(rights, 2, 1000, "anna", &error) < 0);
    assert_string_equal(error.message, "line 7: 'anna' has a section already, in line 1");
    assert_ptr_equal(rights_find(rights, GRANT_USER, "anna"), rights_at(rights, 0));

    access_init_user(&access, rights, 1000, groups, 3);
    assert_int_equal(access.grant_count, 2);
    assert_string_equal(access.name, "user:anna");
    access_done(&access);
    access_init_user(&access, rights, 50, NULL, 0); /* the number of the group */
    assert_int_equal(access.grant_count, 0);
    access_done(&access);
    access_init_user(&access, rights, 1001, groups, 3);
    assert_int_equal(access.grant_count, 1);
    assert_string_equal(access.name, "user:1001");
    access_done(&access);
    rights_unref(rights);
}

/* More groups than count: a user's own section does. */
static void a_section_of_ones_own_counts_first(void **state)
{
    (void)state;
    char text[4096];
    uint32_t groups[ACCESS_GRANTS + 1];
    struct rights *rights = NULL;
    struct error error;
    struct access access;
    size_t size = 0;
    for (uint32_t i = 0; i <= ACCESS_GRANTS; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size, "[group %u]\nrights = list\n", i);
        groups[i] = i;
    }
    size += (size_t)snprintf(text + size, sizeof text - size, "[user 1000]\nrights = models\n");
    assert_int_equal(rights_parse(text, size, &rights, &error), 0);
    for (uint32_t i = 0; i <= ACCESS_GRANTS; i++) {
        assert_int_equal(rights_identify(rights, i, i, "g", &error), 0);
    }
    assert_int_equal(rights_identify(rights, ACCESS_GRANTS + 1, 1000, "anna", &error), 0);
    assert_string_equal(rights_find(rights, GRANT_USER, "anna")->name, "anna");
    assert_null(rights_find(rights, GRANT_USER, "1000"));
    access_init_user(&access, rights, 1000, groups, ACCESS_GRANTS + 1);
    assert_int_equal(access.grant_count, ACCESS_GRANTS);
    assert_true(access_has(&access, RIGHT_MODELS));
    assert_string_equal(access.name, "user:anna");
    access_done(&access);
    rights_unref(rights);
}

static void rights_are_listed_by_name(void **state)
{
    char text[192];
    char small[12];
    (void)state;
    assert_string_equal(right_list(RIGHT_JOBS, text, sizeof text), "'jobs'");
    assert_string_equal(right_list(RIGHT_SEARCH | RIGHT_INDEXES, text, sizeof text),
                        "'search' or 'indexes'");
    assert_string_equal(right_list(RIGHT_MODELS | RIGHT_ADMIN | RIGHT_INFER, text, sizeof text),
                        "'infer', 'models' or 'admin'");
    assert_string_equal(right_list(0, text, sizeof text), "");
    assert_true(strlen(right_list(RIGHTS_ALL, text, sizeof text)) < sizeof text - 1);
    assert_string_equal(strrchr(text, ' '), " 'metrics'");
    assert_string_equal(right_list(RIGHTS_ALL, small, sizeof small), "'infer', 's");
}

#define RUN(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(sections_are_joined_and_never_crossed),
        RUN(prefixes_are_granted_whole_only),
        RUN(names_are_reached_beneath_prefixes),
        RUN(who_has_all_has_no_volume_that_is_not_named),
        RUN(rights_over_no_object_and_no_store_show_nothing),
        RUN(tokens_expire),
        RUN(users_are_found_by_number_and_by_their_groups),
        RUN(a_section_of_ones_own_counts_first),
        RUN(rights_are_listed_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
