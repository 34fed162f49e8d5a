/* SPDX-License-Identifier: Apache-2.0
 *
 * Which number identifies a file system: one that is the same after the next boot.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "store/dir/filesystem.h"

enum { EXT4 = 0xef53 };

static const uint8_t uuid[FILESYSTEM_UUID_SIZE] = {1, 2,  3,  4,  5,  6,  7,  8,
                                                   9, 10, 11, 12, 13, 14, 15, 16};

/* f_fsid of XFS, as in memory: what Linux calls huge_encode_dev(), the lower half first. */
static uint64_t fsid_of_device(unsigned major, unsigned minor)
{
    const uint32_t halves[] = {(minor & 0xff) | major << 8 | (minor & ~0xffu) << 12, 0};
    uint64_t fsid;
    memcpy(&fsid, halves, sizeof fsid);
    return fsid;
}

static void a_number_made_of_the_device_gives_way_to_the_uuid(void **state)
{
    (void)state;
    static const unsigned devices[][2] = {{253, 0}, {8, 1}, {259, 300}, {4095, 1048575}, {0, 41}};
    uint64_t chosen = filesystem_choose(makedev(8, 1), fsid_of_device(8, 1), uuid);
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
        dev_t device = makedev(devices[i][0], devices[i][1]);
        uint64_t fsid = fsid_of_device(devices[i][0], devices[i][1]);
        assert_true(filesystem_is_of_device(fsid, device));
        assert_true(filesystem_is_of_device(0, device));
        assert_true(filesystem_choose(device, fsid, uuid) == chosen); /* whatever the number */
        assert_true(filesystem_choose(device, 0, uuid) == chosen);
        assert_true(filesystem_choose(device, fsid, NULL) == fsid); /* as before, without a UUID */
        assert_true(filesystem_choose(device, 0, NULL) == device);
    }
    uint8_t other[FILESYSTEM_UUID_SIZE];
    memcpy(other, uuid, sizeof other);
    other[15] ^= 1;
    assert_true(filesystem_choose(makedev(8, 1), 0, other) != chosen);
}

/* Btrfs has a number for each subvolume, and one UUID for all of them. */
static void a_number_of_the_file_systems_own_stays(void **state)
{
    (void)state;
    const uint64_t own = UINT64_C(0x1122334455667788);
    assert_false(filesystem_is_of_device(own, makedev(0, 41)));
    assert_true(filesystem_choose(makedev(0, 41), own, uuid) == own);
    assert_true(filesystem_choose(makedev(0, 41), own, NULL) == own);
    assert_false(filesystem_is_of_device(fsid_of_device(8, 1), makedev(8, 2)));
}

static void a_uuid_that_says_nothing_is_passed_over(void **state)
{
    (void)state;
    static const uint8_t zeros[FILESYSTEM_UUID_SIZE];
    assert_true(filesystem_choose(makedev(8, 1), 0, zeros) == makedev(8, 1));
    assert_true(filesystem_choose(makedev(8, 1), fsid_of_device(8, 1), zeros) ==
                fsid_of_device(8, 1));
}

/* ext4 gives the same by both ways: the call is the right one, and so is the folding. */
static void the_kernel_tells_the_uuid(void **state)
{
    (void)state;
    uint8_t told[FILESYSTEM_UUID_SIZE];
    struct statfs info;
    uint64_t fsid;
    cleanup_fd int root = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(root >= 0);
    int r = filesystem_uuid(root, told);
    if (r == -ENOTTY || r == -EINVAL) {
        print_message("no UUID of /tmp is told: that takes Linux 6.9, and a UUID\n");
        skip();
    }
    assert_int_equal(r, 0);
    assert_int_equal(fstatfs(root, &info), 0);
    memcpy(&fsid, &info.f_fsid, sizeof fsid);
    if (info.f_type != EXT4) {
        print_message("/tmp is no ext4, to compare with\n");
        skip();
    }
    assert_true(filesystem_choose(0, 0, told) == fsid);
}

/* Through a path descriptor, on another file system than the root, and if it cannot be opened. */
static void any_descriptor_will_do(void **state)
{
    (void)state;
    static const char *const paths[] = {"/proc/self/status", "/dev/null", "/tmp"};
    cleanup_fd int root = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct stat info;
        uint64_t id = 0;
        uint64_t again = 1;
        cleanup_fd int fd = open(paths[i], O_PATH | O_CLOEXEC);
        assert_true(fd >= 0 && fstat(fd, &info) == 0);
        assert_true(filesystem_ask(fd, root, info.st_dev, &id));
        assert_true(filesystem_ask(fd, root, info.st_dev, &again));
        assert_true(id != 0 && id == again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_made_of_the_device_gives_way_to_the_uuid),
        cmocka_unit_test(a_number_of_the_file_systems_own_stays),
        cmocka_unit_test(a_uuid_that_says_nothing_is_passed_over),
        cmocka_unit_test(the_kernel_tells_the_uuid),
        cmocka_unit_test(any_descriptor_will_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
