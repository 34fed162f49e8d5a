/* SPDX-License-Identifier: Apache-2.0
 *
 * The header of a NumPy .npy file, read (format versions 1 to 3) and written (1): type, shape, and
 * where the data begins. Pure; reads foreign bytes. Source of the format: NumPy Enhancement
 * Proposal 1.
 */
#ifndef SITU_WIRE_NPY_H
#define SITU_WIRE_NPY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "data/tensor.h"

/* The bytes that tell how long a header is; and the length of the one that is written. */
enum { NPY_START_SIZE = 12, NPY_ROWS_HEADER_SIZE = 128 };

struct npy {
    enum datatype datatype;
    struct tensor_shape shape;
    bool fortran_order;
    size_t data_offset; /* from the file's start; a multiple of 16, of 64 where NumPy wrote it */
    size_t data_size;   /* bytes; exactly the rest of the file */
};

/* Errors, ERROR_UNDECODABLE: not a .npy file, damaged, a length that is not the shape's;
 * ERROR_UNFIT: big-endian, Fortran order, or a type that no model takes (strings, objects, complex
 * numbers, records), or too high a rank. */
must_check int npy_parse(const void *bytes, size_t size, struct npy *ret_npy, struct error *error);

/* How many bytes of a file are before its data, from its first NPY_START_SIZE bytes. At least
 * those. ERROR_UNDECODABLE. */
must_check int npy_header_size(const void *start, size_t size, size_t *ret_size,
                               struct error *error);

/* Reads these bytes. data_size stays 0; a Fortran order is the caller's to refuse. Otherwise errors
 * as of npy_parse(). */
must_check int npy_parse_header(const void *bytes, size_t size, struct npy *ret_npy,
                                struct error *error);

/* The header of `rows` rows of `width` float32 values, little-endian. */
void npy_write_rows_header(unsigned char header[NPY_ROWS_HEADER_SIZE], uint64_t rows, size_t width);

#endif
