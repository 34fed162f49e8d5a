/* SPDX-License-Identifier: Apache-2.0
 *
 * The directory of a test, made and removed.
 */
#include "disk_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

int disk_setup(void **state)
{
    struct disk_fixture *fixture = calloc(1, sizeof *fixture);
    if (!fixture) {
        return -1;
    }
    (void)snprintf(fixture->root, sizeof fixture->root, "/tmp/situ-jobs-XXXXXX");
    if (!mkdtemp(fixture->root)) {
        free(fixture);
        return -1;
    }
    (void)snprintf(fixture->path, sizeof fixture->path, "%s/file", fixture->root);
    *state = fixture;
    return 0;
}

int disk_teardown(void **state)
{
    struct disk_fixture *fixture = *state;
    disk_limit(0);
    DIR *directory = opendir(fixture->root);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        (void)unlinkat(dirfd(directory), entry->d_name, 0);
    }
    if (directory) {
        (void)closedir(directory);
    }
    int r = rmdir(fixture->root);
    free(fixture);
    return r;
}

char *disk_read(const char *path, size_t *ret_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    size_t size = disk_size(path);
    char *bytes = malloc(size + 1);
    assert_non_null(bytes);
    assert_int_equal(read(fd, bytes, size), size);
    bytes[size] = '\0';
    (void)close(fd);
    *ret_size = size;
    return bytes;
}

void disk_write(const char *path, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    (void)close(fd);
}

size_t disk_size(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return (size_t)status.st_size;
}

void disk_limit(size_t bytes)
{
    struct rlimit limit;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes > 0 ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}
