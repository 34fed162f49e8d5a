/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows out of a NumPy file.
 */
#include "cli/npy_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "wire/npy.h"

static int fail(struct npy_reader *reader, int errnum, const char *what)
{
    (void)snprintf(reader->fault, sizeof reader->fault, "%s", what);
    return -errnum;
}

static int fail_errno(struct npy_reader *reader, int errnum)
{
    char text[128] = "";
    (void)snprintf(reader->fault, sizeof reader->fault, "cannot be read: %s",
                   strerror_r(errnum, text, sizeof text));
    return -errnum;
}

/* The file must have float rows. */
static int take_header(struct npy_reader *reader, const struct npy *npy)
{
    if (npy->datatype != DATATYPE_FP32 && npy->datatype != DATATYPE_FP64) {
        return fail(reader, EINVAL, "has other values than float32 or float64, little-endian");
    }
    if (npy->fortran_order) {
        return fail(reader, EINVAL, "is in Fortran's order; save numpy.ascontiguousarray() of it");
    }
    if (npy->shape.rank != 2) {
        return fail(reader, EINVAL, "is no array of two dimensions, a row for each object");
    }
    if (npy->shape.dims[1] < 1 || npy->shape.dims[1] > NPY_WIDTH_MAX) {
        return fail(reader, EINVAL, "has rows of no values, or of too many");
    }
    reader->value_size = datatype_size(npy->datatype);
    reader->count = (uint64_t)npy->shape.dims[0];
    reader->width = (size_t)npy->shape.dims[1];
    return 0;
}

static int read_header(struct npy_reader *reader)
{
    unsigned char start[NPY_START_SIZE];
    size_t size = 0;
    if (fread(start, sizeof start, 1, reader->stream) != 1 ||
        npy_header_size(start, sizeof start, &size, NULL)) {
        return fail(reader, EINVAL, "is no NumPy file");
    }
    cleanup_free unsigned char *header = malloc(size);
    if (!header) {
        return fail(reader, ENOMEM, "out of memory");
    }
    memcpy(header, start, sizeof start);
    size_t rest = size - sizeof start;
    if (fread(header + sizeof start, 1, rest, reader->stream) != rest) {
        return fail(reader, EINVAL, "is no NumPy file");
    }
    struct npy npy = {.datatype = DATATYPE_NONE};
    struct error error;
    if (npy_parse_header(header, size, &npy, &error) && error.code != ERROR_UNFIT) {
        return fail(reader, EINVAL, "is no NumPy file that can be understood");
    }
    return take_header(reader, &npy);
}

int npy_reader_open(struct npy_reader *reader, const char *path)
{
    *reader = (struct npy_reader){.stream = fopen(path, "rbe")};
    if (!reader->stream) {
        return fail_errno(reader, errno);
    }
    int r = read_header(reader);
    if (r) {
        return r;
    }
    reader->row = calloc(reader->width, sizeof *reader->row);
    reader->bytes = calloc(reader->width, reader->value_size);
    return reader->row && reader->bytes ? 0 : fail(reader, ENOMEM, "out of memory");
}

static uint64_t little(const unsigned char *at, size_t size)
{
    uint64_t value = 0;
    for (size_t i = size; i > 0; i--) {
        value = value << 8 | at[i - 1];
    }
    return value;
}

int npy_reader_next(struct npy_reader *reader)
{
    if (fread(reader->bytes, reader->value_size, reader->width, reader->stream) != reader->width) {
        return ferror(reader->stream) ? fail_errno(reader, errno)
                                      : fail(reader, EINVAL, "ends before all its rows have come");
    }
    for (size_t i = 0; i < reader->width; i++) {
        uint64_t bits = little(reader->bytes + i * reader->value_size, reader->value_size);
        uint32_t single = (uint32_t)bits;
        if (reader->value_size == 4) {
            memcpy(&reader->row[i], &single, sizeof single);
        } else {
            double value;
            memcpy(&value, &bits, sizeof value);
            reader->row[i] = (float)value;
        }
    }
    return 0;
}

void npy_reader_close(struct npy_reader *reader)
{
    if (reader->stream) {
        (void)fclose(reader->stream);
    }
    free(reader->row);
    free(reader->bytes);
    reader->stream = NULL;
    reader->row = NULL;
    reader->bytes = NULL;
}
