/* SPDX-License-Identifier: Apache-2.0
 *
 * Identities of files, and conclusions from their time stamps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/file_identity.h"

static bool is_fresh(const struct file_identity *file, int64_t now_ns)
{
    struct identity identity = file_identity_pack(file);
    return file_identity_is_fresh(&identity, now_ns);
}

static int64_t settles_in_ns(const struct file_identity *file, int64_t now_ns)
{
    struct identity identity = file_identity_pack(file);
    return file_identity_settles_in_ns(&identity, now_ns);
}

static bool is_same_remounted(const struct file_identity *a, const struct file_identity *b)
{
    struct identity before = file_identity_pack(a);
    struct identity now = file_identity_pack(b);
    return file_identity_is_same_remounted(&before, &now);
}

static void an_identity_reads_back(void **state)
{
    (void)state;
    const struct file_identity file = {UINT64_MAX, 2, 3, INT64_MIN, -1};
    struct identity identity = file_identity_pack(&file);
    struct file_identity back = file_identity_unpack(&identity);
    assert_int_equal(back.filesystem, file.filesystem);
    assert_int_equal(back.inode, file.inode);
    assert_int_equal(back.size_bytes, file.size_bytes);
    assert_int_equal(back.mtime_ns, file.mtime_ns);
    assert_int_equal(back.ctime_ns, file.ctime_ns);
}

static void a_remounted_object_keeps_inode_size_and_mtime(void **state)
{
    (void)state;
    const struct file_identity file = {1, 2, 3, 4, 5};
    assert_true(is_same_remounted(&file, &(struct file_identity){9, 2, 3, 4, 9}));
    assert_false(is_same_remounted(&file, &(struct file_identity){1, 9, 3, 4, 5}));
    assert_false(is_same_remounted(&file, &(struct file_identity){1, 2, 9, 4, 5}));
    assert_false(is_same_remounted(&file, &(struct file_identity){1, 2, 3, 9, 5}));
}

static void an_identity_is_fresh_within_a_clock_tick(void **state)
{
    (void)state;
    const int64_t second = INT64_C(1000000000);
    struct file_identity identity = {.mtime_ns = 5 * second + 7, .ctime_ns = 9 * second + 7};
    assert_true(is_fresh(&identity, 9 * second + 8));
    assert_true(is_fresh(&identity, 9 * second + 19000000));
    assert_false(is_fresh(&identity, 9 * second + 21000000));
    assert_true(is_fresh(&identity, 8 * second)); /* the clock went back */
    identity.ctime_ns = 9 * second;               /* whole seconds only: a coarse file system */
    assert_true(is_fresh(&identity, 10 * second + 5));
    assert_false(is_fresh(&identity, 11 * second + 5));
}

/* Every pass of a standing job would read it again and report it again, for years. */
static void an_object_from_a_camera_whose_clock_is_ahead_is_not_fresh_for_ever(void **state)
{
    (void)state;
    const int64_t hour = INT64_C(3600) * 1000000000;
    const int64_t now = INT64_C(500000) * hour;
    struct file_identity identity = {.mtime_ns = now + 5 * hour, .ctime_ns = now - hour};
    assert_false(is_fresh(&identity, now));
    identity.ctime_ns = now - 5;
    assert_true(is_fresh(&identity, now));
    identity.ctime_ns =
        now + 5 * hour; /* the server's clock is ahead, or this machine's clock went back */
    assert_true(is_fresh(&identity, now));
    identity.ctime_ns = now + 10 * 365 * 24 * hour;
    assert_false(is_fresh(&identity, now));
    identity = (struct file_identity){.mtime_ns = INT64_MAX, .ctime_ns = INT64_MIN};
    assert_false(is_fresh(&identity, now));
}

static void what_changed_lately_settles_in_half_a_second(void **state)
{
    const int64_t ms = INT64_C(1000000);
    const int64_t now = INT64_C(1796064010) * 1000 * ms;
    (void)state;
    struct file_identity identity = {.mtime_ns = now - 3 * ms, .ctime_ns = now - 2 * ms};
    assert_int_equal(settles_in_ns(&identity, now), 498 * ms);
    assert_int_equal(settles_in_ns(&identity, now + 497 * ms), ms);
    assert_int_equal(settles_in_ns(&identity, now + 498 * ms), 0);
    /* Copied with its times kept; and from a camera whose clock is ahead. */
    identity.mtime_ns = now - 5000000 * ms;
    assert_int_equal(settles_in_ns(&identity, now), 498 * ms);
    identity = (struct file_identity){.mtime_ns = now + 60000 * ms, .ctime_ns = now - 600 * ms};
    assert_int_equal(settles_in_ns(&identity, now), 0);
    /* Whole seconds. */
    identity = (struct file_identity){.mtime_ns = now - 1000 * ms, .ctime_ns = now - 1000 * ms};
    assert_int_equal(settles_in_ns(&identity, now), 1000 * ms);
    /* The clock of the file system's machine is a tick ahead. */
    identity = (struct file_identity){.mtime_ns = now + 9 * ms, .ctime_ns = now + 9 * ms};
    assert_int_equal(settles_in_ns(&identity, now), 509 * ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_identity_reads_back),
        cmocka_unit_test(a_remounted_object_keeps_inode_size_and_mtime),
        cmocka_unit_test(an_identity_is_fresh_within_a_clock_tick),
        cmocka_unit_test(what_changed_lately_settles_in_half_a_second),
        cmocka_unit_test(an_object_from_a_camera_whose_clock_is_ahead_is_not_fresh_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
