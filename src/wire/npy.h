/* SPDX-License-Identifier: Apache-2.0
 *
 * The header of a NumPy .npy file (format versions 1 to 3): type, shape, and where the data begins.
 * Pure; reads foreign bytes. Source of the format: NumPy Enhancement Proposal 1.
 */
#ifndef SITU_WIRE_NPY_H
#define SITU_WIRE_NPY_H

#include <stddef.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "data/tensor.h"

struct npy {
    enum datatype datatype;
    struct tensor_shape shape;
    size_t data_offset; /* from the file's start; a multiple of 16, of 64 where NumPy wrote it */
    size_t data_size;   /* bytes; exactly the rest of the file */
};

/* Errors, ERROR_UNDECODABLE: not a .npy file, damaged, a length that is not the shape's;
 * ERROR_UNFIT: big-endian, Fortran order, or a type that no model takes (strings, objects, complex
 * numbers, records), or too high a rank. */
must_check int npy_parse(const void *bytes, size_t size, struct npy *ret_npy, struct error *error);

#endif
