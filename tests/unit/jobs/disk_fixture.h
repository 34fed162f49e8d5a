/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of a job's files share: a directory of their own, and a bound on how large a file
 * may grow, in place of a disk that is full.
 */
#ifndef TESTS_JOBS_DISK_FIXTURE_H
#define TESTS_JOBS_DISK_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct disk_fixture {
    char root[64];  /* a new directory beneath /tmp */
    char path[128]; /* root/file */
};

int disk_setup(void **state);
int disk_teardown(void **state);

/* A whole file; the caller frees it. */
char *disk_read(const char *path, size_t *ret_size);
void disk_write(const char *path, const void *bytes, size_t size);
size_t disk_size(const char *path);

/* Until disk_limit(0), no file of this process grows above so many bytes: EFBIG. */
void disk_limit(size_t bytes);

#endif
