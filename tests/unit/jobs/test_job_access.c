/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose a job is, and over what: who sees it, takes its results, lets it run; and which names a
 * list may have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host_fixture.h"
#include "rights/access.h"

static const char file[] = "[user a]\nrights = jobs infer\nstores = s/a/\n"
                           "[user b]\nrights = jobs infer\nstores = s/b/\n"
                           "[user store]\nrights = jobs infer\nstores = s\n"
                           "[user watch]\nrights = jobs\nstores = s\n"
                           "[user all]\nrights = jobs infer\nstores = *\n"
                           "[user lists]\nrights = list\nstores = *\n";

static char store[] = "s";
static char prefix_a[] = "a/";
static char nothing[] = "";

static struct rights *parse(void)
{
    struct rights *rights = NULL;
    assert_int_equal(rights_parse(file, sizeof file - 1, &rights, NULL), 0);
    return rights;
}

static struct access access_of(struct rights *rights, const char *name)
{
    char whole[ACCESS_NAME_SIZE];
    struct access access;
    (void)snprintf(whole, sizeof whole, "user:%s", name);
    access_init(&access, rights, whole);
    assert_true(access_add(&access, rights_find(rights, GRANT_USER, name)));
    return access;
}

/* Who of "a", "b", "store", "watch", "all", "lists" sees it: a letter each. */
static void seen_by(const struct job_spec *spec, const char *expected)
{
    static const char *const names[] = {"a", "b", "store", "watch", "all", "lists"};
    struct rights *rights = parse();
    char seen[8] = "";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct access access = access_of(rights, names[i]);
        seen[i] = (char)(job_is_visible(spec, &access) ? names[i][0] : '-');
        access_done(&access);
    }
    rights_unref(rights);
    assert_string_equal(seen, expected);
    assert_true(job_is_visible(spec, &ACCESS_ALL));
}

static void a_job_is_seen_by_its_owner_and_who_has_its_selection(void **state)
{
    (void)state;
    struct job_spec spec = {.select.store = store, .select.prefix = prefix_a};
    seen_by(&spec, "a-swa-");
    (void)stpcpy(spec.owner, "user:b");
    seen_by(&spec, "abswa-");
    spec.select.prefix = nothing;
    seen_by(&spec, "-bswa-");
    spec = (struct job_spec){.select.prefix = nothing, .has_keys = true};
    seen_by(&spec, "----a-");
    char stores[] = "s";
    spec.keys_stores = stores;
    seen_by(&spec, "--swa-");
    (void)stpcpy(spec.owner, "user:a");
    seen_by(&spec, "a-swa-");
    char several[] = "s t";
    spec.keys_stores = several;
    seen_by(&spec, "a---a-");
    spec = (struct job_spec){.select.store = store, .select.prefix = nothing, .has_keys = true};
    seen_by(&spec, "--swa-");
}

static enum error_code asked(struct fixture *fixture, const char *id, const char *name,
                             enum job_use use)
{
    struct rights *rights = parse();
    struct access access = access_of(rights, name);
    struct error error = {.code = ERROR_NONE};
    (void)!jobs_check_access(fixture->jobs, id, &access, use, &error);
    if (error.code == ERROR_NOT_FOUND) { /* as if there were none */
        char absent[64];
        (void)snprintf(absent, sizeof absent, "no job '%s'", id);
        assert_string_equal(error.message, absent);
    }
    access_done(&access);
    rights_unref(rights);
    return error.code;
}

static void each_use_of_a_job_has_its_rights(void **state)
{
    struct fixture *fixture = *state;
    char id[JOB_ID_SIZE];
    struct job_spec spec = fixture_spec(prefix_a);
    fixture_fill(fixture, prefix_a, 3, 0);
    (void)stpcpy(spec.owner, "user:b"); /* who has lost s/a/ */
    fixture_create(fixture, &spec, id);
    static const struct {
        const char *name;
        enum error_code see, read, run;
    } rows[] = {
        {"a", ERROR_NONE, ERROR_NONE, ERROR_NONE},
        {"b", ERROR_NONE, ERROR_FORBIDDEN, ERROR_FORBIDDEN},
        {"store", ERROR_NONE, ERROR_NONE, ERROR_NONE},
        {"watch", ERROR_NONE, ERROR_NONE, ERROR_FORBIDDEN},
        {"lists", ERROR_NOT_FOUND, ERROR_NOT_FOUND, ERROR_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(asked(fixture, id, rows[i].name, JOB_USE_SEE), rows[i].see);
        assert_int_equal(asked(fixture, id, rows[i].name, JOB_USE_READ), rows[i].read);
        assert_int_equal(asked(fixture, id, rows[i].name, JOB_USE_RUN), rows[i].run);
        assert_int_equal(asked(fixture, "zzzzzzzz", rows[i].name, JOB_USE_SEE), ERROR_NOT_FOUND);
    }
}

static void two_owners_may_use_one_token(void **state)
{
    struct fixture *fixture = *state;
    struct job_info infos[2];
    struct job_spec spec = fixture_spec(prefix_a);
    bool existing = true;
    (void)stpcpy(spec.token, "t");
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(spec.owner, sizeof spec.owner, "user:%zu", i);
        assert_int_equal(jobs_create(fixture->jobs, &spec, NULL, &infos[i], &existing, NULL), 0);
        assert_false(existing);
    }
    assert_string_not_equal(infos[0].spec.id, infos[1].spec.id);
    job_info_done(&infos[0]);
    assert_int_equal(jobs_create(fixture->jobs, &spec, NULL, &infos[0], &existing, NULL), 0);
    assert_true(existing);
    assert_string_equal(infos[0].spec.id, infos[1].spec.id);
    job_info_done(&infos[0]);
    job_info_done(&infos[1]);
}

/* What the caller of `name` gets for the list; *ret_stores is to be freed. */
static enum error_code list_of(struct fixture *fixture, const char *name, const char *names,
                               const char *of, char **ret_stores)
{
    struct rights *rights = parse();
    struct access access = access_of(rights, name);
    struct jobs_keys *keys = NULL;
    struct error error = {.code = ERROR_NONE};
    *ret_stores = NULL;
    assert_int_equal(jobs_keys_new(fixture->jobs, &keys, NULL), 0);
    assert_int_equal(jobs_keys_append(keys, names, strlen(names), NULL), 0);
    (void)!jobs_keys_check(keys, of, &access, ret_stores, &error);
    jobs_keys_free(keys);
    access_done(&access);
    rights_unref(rights);
    return error.code;
}

static void each_name_of_a_list_is_asked_for(void **state)
{
    static const struct {
        const char *caller, *names, *of;
        enum error_code code;
        const char *stores;
    } rows[] = {
        {"store", "s/a\r\n\ns/b/c", NULL, ERROR_NONE, "s"},
        {"store", "", NULL, ERROR_NONE, NULL},
        {"store", "s/a\ns2/b", NULL, ERROR_NOT_FOUND, NULL},
        {"store", "a\nb", "s", ERROR_NONE, "s"},
        {"store", "a", "s2", ERROR_NOT_FOUND, NULL},
        {"store", "s", NULL, ERROR_NONE, NULL}, /* fails when the job runs */
        {"a", "s/a/1\ns/a", NULL, ERROR_NOT_FOUND, NULL},
        {"watch", "s/a", NULL, ERROR_FORBIDDEN, NULL},
        {"all", "s2/a\ns/b\ns2/c\nt/d", NULL, ERROR_NONE, "s2 s t"},
        {"all", "s2/a\nno store/d", NULL, ERROR_NONE, NULL},
        {"all", "s2/a\n/d", NULL, ERROR_NONE, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *stores = NULL;
        assert_int_equal(list_of(*state, rows[i].caller, rows[i].names, rows[i].of, &stores),
                         rows[i].code);
        assert_int_equal(stores == NULL, rows[i].stores == NULL);
        if (stores) {
            assert_string_equal(stores, rows[i].stores);
        }
        free(stores);
    }
}

static void stores_that_are_too_many_are_unknown(void **state)
{
    char names[8192] = "";
    char *stores = NULL;
    for (size_t i = 0, used = 0; i < 500; i++) {
        used += (size_t)snprintf(names + used, sizeof names - used, "store%zu/a\n", i);
    }
    assert_int_equal(list_of(*state, "all", names, NULL, &stores), ERROR_NONE);
    assert_null(stores);
}

static void plain_tokens_own_nothing(void **state)
{
    (void)state;
    static const char plain[] = "a-token-of-more-than-twenty-bytes\n";
    struct rights *rights = NULL;
    struct access access;
    struct job_spec spec = {.owner = "user:x"};
    assert_int_equal(rights_parse(plain, sizeof plain - 1, &rights, NULL), 0);
    access_init(&access, rights, "token:line-1");
    assert_true(access_add(&access, rights_at(rights, 0)));
    job_spec_set_owner(&spec, &access);
    assert_string_equal(spec.owner, "");
    access_done(&access);
    rights_unref(rights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_is_seen_by_its_owner_and_who_has_its_selection),
        cmocka_unit_test_setup_teardown(each_use_of_a_job_has_its_rights, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(two_owners_may_use_one_token, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(each_name_of_a_list_is_asked_for, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(stores_that_are_too_many_are_unknown, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test(plain_tokens_own_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
