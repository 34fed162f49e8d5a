/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the NumPy format, versions 1 to 3. The header is a Python dictionary of three entries, of
 * which only the form that NumPy itself writes is understood.
 */
#include "cli/npy_read.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_MAX = 65536 };

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

/* What stands behind 'key': in the dictionary; NULL where there is none. */
static const char *value_of(const char *header, const char *key)
{
    char quoted[32];
    (void)snprintf(quoted, sizeof quoted, "'%s':", key);
    const char *at = strstr(header, quoted);
    return at ? at + strlen(quoted) + strspn(at + strlen(quoted), " ") : NULL;
}

/* A number with what stands behind it: false where it is none. */
static bool take_number(const char **at, uint64_t *ret_value)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(*at, &end, 10);
    if (**at < '0' || **at > '9' || errno) {
        return false;
    }
    *ret_value = value;
    *at = end + strspn(end, " ");
    return true;
}

static int read_shape(struct npy_reader *reader, const char *shape)
{
    uint64_t count = 0;
    uint64_t width = 0;
    bool good = shape && *shape++ == '(' && take_number(&shape, &count) && *shape++ == ',';
    if (good) {
        shape += strspn(shape, " ");
    }
    if (!good || !take_number(&shape, &width) || (*shape != ')' && *shape != ',')) {
        return fail(reader, EINVAL, "is no array of two dimensions, a row for each object");
    }
    if (width == 0 || width > NPY_WIDTH_MAX) {
        return fail(reader, EINVAL, "has rows of no values, or of too many");
    }
    reader->count = count;
    reader->width = (size_t)width;
    return 0;
}

static int read_dictionary(struct npy_reader *reader, const char *header)
{
    const char *type = value_of(header, "descr");
    const char *order = value_of(header, "fortran_order");
    if (!type || !order) {
        return fail(reader, EINVAL, "is no NumPy file that can be understood");
    }
    bool single = strncmp(type, "'<f4'", 5) == 0;
    if (!single && strncmp(type, "'<f8'", 5) != 0) {
        return fail(reader, EINVAL, "has other values than float32 or float64, little-endian");
    }
    if (strncmp(order, "False", 5) != 0) {
        return fail(reader, EINVAL, "is in Fortran's order; save numpy.ascontiguousarray() of it");
    }
    reader->value_size = single ? 4 : 8;
    return read_shape(reader, value_of(header, "shape"));
}

static int read_header(struct npy_reader *reader)
{
    unsigned char start[12];
    if (fread(start, 10, 1, reader->stream) != 1 || memcmp(start, "\x93NUMPY", 6) != 0 ||
        start[6] < 1 || start[6] > 3) {
        return fail(reader, EINVAL, "is no NumPy file");
    }
    size_t length = (size_t)start[8] | (size_t)start[9] << 8;
    if (start[6] > 1) {
        if (fread(start + 10, 2, 1, reader->stream) != 1) {
            return fail(reader, EINVAL, "is no NumPy file");
        }
        length |= (size_t)start[10] << 16 | (size_t)start[11] << 24;
    }
    if (length > HEADER_MAX) {
        return fail(reader, EINVAL, "is no NumPy file that can be understood");
    }
    char *header = calloc(1, length + 1);
    if (!header) {
        return fail(reader, ENOMEM, "out of memory");
    }
    int r = length == 0 || fread(header, length, 1, reader->stream) == 1
                ? read_dictionary(reader, header)
                : fail(reader, EINVAL, "is no NumPy file");
    free(header);
    return r;
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
