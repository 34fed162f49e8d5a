/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of stores: objects found by name; and on reload: owners of tables of their own are
 * informed of a new store until they have accepted it, and each fault is reported.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/stores.h"
#include "store/dir/dir.h"

enum { STORES = 3 };

struct bench {
    char directory[64];
    struct config config;
    struct stores *stores;
    int failing; /* that many calls of the hook fail */
    int calls;
};

static int added(void *context, struct store *store, const char *name, struct error *error)
{
    struct bench *bench = context;
    assert_non_null(store);
    bench->calls++;
    return bench->failing-- > 0 ? error_set(error, ERROR_INTERNAL, "no place for '%s'", name) : 0;
}

static void set_up(struct bench *bench)
{
    static char names[STORES][8] = {"a", "b", "c"};
    static char paths[STORES][128];
    *bench = (struct bench){.directory = "/tmp/situ-stores-XXXXXX"};
    assert_non_null(mkdtemp(bench->directory));
    bench->config.state = bench->directory;
    for (size_t i = 0; i < STORES; i++) {
        (void)snprintf(paths[i], sizeof paths[i], "%s/%s", bench->directory, names[i]);
        assert_int_equal(mkdir(paths[i], 0700), 0);
        bench->config.stores[i] = (struct config_store){
            .name = names[i], .settings = {.backend = &dir_backend, .values = {paths[i]}}};
    }
    bench->config.store_count = 1; /* at the start */
    assert_int_equal(stores_open(&bench->config, &bench->stores, NULL), 0);
    bench->config.store_count = STORES;
}

static void tear_down(struct bench *bench)
{
    char path[128];
    stores_close(bench->stores);
    for (size_t i = 0; i < STORES; i++) {
        assert_int_equal(rmdir(bench->config.stores[i].settings.values[0]), 0);
    }
    (void)snprintf(path, sizeof path, "%s/stores.json", bench->directory);
    (void)unlink(path);
    assert_int_equal(rmdir(bench->directory), 0);
}

/* What a reload writes to the log, in `text`. */
static int reload(struct bench *bench, struct error *error, char *text, size_t size)
{
    char name[] = "/tmp/situ-log-XXXXXX";
    struct stores_hooks hooks = {.added = added, .context = bench};
    int file = mkstemp(name);
    int before = dup(STDERR_FILENO);
    assert_true(file >= 0 && before >= 0);
    assert_true(dup2(file, STDERR_FILENO) >= 0);
    bench->calls = 0;
    int r = stores_reload(bench->stores, &bench->config, &hooks, error);
    assert_true(dup2(before, STDERR_FILENO) >= 0);
    ssize_t got = pread(file, text, size - 1, 0);
    assert_true(got >= 0);
    text[got] = '\0';
    (void)close(before);
    (void)close(file);
    (void)unlink(name);
    return r;
}

static bool is_served(struct bench *bench, const char *name)
{
    return stores_find(bench->stores, name, strlen(name), NULL) != NULL;
}

static void a_store_that_was_not_taken_is_offered_again(void **state)
{
    struct bench bench;
    struct error error = {.code = ERROR_NONE};
    char text[4096];
    (void)state;
    set_up(&bench);
    bench.failing = 2;
    assert_true(reload(&bench, &error, text, sizeof text) < 0);
    assert_int_equal(bench.calls, 2);
    assert_string_equal(error.message, "no place for 'b'"); /* the caller logs it */
    assert_non_null(strstr(text, "no place for 'c'"));
    assert_true(is_served(&bench, "a") && !is_served(&bench, "b") && !is_served(&bench, "c"));

    bench.failing = 1;
    assert_true(reload(&bench, &error, text, sizeof text) < 0);
    assert_int_equal(bench.calls, 2);
    assert_true(!is_served(&bench, "b") && is_served(&bench, "c"));

    bench.failing = 0;
    assert_int_equal(reload(&bench, &error, text, sizeof text), 0);
    assert_int_equal(bench.calls, 1);
    assert_true(is_served(&bench, "b") && is_served(&bench, "c"));
    assert_int_equal(reload(&bench, &error, text, sizeof text), 0);
    assert_int_equal(bench.calls, 0);
    tear_down(&bench);
}

static void an_object_is_found_by_store_and_key(void **state)
{
    static const char *const malformed[] = {"", "a", "a/", "/x", "a/../x"};
    struct bench bench;
    struct error error = {.code = ERROR_NONE};
    struct store *store = NULL;
    const char *key = NULL;
    (void)state;
    set_up(&bench);
    assert_int_equal(
        stores_find_object(bench.stores, &ACCESS_ALL, "a/b/c.jpg", &store, &key, &error), 0);
    assert_ptr_equal(store, stores_find(bench.stores, "a", 1, NULL));
    assert_string_equal(key, "b/c.jpg");
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        assert_true(
            stores_find_object(bench.stores, &ACCESS_ALL, malformed[i], &store, &key, &error) < 0);
        assert_int_equal(error.code, ERROR_MALFORMED);
    }
    assert_true(stores_find_object(bench.stores, &ACCESS_ALL, "other/x", &store, &key, &error) < 0);
    assert_int_equal(error.code, ERROR_NOT_FOUND);
    tear_down(&bench);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_that_was_not_taken_is_offered_again),
        cmocka_unit_test(an_object_is_found_by_store_and_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
