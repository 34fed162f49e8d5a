/* SPDX-License-Identifier: Apache-2.0
 *
 * The file of float32 rows, by slot: each has a head (checksum, slot, number) and the vector,
 * little-endian. The checksum covers the index's id, slot, number and vector, and the row's tag,
 * made of checksum and number, is stored with the key: a row of another index, of another slot, or
 * an older one that the disk did not overwrite is recognised. The file has no head of its own; all
 * the rest is in the meta database. It is read with pread and never mapped: a file that is too
 * short is a damaged row, not a SIGBUS. Any thread may read; no reader sees slots that are being
 * written.
 */
#ifndef SITU_INDEX_ROWS_H
#define SITU_INDEX_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

struct rows {
    int fd; /* owned */
    uint32_t dimension;
    size_t vector_bytes;
    uint64_t id; /* of the index */
};

must_check int rows_open(const char *path, uint32_t dimension, uint64_t id, struct rows *ret_rows,
                         struct error *error);
void rows_close(struct rows *rows);

/* Writes a row without syncing it; `number` is unique among all writes. */
must_check int rows_write(const struct rows *rows, uint32_t slot, uint64_t number,
                          const float *vector, uint64_t *ret_tag, struct error *error);
must_check int rows_sync(const struct rows *rows, struct error *error);

/* -EBADMSG where the slot has another row than that of the tag, or cannot be read. */
must_check int rows_read(const struct rows *rows, uint32_t slot, uint64_t tag, float *ret_vector);

uint64_t rows_file_bytes(const struct rows *rows);

#endif
