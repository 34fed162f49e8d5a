/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading and writing rows by pread and pwrite; the machine is little-endian, as LMDB's file is.
 */
#include "index/rows.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "base/bytes.h"
#include "base/crc32c.h"

enum { HEAD = 16, SUM_AT = 0, SLOT_AT = 4, NUMBER_AT = 8 };

static int failed(struct error *error, const char *deed)
{
    return error_io(error, errno, "the index's rows cannot be %s", deed);
}

int rows_open(const char *path, uint32_t dimension, uint64_t id, struct rows *ret_rows,
              struct error *error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return failed(error, "opened");
    }
    *ret_rows = (struct rows){
        .fd = fd, .dimension = dimension, .vector_bytes = dimension * sizeof(float), .id = id};
    return 0;
}

void rows_close(struct rows *rows)
{
    if (rows->fd >= 0) {
        (void)close(take_fd(&rows->fd));
    }
}

/* Of the head behind its sum, and of all that is not in the file. */
static uint32_t sum_of(const struct rows *rows, const uint8_t head[HEAD], const float *vector)
{
    uint8_t id[8];
    bytes_put_u64(id, rows->id);
    uint32_t sum = crc32c_add(0, id, sizeof id);
    sum = crc32c_add(sum, head + SLOT_AT, HEAD - SLOT_AT);
    return crc32c_add(sum, vector, rows->vector_bytes);
}

static off_t offset_of(const struct rows *rows, uint32_t slot)
{
    return (off_t)(slot * (uint64_t)(HEAD + rows->vector_bytes));
}

/* The number's low half and the sum. */
static uint64_t tag_of(uint64_t number, uint32_t sum)
{
    return number << 32 | sum;
}

int rows_write(const struct rows *rows, uint32_t slot, uint64_t number, const float *vector,
               uint64_t *ret_tag, struct error *error)
{
    uint8_t head[HEAD];
    bytes_put_u32(head + SLOT_AT, slot);
    bytes_put_u64(head + NUMBER_AT, number);
    uint32_t sum = sum_of(rows, head, vector);
    bytes_put_u32(head + SUM_AT, sum);

    union {
        const void *from;
        void *base;
    } bytes = {.from = vector};
    struct iovec parts[] = {{.iov_base = head, .iov_len = HEAD},
                            {.iov_base = bytes.base, .iov_len = rows->vector_bytes}};
    ssize_t written;
    do {
        written = pwritev(rows->fd, parts, 2, offset_of(rows, slot));
    } while (written < 0 && errno == EINTR);
    if (written < 0) {
        return failed(error, "written");
    }
    if ((size_t)written != HEAD + rows->vector_bytes) {
        errno = ENOSPC; /* a file takes less than it is given only where space or quota ends */
        return failed(error, "written");
    }
    *ret_tag = tag_of(number, sum);
    return 0;
}

int rows_sync(const struct rows *rows, struct error *error)
{
    return fdatasync(rows->fd) < 0 ? failed(error, "synced") : 0;
}

int rows_read(const struct rows *rows, uint32_t slot, uint64_t tag, float *ret_vector)
{
    uint8_t head[HEAD];
    struct iovec parts[] = {{.iov_base = head, .iov_len = HEAD},
                            {.iov_base = ret_vector, .iov_len = rows->vector_bytes}};
    ssize_t got;
    do {
        got = preadv(rows->fd, parts, 2, offset_of(rows, slot));
    } while (got < 0 && errno == EINTR);
    if (got < 0 || (size_t)got != HEAD + rows->vector_bytes) {
        return -EBADMSG;
    }
    uint32_t sum = sum_of(rows, head, ret_vector);
    bool right = bytes_get_u32(head + SUM_AT) == sum && bytes_get_u32(head + SLOT_AT) == slot &&
                 tag_of(bytes_get_u64(head + NUMBER_AT), sum) == tag;
    return right ? 0 : -EBADMSG;
}

uint64_t rows_file_bytes(const struct rows *rows)
{
    struct stat status;
    return fstat(rows->fd, &status) == 0 ? (uint64_t)status.st_size : 0;
}
