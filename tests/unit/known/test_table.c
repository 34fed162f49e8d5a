/* SPDX-License-Identifier: Apache-2.0
 *
 * A table of known objects as its owner sees it: what was put is there, batches are applied
 * completely or not at all, a walk is in byte order.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/limits.h"
#include "fixture.h"

static bool get(struct known *known, const char *key, struct known_object *ret_object)
{
    bool found = false;
    struct error error = {.code = ERROR_NONE};
    assert_int_equal(known_get(known, key, &found, ret_object, &error), 0);
    return found;
}

static void assert_number(struct known *known, const char *key, uint64_t number)
{
    struct known_object object;
    struct known_object wanted = fixture_object(number);
    assert_true(get(known, key, &object));
    assert_true(fixture_same(&object, &wanted));
}

static void assert_note(struct known *known, const char *wanted)
{
    char note[256] = "";
    size_t size = 0;
    assert_int_equal(known_note(known, note, sizeof note, &size, NULL), 0);
    assert_int_equal(size, strlen(wanted));
    assert_memory_equal(note, wanted, size);
}

/* Walks, joining the keys with commas. */
static void walk_all(struct known *known, const char *prefix, const char *after, char *text,
                     size_t capacity)
{
    struct known_walk *walk = NULL;
    struct known_object object;
    const char *key = NULL;
    size_t size = 0;
    int r = 0;
    text[0] = '\0';
    assert_int_equal(known_walk_new(known, prefix, after, &walk, NULL), 0);
    while ((r = known_walk_next(walk, &key, &object, NULL)) == 1) {
        size += (size_t)snprintf(text + size, capacity - size, "%s%s", size > 0 ? "," : "", key);
        assert_true(size < capacity);
    }
    assert_int_equal(r, 0);
    assert_int_equal(known_walk_next(walk, &key, &object, NULL), 0);
    known_walk_free(walk);
}

static void an_empty_table_has_nothing(void **state)
{
    char text[64];
    struct known_object object;
    struct known *known = fixture_open(*state);
    assert_int_equal(known_count(known), 0);
    assert_note(known, "");
    assert_false(get(known, "a", &object));
    assert_false(get(known, "", &object));
    walk_all(known, "", "", text, sizeof text);
    assert_string_equal(text, "");
    known_close(known);
    known_close(NULL);
    known_batch_free(NULL);
    known_walk_free(NULL);
}

static void what_was_committed_is_there_after_a_reopen(void **state)
{
    struct known *known = fixture_open(*state);
    struct known_batch *batch = fixture_batch(known);
    struct known_object object;
    fixture_put(batch, "a", 1);
    fixture_put(batch, "b", 7);
    fixture_put(batch, "c", 3);
    assert_int_equal(known_batch_size(batch), 3);
    assert_false(get(known, "a", &object)); /* not yet */
    fixture_commit(batch, "three");
    assert_int_equal(known_batch_size(batch), 0);
    assert_number(known, "a", 1);
    known_batch_free(batch);
    known_close(known);

    known = fixture_open(*state);
    assert_int_equal(known_count(known), 3);
    assert_number(known, "a", 1);
    assert_number(known, "b", 7);
    assert_number(known, "c", 3);
    assert_note(known, "three");
    known_close(known);
}

static void the_last_change_of_a_key_counts(void **state)
{
    struct known *known = fixture_open(*state);
    struct known_batch *batch = fixture_batch(known);
    struct known_object object;
    fixture_put(batch, "a", 1);
    fixture_put(batch, "a", 2);
    fixture_put(batch, "b", 3);
    assert_int_equal(known_batch_remove(batch, "b"), 0);
    assert_int_equal(known_batch_remove(batch, "never was"), 0);
    fixture_commit(batch, NULL);
    assert_number(known, "a", 2);
    assert_false(get(known, "b", &object));
    assert_int_equal(known_count(known), 1);

    fixture_put(batch, "a", 14);
    fixture_commit(batch, "noted");
    assert_number(known, "a", 14);
    assert_int_equal(known_count(known), 1);
    fixture_commit(batch, NULL); /* nothing at all */
    assert_note(known, "noted");
    fixture_commit(batch, "anew");
    assert_note(known, "anew");
    known_batch_free(batch);
    known_close(known);
}

static void what_is_no_key_or_note_is_refused(void **state)
{
    char key[LIMIT_KEY_BYTES + 2];
    char note[257] = {0};
    struct error error = {.code = ERROR_NONE};
    struct known *known = fixture_open(*state);
    struct known_batch *batch = fixture_batch(known);
    struct known_object object = fixture_object(1);
    memset(key, 'x', sizeof key);
    key[LIMIT_KEY_BYTES + 1] = '\0';
    assert_int_equal(known_batch_put(batch, key, &object), -EINVAL);
    assert_int_equal(known_batch_remove(batch, key), -EINVAL);
    assert_int_equal(known_batch_put(batch, "", &object), -EINVAL);
    assert_false(get(known, key, &object));
    object.state = 0;
    assert_int_equal(known_batch_put(batch, "a", &object), -EINVAL);
    assert_int_equal(known_batch_size(batch), 0);
    assert_true(known_batch_commit(batch, note, sizeof note, &error) < 0);
    assert_int_equal(error.code, ERROR_TOO_LARGE);
    assert_int_equal(known_batch_commit(batch, note, 256, &error), 0);
    known_batch_free(batch);
    known_close(known);
}

static void a_walk_begins_where_it_is_told(void **state)
{
    static const char *const keys[] = {"a",   "a-1", "a/",   "a/1",  "a/2", "a0",
                                       "b/x", "b/y", "\x01", "\xff", "k",   "l"};
    char text[256];
    struct known *known = fixture_open(*state);
    struct known_batch *batch = fixture_batch(known);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        fixture_put(batch, keys[i], i);
    }
    fixture_commit(batch, "note");
    walk_all(known, "", "", text, sizeof text);
    assert_string_equal(text, "\x01,a,a-1,a/,a/1,a/2,a0,b/x,b/y,k,l,\xff");
    walk_all(known, "a/", "", text, sizeof text);
    assert_string_equal(text, "a/,a/1,a/2");
    walk_all(known, "a/", "a/1", text, sizeof text);
    assert_string_equal(text, "a/2");
    walk_all(known, "a/", "a/11", text, sizeof text);
    assert_string_equal(text, "a/2");
    walk_all(known, "a/", "a", text, sizeof text);
    assert_string_equal(text, "a/,a/1,a/2");
    walk_all(known, "a/", "a/", text, sizeof text);
    assert_string_equal(text, "a/1,a/2");
    walk_all(known, "a/", "a0", text, sizeof text);
    assert_string_equal(text, "");
    walk_all(known, "", "b/x", text, sizeof text);
    assert_string_equal(text, "b/y,k,l,\xff");
    walk_all(known, "none", "", text, sizeof text);
    assert_string_equal(text, "");
    known_batch_free(batch);
    known_close(known);
}

static void a_long_walk_stays_in_step_with_commits(void **state)
{
    enum { COUNT = 20000 };
    char name[32];
    const char *key = NULL;
    struct known_object object;
    struct known_walk *walk = NULL;
    struct known *known = fixture_open(*state);
    struct known_batch *batch = fixture_batch(known);
    for (uint64_t i = 0; i < COUNT; i++) {
        (void)snprintf(name, sizeof name, "k%06u", (unsigned)i);
        fixture_put(batch, name, i);
    }
    fixture_commit(batch, NULL);
    assert_int_equal(known_walk_new(known, "k", "", &walk, NULL), 0);
    for (uint64_t i = 0; i < COUNT; i++) {
        (void)snprintf(name, sizeof name, "k%06u", (unsigned)i);
        struct known_object wanted = fixture_object(i);
        assert_int_equal(known_walk_next(walk, &key, &object, NULL), 1);
        assert_string_equal(key, name);
        assert_true(fixture_same(&object, &wanted));
        assert_int_equal(known_batch_remove(batch, name), 0); /* what was passed */
        if (i % 1000 == 999) {
            fixture_commit(batch, NULL);
            assert_int_equal(known_count(known), COUNT - i - 1);
        }
    }
    assert_int_equal(known_walk_next(walk, &key, &object, NULL), 0);
    known_walk_free(walk);
    known_batch_free(batch);
    known_close(known);
}

static void a_table_is_opened_once(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {.code = ERROR_NONE};
    struct known *known = fixture_open(fixture);
    struct known *other = NULL;
    assert_true(known_open(fixture->directory, 0, &other, &error) < 0);
    assert_int_equal(error.code, ERROR_CONFLICT);
    assert_true(known_remove(fixture->directory, &error) < 0);
    assert_int_equal(error.code, ERROR_CONFLICT);
    known_close(known);
    assert_int_equal(known_remove(fixture->directory, &error), 0);
    assert_int_equal(access(fixture->directory, F_OK), -1);
    assert_int_equal(known_remove(fixture->directory, &error), 0);
}

static void a_table_at_its_limit_stays_as_it_was(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {.code = ERROR_NONE};
    struct known *known = NULL;
    char name[64];
    struct known_object object;
    assert_int_equal(known_open(fixture->directory, UINT64_C(1) << 20, &known, &error), 0);
    struct known_batch *batch = fixture_batch(known);
    fixture_put(batch, "first", 1);
    fixture_commit(batch, "small");
    for (uint64_t i = 0; i < 50000; i++) {
        (void)snprintf(name, sizeof name, "a rather long name %08u", (unsigned)i);
        fixture_put(batch, name, i);
    }
    assert_true(known_batch_commit(batch, "big", 3, &error) < 0);
    assert_int_equal(error.code, ERROR_NO_SPACE);
    assert_int_equal(known_batch_size(batch), 50000);
    assert_int_equal(known_count(known), 1);
    assert_note(known, "small");
    assert_false(get(known, name, &object));
    struct known_batch *other = fixture_batch(known);
    fixture_put(other, "second", 2);
    fixture_commit(other, NULL);
    known_batch_free(other);
    known_batch_free(batch);
    known_close(known);
    known = fixture_open(fixture); /* a higher limit is fine, and so is a lower one */
    assert_int_equal(known_count(known), 2);
    known_close(known);
}

static void a_full_disk_is_told_and_does_no_harm(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {.code = ERROR_NONE};
    char name[64];
    if (geteuid() != 0 || mount("tmpfs", fixture->root, "tmpfs", 0, "size=1m") < 0) {
        print_message("# skipped: a small tmpfs cannot be mounted here\n");
        skip();
    }
    struct known *known = fixture_open(fixture);
    struct known_batch *batch = fixture_batch(known);
    fixture_put(batch, "first", 1);
    fixture_commit(batch, "small");
    for (uint64_t i = 0; i < 50000; i++) {
        (void)snprintf(name, sizeof name, "a rather long name %08u", (unsigned)i);
        fixture_put(batch, name, i);
    }
    assert_true(known_batch_commit(batch, "big", 3, &error) < 0);
    assert_int_equal(error.code, ERROR_NO_SPACE);
    assert_number(known, "first", 1);
    assert_int_equal(mount("tmpfs", fixture->root, "tmpfs", MS_REMOUNT, "size=64m"), 0);
    fixture_commit(batch, "big"); /* the same batch, when there is space */
    assert_int_equal(known_count(known), 50001);
    known_batch_free(batch);
    known_close(known);
    known = fixture_open(fixture);
    assert_int_equal(known_count(known), 50001);
    assert_note(known, "big");
    known_close(known);
}

static int unmount_and_teardown(void **state)
{
    struct fixture *fixture = *state;
    (void)umount2(fixture->root, MNT_DETACH); /* not mounted if the test was skipped */
    return fixture_teardown(state);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(an_empty_table_has_nothing),
        TEST(what_was_committed_is_there_after_a_reopen),
        TEST(the_last_change_of_a_key_counts),
        TEST(what_is_no_key_or_note_is_refused),
        TEST(a_walk_begins_where_it_is_told),
        TEST(a_long_walk_stays_in_step_with_commits),
        TEST(a_table_is_opened_once),
        TEST(a_table_at_its_limit_stays_as_it_was),
        cmocka_unit_test_setup_teardown(a_full_disk_is_told_and_does_no_harm, fixture_setup,
                                        unmount_and_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
