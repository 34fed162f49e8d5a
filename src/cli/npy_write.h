/* SPDX-License-Identifier: Apache-2.0
 *
 * Embeddings as a NumPy file: float32, little-endian, one row per object, written row by row; and a
 * file of the objects' names in the same order. Both have the suffix ".part" until they are
 * complete. One thread.
 */
#ifndef SITU_CLI_NPY_WRITE_H
#define SITU_CLI_NPY_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { NPY_FAULT_SIZE = 512 };

struct npy_file {
    char *path; /* owned */
    char *part; /* owned: while it is written */
    FILE *stream;
};

struct npy_writer {
    struct npy_file rows;
    struct npy_file names;
    int delimiter; /* after each name */
    size_t width;  /* values of a row; 0 before the first */
    uint64_t count;
    char fault[NPY_FAULT_SIZE]; /* why it cannot be written; "" */
};

/* The file of the names: "x.names" of "x.npy". The caller frees it. NULL: out of memory. */
char *npy_writer_names_path(const char *path);

/* "x.npy" has its names in "x.names". 0 or a negative errno, with npy->fault; npy_writer_close in
 * any case. */
int npy_writer_open(struct npy_writer *npy, const char *path, int delimiter);

/* 0, or a negative errno with npy->fault; then again at each call. */
int npy_writer_add(struct npy_writer *npy, const char *name, const float *values, size_t count);

/* Writes the header, and frees. `whole`: renames the files; otherwise they stay as .part, or are
 * removed if there are no rows. 0 or a negative errno with npy->fault, which stays readable. */
int npy_writer_close(struct npy_writer *npy, bool whole);

#endif
