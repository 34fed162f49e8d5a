/* SPDX-License-Identifier: Apache-2.0
 *
 * The header of a NumPy .npy file, read (format versions 1 to 3) and written (1): type, shape, and
 * start of the data. Pure; reads untrusted input. Source of the format: NumPy Enhancement Proposal
 * 1.
 */
#ifndef SITU_WIRE_NPY_H
#define SITU_WIRE_NPY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "data/tensor.h"

/* The bytes that give a header's length; and the length of the header that is written. */
enum { NPY_START_SIZE = 12, NPY_ROWS_HEADER_SIZE = 128 };

struct npy {
    enum datatype datatype;
    struct tensor_shape shape;
    bool fortran_order;
    size_t data_offset; /* from the file's start; a multiple of 16, or of 64 if NumPy wrote it */
    size_t data_size;   /* bytes: the rest of the file */
};

/* ERROR_UNDECODABLE: not a .npy file, damaged, or a length that does not match the shape;
 * ERROR_UNFIT: big-endian, Fortran order, a type that no model takes (strings, objects, complex
 * numbers, records), or too many dimensions. */
must_check int npy_parse(const void *bytes, size_t size, struct npy *ret_npy, struct error *error);

/* The number of bytes before the data, from at least the first NPY_START_SIZE bytes of a file.
 * ERROR_UNDECODABLE. */
must_check int npy_header_size(const void *start, size_t size, size_t *ret_size,
                               struct error *error);

/* Reads these bytes. data_size stays 0; the caller must refuse Fortran order. Otherwise the errors
 * of npy_parse(). */
must_check int npy_parse_header(const void *bytes, size_t size, struct npy *ret_npy,
                                struct error *error);

/* Writes the header of `rows` rows of `width` float32 values, little-endian. */
void npy_write_rows_header(unsigned char header[NPY_ROWS_HEADER_SIZE], uint64_t rows, size_t width);

#endif
