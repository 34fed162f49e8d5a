/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of models while packages come and go: looking one up does not wait for the disk. The
 * linker redirects calls that access the disk to this file, which looks up a model during each of
 * them, from another thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "infer/models.h"

enum { PATIENCE_S = 10 };

struct table {
    char root[64];
    struct models *models;
};

/* For the wrapped calls: the table of the running test, and their outcome. */
static struct models *watched;
static unsigned looked_up;
static unsigned waited;

static void *look_up(void *argument)
{
    struct error ignored;
    model_unref(models_get(argument, "any", NULL, &ignored));
    return NULL;
}

/* A look-up that has to wait is given up and counted. */
static void look_up_meanwhile(void)
{
    pthread_t thread;
    struct timespec until;
    if (!watched) {
        return;
    }
    assert_int_equal(pthread_create(&thread, NULL, look_up, watched), 0);
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &until), 0);
    until.tv_sec += waited > 0 ? 0 : PATIENCE_S;
    looked_up++;
    if (pthread_timedjoin_np(thread, NULL, &until) != 0) {
        waited++;
        (void)pthread_detach(thread);
    }
}

int __real_whole_file_sync_names(const char *directory);
int __wrap_whole_file_sync_names(const char *directory);
int __real_remove(const char *path);
int __wrap_remove(const char *path);

int __wrap_whole_file_sync_names(const char *directory)
{
    look_up_meanwhile();
    return __real_whole_file_sync_names(directory);
}

int __wrap_remove(const char *path)
{
    look_up_meanwhile();
    return __real_remove(path);
}

static int make_table(void **state)
{
    struct table *table = calloc(1, sizeof *table);
    struct error error = {0};
    assert_non_null(table);
    (void)snprintf(table->root, sizeof table->root, "/tmp/situ-models-XXXXXX");
    assert_non_null(mkdtemp(table->root));
    assert_int_equal(models_new(table->root, &table->models, &error), 0);
    watched = table->models;
    looked_up = waited = 0;
    *state = table;
    return 0;
}

static int drop_table(void **state)
{
    struct table *table = *state;
    watched = NULL;
    models_free(table->models);
    models_add_discard(table->root);
    free(table);
    return 0;
}

static void write_file(const char *directory, const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int add(struct table *table, const char *name)
{
    struct error error = {0};
    struct model *model = NULL;
    char *directory = NULL;
    assert_int_equal(models_add_prepare(table->models, name, &directory, &error), 0);
    write_file(directory, "model.onnx", "nobody looks into it here");
    assert_int_equal(models_add_read(table->models, name, directory, "tensor", &model, &error), 0);
    int r = models_add_publish(table->models, model, &error);
    if (r < 0) {
        model_unref(model);
        models_add_discard(directory);
    }
    free(directory);
    return r;
}

static size_t count_of(struct table *table)
{
    struct model **list = NULL;
    size_t count = 0;
    assert_int_equal(models_list(table->models, &list, &count), 0);
    for (size_t i = 0; i < count; i++) {
        model_unref(list[i]);
    }
    free(list);
    return count;
}

static bool is_there(const struct table *table, const char *path)
{
    char whole[256];
    (void)snprintf(whole, sizeof whole, "%s/models/%s", table->root, path);
    return access(whole, F_OK) == 0;
}

/* Removes "any"; gets exactly what was in the table. */
static int remove_named(struct table *table, const char *version, size_t *ret_count)
{
    struct error error = {0};
    struct model **removed = NULL;
    *ret_count = 0;
    int r = models_remove(table->models, "any", version, &removed, ret_count, &error);
    for (size_t i = 0; i < *ret_count; i++) {
        assert_string_equal(removed[i]->name, "any");
        model_unref(removed[i]);
    }
    free(removed);
    return r;
}

static void test_a_look_up_waits_for_no_addition_and_no_removal(void **state)
{
    struct table *table = *state;
    size_t removed = 0;
    assert_int_equal(add(table, "any"), 0);
    assert_true(looked_up > 0);
    unsigned before = looked_up;
    assert_int_equal(remove_named(table, NULL, &removed), 0);
    assert_true(looked_up > before);
    assert_int_equal(waited, 0);
}

static void test_versions_count_up_and_go_together(void **state)
{
    struct table *table = *state;
    struct error error = {0};
    size_t removed = 0;
    assert_int_equal(add(table, "any"), 0);
    assert_int_equal(add(table, "any"), 0);
    assert_int_equal(add(table, "other"), 0);
    struct model *newest = models_get(table->models, "any", NULL, &error);
    assert_non_null(newest);
    assert_string_equal(newest->version, "2");
    assert_int_equal(access(newest->path, F_OK), 0);
    assert_int_equal(remove_named(table, NULL, &removed), 0);
    assert_int_equal(removed, 2); /* all removed ones, so that their workers can stop */
    assert_int_equal(count_of(table), 1);
    assert_false(is_there(table, "any"));
    assert_true(is_there(table, "other/1/model.onnx"));
    assert_string_equal(newest->version, "2"); /* a holder keeps it */
    model_unref(newest);
    assert_int_equal(remove_named(table, NULL, &removed), -ENOENT);
    assert_int_equal(add(table, "any"), 0);
    assert_true(is_there(table, "any/1/model.onnx"));
}

static void test_an_addition_that_cannot_be_moved_in_leaves_no_model(void **state)
{
    struct table *table = *state;
    char path[256];
    (void)snprintf(path, sizeof path, "%s/models", table->root);
    write_file(path, "any", "a file where the name's directory should be");
    assert_true(add(table, "any") < 0);
    assert_int_equal(count_of(table), 0);
}

struct adder {
    struct table *table;
    int result;
};

static void *add_some(void *argument)
{
    struct adder *adder = argument;
    for (int i = 0; i < 8 && adder->result == 0; i++) {
        adder->result = add(adder->table, "any");
    }
    return NULL;
}

static void test_additions_at_once_get_versions_of_their_own(void **state)
{
    struct table *table = *state;
    struct adder adders[4] = {{table, 0}, {table, 0}, {table, 0}, {table, 0}};
    pthread_t threads[4];
    size_t removed = 0;
    watched = NULL;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, add_some, &adders[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(adders[i].result, 0);
    }
    assert_int_equal(count_of(table), 32);
    assert_true(is_there(table, "any/32/model.onnx"));
    assert_int_equal(remove_named(table, "32", &removed), 0);
    assert_int_equal(count_of(table), 31);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_look_up_waits_for_no_addition_and_no_removal,
                                        make_table, drop_table),
        cmocka_unit_test_setup_teardown(test_versions_count_up_and_go_together, make_table,
                                        drop_table),
        cmocka_unit_test_setup_teardown(test_an_addition_that_cannot_be_moved_in_leaves_no_model,
                                        make_table, drop_table),
        cmocka_unit_test_setup_teardown(test_additions_at_once_get_versions_of_their_own,
                                        make_table, drop_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
