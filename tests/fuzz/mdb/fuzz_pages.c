/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks any bytes as a data file: the check stays within its pages, ends, and accepts no tree that
 * is larger than the file.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "mdb/pages.h"

enum { PAGE = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int look(void *context, const void *key, size_t key_size, const uint8_t *value, size_t size)
{
    size_t *sum = context;
    const uint8_t *bytes = key;
    for (size_t i = 0; i < key_size; i++) {
        *sum += bytes[i];
    }
    for (size_t i = 0; i < size; i++) {
        *sum += value[i];
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pages_summary summary;
    struct error error;
    size_t sum = 0;
    cleanup_fd int fd = memfd_create("data", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
        return 0;
    }
    if (pages_check(fd, PAGE, look, &sum, &summary, &error) == 0 &&
        summary.used_pages * PAGE > size) {
        abort();
    }
    return 0;
}
