/* SPDX-License-Identifier: Apache-2.0
 *
 * Small files: always the new one or the old one, and never anything that only looks like one.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/whole_file.h"

struct place {
    char root[64];
    char path[96];
};

static int setup(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    (void)snprintf(place->root, sizeof place->root, "/tmp/situ-whole-file-XXXXXX");
    *state = place;
    if (!mkdtemp(place->root)) {
        return -1;
    }
    (void)snprintf(place->path, sizeof place->path, "%s/file", place->root);
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    char fresh[128];
    (void)snprintf(fresh, sizeof fresh, "%s.new", place->path);
    (void)remove(fresh);
    (void)remove(place->path);
    (void)remove(place->root);
    free(place);
    return 0;
}

static void holds(const struct place *place, const char *wanted)
{
    struct buffer out = BUFFER_INIT;
    buffer_append_text(&out, "before ");
    assert_int_equal(whole_file_read(place->path, strlen(wanted), &out), 0);
    assert_string_equal(buffer_text(&out) + 7, wanted);
    buffer_done(&out);
}

static void the_new_one_takes_the_place_of_the_old(void **state)
{
    const struct place *place = *state;
    assert_int_equal(whole_file_write(place->path, "first", 5), 0);
    holds(place, "first");
    assert_int_equal(whole_file_write(place->path, "", 0), 0);
    holds(place, "");
    char *large = malloc(100001);
    assert_non_null(large);
    memset(large, 'x', 100000);
    large[100000] = '\0';
    assert_int_equal(whole_file_write(place->path, large, 100000), 0);
    holds(place, large);
    free(large);
}

static void what_cannot_be_written_leaves_the_old_one(void **state)
{
    const struct place *place = *state;
    char fresh[128];
    assert_int_equal(whole_file_write(place->path, "first", 5), 0);
    (void)snprintf(fresh, sizeof fresh, "%s.new", place->path);
    assert_int_equal(mkdir(fresh, 0700), 0);
    assert_int_equal(whole_file_write(place->path, "second", 6), -EISDIR);
    assert_int_equal(rmdir(fresh), 0);
    holds(place, "first");
    assert_int_equal(whole_file_write("/tmp/situ-no-such-directory/file", "x", 1), -ENOENT);
}

static void what_is_too_large_or_no_file_is_refused(void **state)
{
    const struct place *place = *state;
    struct buffer out = BUFFER_INIT;
    assert_int_equal(whole_file_read(place->path, 10, &out), -ENOENT);
    assert_int_equal(whole_file_write(place->path, "123456", 6), 0);
    assert_int_equal(whole_file_read(place->path, 5, &out), -EFBIG);
    assert_int_equal(whole_file_read(place->root, 5, &out), -EINVAL);
    assert_int_equal(unlink(place->path), 0);
    assert_int_equal(symlink("/etc/hostname", place->path), 0);
    assert_int_equal(whole_file_read(place->path, 1000, &out), -ELOOP);
    buffer_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_new_one_takes_the_place_of_the_old, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_written_leaves_the_old_one, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_too_large_or_no_file_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
