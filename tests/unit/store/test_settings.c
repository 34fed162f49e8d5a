/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings of stores, and the table of back ends that they select from.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/backend.h"
#include "store/dir/dir.h"
#include "store/mem/mem.h"

static struct store_settings read_spec(const char *spec)
{
    struct store_settings settings;
    assert_int_equal(store_settings_read(spec, &settings, NULL), 0);
    return settings;
}

static void every_back_end_has_what_each_call_needs(void **state)
{
    (void)state;
    for (size_t i = 0; store_backend_at(i); i++) {
        const struct store_backend *backend = store_backend_at(i);
        size_t count = 0;
        assert_ptr_equal(store_backend_find(backend->name, strlen(backend->name)), backend);
        assert_true(backend->noun && backend->settings && (!backend->help || backend->argument));
        assert_true(backend->check && backend->open && backend->close);
        assert_true(backend->list && backend->stat && backend->read);
        while (backend->settings[count]) {
            assert_string_not_equal(backend->settings[count], "kind");
            assert_string_not_equal(backend->settings[count], "exclude");
            count++;
        }
        assert_true(count <= STORE_SETTINGS_MAX);
    }
    assert_ptr_equal(store_backend_at(0), &dir_backend);
    assert_null(store_backend_find("dirt", 4));
    assert_null(store_backend_find("", 0));
}

static void a_kind_before_a_colon_chooses_the_back_end(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        const char *value;
    } paths[] = {{"/srv/photos", "/srv/photos"}, {"dir:/srv/photos", "/srv/photos"},
                 {"dir:mem:x", "mem:x"},         {"./mem:x", "./mem:x"},
                 {"/mem:x", "/mem:x"},           {"c:/photos", "c:/photos"},
                 {"dirs:x", "dirs:x"},           {":x", ":x"}};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct store_settings settings = read_spec(paths[i].spec);
        assert_ptr_equal(settings.backend, &dir_backend);
        assert_string_equal(store_settings_get(&settings, "path"), paths[i].value);
        store_settings_done(&settings);
    }
    struct store_settings settings = read_spec("mem:");
    assert_ptr_equal(settings.backend, &mem_backend);
    assert_null(store_settings_get(&settings, "path"));
    assert_int_equal(settings.backend->check(&settings, true, NULL), 0);
    assert_true(store_settings_read("mem:x", &settings, NULL) < 0);
    settings = read_spec("dir:");
    assert_true(settings.backend->check(&settings, false, NULL) < 0);
}

static void a_setting_is_given_once_and_by_its_name(void **state)
{
    (void)state;
    struct error error = {.code = ERROR_NONE};
    struct store_settings settings = {.backend = &mem_backend};
    assert_int_equal(store_settings_set(&settings, "path", "/a"), -ENOENT);
    assert_int_equal(store_settings_choose(&settings, "dir", &error), 0);
    assert_int_equal(store_settings_set(&settings, "path", "/a"), 0);
    assert_int_equal(store_settings_set(&settings, "path", "/b"), -EEXIST);
    assert_int_equal(store_settings_set(&settings, "root", "/b"), -ENOENT);
    assert_true(store_settings_choose(&settings, "tape", &error) < 0);
    assert_non_null(strstr(error.message, "'tape'"));
    assert_true(store_settings_choose(&settings, "mem", &error) < 0);
    assert_string_equal(store_settings_get(&settings, "path"), "/a");
    store_settings_done(&settings);
}

static void copies_are_the_same_until_one_changes(void **state)
{
    (void)state;
    struct store_settings copy;
    struct store_settings settings = read_spec("/a");
    struct store_settings other = read_spec("/b");
    struct store_settings memory = read_spec("mem:");
    assert_int_equal(store_settings_copy(&settings, &copy), 0);
    assert_true(store_settings_are_same(&settings, &copy));
    assert_false(store_settings_are_same(&settings, &other));
    assert_false(store_settings_are_same(&settings, &memory));
    char *spec = store_settings_spec(&copy);
    assert_string_equal(spec, "/a");
    free(spec);
    spec = store_settings_spec(&memory);
    assert_string_equal(spec, "mem:");
    free(spec);
    store_settings_done(&copy);
    store_settings_done(&other);
    store_settings_done(&settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_back_end_has_what_each_call_needs),
        cmocka_unit_test(a_kind_before_a_colon_chooses_the_back_end),
        cmocka_unit_test(a_setting_is_given_once_and_by_its_name),
        cmocka_unit_test(copies_are_the_same_until_one_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
