/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a NumPy file: it is refused with a message, or its rows are read, and never more
 * rows than the bytes have.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/npy_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    struct npy_reader reader;
    uint64_t rows = 0;
    int fd = memfd_create("npy", MFD_CLOEXEC);
    require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int r = npy_reader_open(&reader, path);
    while (r == 0 && rows < reader.count) {
        r = npy_reader_next(&reader);
        rows += r == 0;
    }
    require((r != 0) == (reader.fault[0] != '\0'));
    require(rows == 0 || rows * reader.width * reader.value_size <= size);
    npy_reader_close(&reader);
    (void)close(fd);
    return 0;
}
