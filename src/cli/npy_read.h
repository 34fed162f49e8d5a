/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows out of a NumPy file: two dimensions, float32 or float64, little-endian, C order. One thread.
 */
#ifndef SITU_CLI_NPY_READ_H
#define SITU_CLI_NPY_READ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { NPY_WIDTH_MAX = 65536, NPY_READ_FAULT_SIZE = 512 };

struct npy_reader {
    FILE *stream;
    size_t value_size;               /* 4 or 8 */
    size_t width;                    /* values of a row */
    uint64_t count;                  /* rows */
    float *row;                      /* owned */
    unsigned char *bytes;            /* owned; of a row */
    char fault[NPY_READ_FAULT_SIZE]; /* why it cannot be read; "" */
};

/* 0, or a negative errno with reader->fault. Call npy_reader_close in any case. */
int npy_reader_open(struct npy_reader *reader, const char *path);

/* The next row, in reader->row: 0, or a negative errno with reader->fault. Not more than count
 * times. */
int npy_reader_next(struct npy_reader *reader);

void npy_reader_close(struct npy_reader *reader);

#endif
