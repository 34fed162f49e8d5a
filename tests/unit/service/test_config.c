/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings by name, from a file, and from the command line, which takes precedence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "service/config.h"

static int set(struct config *config, const char *section, const char *name, const char *value)
{
    struct error error = {0};
    int r = config_set(config, section, name, value, &error);
    assert_int_equal(r < 0, error.code != ERROR_NONE);
    return r;
}

static void values_have_units(void **state)
{
    (void)state;
    struct config config = {0};
    assert_int_equal(set(&config, "situd", "memory_budget", "1.5G"), 0);
    assert_true(config.memory_budget == UINT64_C(3) << 29);
    assert_int_equal(set(&config, "limits", "body_bytes", "4096"), 0);
    assert_true(config.body_bytes == 4096);
    assert_int_equal(set(&config, "results", "size", "2G"), 0);
    assert_true(config.cache_bytes == UINT64_C(2) << 30);
    assert_int_equal(set(&config, "results", "size", "off"), 0);
    assert_true(config.cache_bytes == 0);
    assert_int_equal(set(&config, "limits", "object_seconds", "0.25"), 0);
    assert_true(config.object_ms == 250);
    assert_int_equal(set(&config, "jobs", "keep", "0.5"), 0);
    assert_true(config.keep_jobs_s == 43200);
    assert_int_equal(set(&config, "jobs", "keep", "0"), 0); /* forever */
    assert_true(config.keep_jobs_s == 0);
    assert_int_equal(set(&config, "listen", "socket_mode", "0600"), 0);
    assert_int_equal(config.socket_mode, 0600);
    assert_int_equal(set(&config, "situd", "debug", "yes"), 0);
    assert_true(config.debug);
    config_done(&config);
}

static void values_of_no_sense_are_refused(void **state)
{
    (void)state;
    static const char *const bad[][3] = {
        {"limits", "object_seconds", "0"},
        {"limits", "object_seconds", "-1"},
        {"limits", "object_seconds", "nan"},
        {"limits", "object_seconds", "inf"},
        {"limits", "request_seconds", "1e12"},
        {"limits", "load_seconds", "5s"},
        {"limits", "connections", "4294967297"},
        {"limits", "queue", "0"},
        {"jobs", "keep", "-1"},
        {"jobs", "keep", "7d"},
        {"jobs", "keep", "0.000001"}, /* would be none, which means forever */
        {"limits", "body_bytes", "off"},
        {"results", "size", "none"},
        {"results", "size", "-1"},
        {"limits", "body_bytes", "1X"},
        {"limits", "body_bytes", "1MB"},
        {"situd", "debug", "maybe"},
        {"listen", "socket_mode", "0999"},
        {"situd", "state", ""},
        {"situd", "unknown", "1"},
        {"unknown", "state", "/x"},
        {"store a/b", "path", "/x"},
        {"store ", "path", "/x"},
        {"store a", "root", "/x"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct config config = {0};
        assert_true(set(&config, bad[i][0], bad[i][1], bad[i][2]) < 0);
        config_done(&config);
    }
}

static void a_store_stands_once(void **state)
{
    (void)state;
    struct config config = {0};
    assert_int_equal(set(&config, "store photos", "path", "/srv/photos"), 0);
    assert_string_equal(config.stores[0].name, "photos");
    assert_string_equal(config.stores[0].settings.values[0], "/srv/photos");
    assert_true(set(&config, "store photos", "path", "/other") < 0);
    assert_int_equal(config.store_count, 1);
    config_done(&config);
}

static void lists_are_bounded(void **state)
{
    (void)state;
    struct config config = {0};
    for (int i = 0; i < CONFIG_LIST_MAX; i++) {
        assert_int_equal(set(&config, "listen", "address", "127.0.0.1:1"), 0);
    }
    assert_true(set(&config, "listen", "address", "127.0.0.1:1") < 0);
    assert_int_equal(config.listen_count, CONFIG_LIST_MAX);
    config_done(&config);
}

/* Reads a file of that text, and further arguments. */
static enum config_outcome read_text(const char *text, const char *argument, struct config *config,
                                     struct error *error)
{
    char path[] = "/tmp/situ-config-XXXXXX";
    char *program = strdup("situd");
    char *option = strdup("--config");
    char *more = argument ? strdup(argument) : NULL;
    char *arguments[] = {program, option, path, more, NULL};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_true(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    (void)close(fd);
    optind = 0; /* getopt begins anew */
    enum config_outcome outcome = config_read(more ? 4 : 3, arguments, config, error);
    (void)unlink(path);
    free(program);
    free(option);
    free(more);
    return outcome;
}

static void the_command_line_wins(void **state)
{
    (void)state;
    struct config config = {0};
    struct error error = {0};
    assert_int_equal(read_text("[store a]\npath = /a\n[limits]\nqueue = 7\nobject_seconds = 3\n",
                               "--queue=9", &config, &error),
                     CONFIG_RUN);
    assert_true(config.queue == 9);
    assert_true(config.object_ms == 3000);
    assert_int_equal(config.store_count, 1);
    config_done(&config);
}

static void the_first_fault_is_told_with_its_line(void **state)
{
    (void)state;
    struct config config = {0};
    struct error error = {0};
    assert_int_equal(
        read_text("[limits]\nqueue = 7\nfirst = 1\nsecond = 2\n", NULL, &config, &error),
        CONFIG_EXIT_USAGE);
    assert_non_null(strstr(error.message, ":3: "));
    assert_non_null(strstr(error.message, "first"));
    assert_null(strstr(error.message, "second"));
    config_done(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_have_units),
        cmocka_unit_test(values_of_no_sense_are_refused),
        cmocka_unit_test(a_store_stands_once),
        cmocka_unit_test(lists_are_bounded),
        cmocka_unit_test(the_command_line_wins),
        cmocka_unit_test(the_first_fault_is_told_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
