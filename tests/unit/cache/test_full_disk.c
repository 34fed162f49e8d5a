/* SPDX-License-Identifier: Apache-2.0
 *
 * A full disk: writing pauses, lookups continue, and writing continues when there is space. Needs a
 * small tmpfs, and thus root.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include <cmocka.h>

#include "fixture.h"

static void fill(const char *path)
{
    static const char zeros[65536];
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    for (size_t size = sizeof zeros; size > 0; size /= 2) {
        while (write(fd, zeros, size) > 0) {
        }
    }
    assert_int_equal(errno, ENOSPC);
    (void)close(fd);
}

static void writing_pauses_while_the_disk_is_full(struct fixture *fixture)
{
    char ballast[128];
    struct cache_status status;
    (void)snprintf(ballast, sizeof ballast, "%s/ballast", fixture->root);
    struct cache *results = fixture_open(fixture, 64 * MIB);
    for (uint64_t i = 0; i < 50; i++) {
        fixture_put(results, i);
    }
    cache_flush(results);
    fill(ballast);
    for (uint64_t i = 50; i < 2000; i++) {
        fixture_put(results, i);
    }
    cache_flush(results);
    cache_status(results, &status);
    assert_true(status.on && status.paused && status.dropped > 0);
    assert_int_equal(fixture->events[CACHE_EVENT_PAUSED], 1);
    for (uint64_t i = 0; i < 2000; i++) {
        int look = fixture_look(results, i);
        assert_true(look == 1 || (i >= 50 && look == 0));
    }

    assert_int_equal(unlink(ballast), 0);
    for (int i = 0; i < 200 && fixture_look(results, 1999) == 0; i++) {
        (void)usleep(10000);
        fixture_put(results, 1999);
        cache_flush(results);
    }
    assert_int_equal(fixture_look(results, 1999), 1);
    assert_int_equal(fixture->events[CACHE_EVENT_RESUMED], 1);
    cache_close(results);

    /* None of it has damaged the file. */
    results = fixture_open(fixture, 64 * MIB);
    cache_status(results, &status);
    assert_int_equal(status.set_aside, 0);
    assert_int_equal(fixture_look(results, 49), 1);
    cache_close(results);
}

static void a_cache_cannot_begin_on_a_full_disk_but_does_later(struct fixture *fixture)
{
    char ballast[128];
    struct cache_status status;
    (void)snprintf(ballast, sizeof ballast, "%s/ballast", fixture->root);
    fill(ballast);
    struct cache *results = fixture_open(fixture, 64 * MIB);
    cache_status(results, &status);
    assert_false(status.on);
    fixture_put(results, 1);
    cache_flush(results);
    assert_int_equal(fixture_look(results, 1), 0);
    assert_int_equal(unlink(ballast), 0);
    for (int i = 0; i < 200 && fixture_look(results, 1) == 0; i++) {
        (void)usleep(10000);
        fixture_put(results, 1);
        cache_flush(results);
    }
    assert_int_equal(fixture_look(results, 1), 1);
    cache_close(results);
}

static void on_small_disk(void **state, void (*test)(struct fixture *fixture))
{
    struct fixture *fixture = *state;
    if (geteuid() != 0 || mount("tmpfs", fixture->root, "tmpfs", 0, "size=2m") < 0) {
        print_message("# skipped: a small tmpfs cannot be mounted here\n");
        skip();
    }
    test(fixture);
}

static int unmount_and_teardown(void **state)
{
    struct fixture *fixture = *state;
    (void)umount2(fixture->root, MNT_DETACH); /* not mounted if the test was skipped */
    return fixture_teardown(state);
}

static void a_full_disk_pauses_writing(void **state)
{
    on_small_disk(state, writing_pauses_while_the_disk_is_full);
}

static void a_full_disk_at_the_start(void **state)
{
    on_small_disk(state, a_cache_cannot_begin_on_a_full_disk_but_does_later);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_full_disk_pauses_writing, fixture_setup,
                                        unmount_and_teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_at_the_start, fixture_setup,
                                        unmount_and_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
