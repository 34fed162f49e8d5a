/* SPDX-License-Identifier: Apache-2.0
 *
 * .npy headers: a magic number, a length, and a Python dictionary of three known keys.
 */
#include "wire/npy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEAD_V1 = 10,
    HEAD_V2 = NPY_START_SIZE,
    HEADER_MAX = 65536, /* with the blanks at its end, which make room for a longer shape */
    TEXT_MAX = 4096     /* without them */
};

static const char magic[] = "\x93NUMPY";

static int broken(struct error *error, const char *what)
{
    return error_set(error, ERROR_UNDECODABLE, "not a readable .npy file: %s", what);
}

static bool is_quote(char c)
{
    return c == '\'' || c == '"';
}

/* Where a key's value begins, or NULL. Keys are in single or double quotes. */
static const char *find_value(const char *header, const char *key)
{
    size_t length = strlen(key);
    const char *found = strstr(header, key);
    while (found && (found == header || !is_quote(found[-1]) || !is_quote(found[length]))) {
        found = strstr(found + 1, key);
    }
    if (!found) {
        return NULL;
    }
    found += length + 1;
    found += strspn(found, " ");
    if (*found != ':') {
        return NULL;
    }
    return found + 1 + strspn(found + 1, " ");
}

static int parse_type(const char *header, struct npy *npy, struct error *error)
{
    static const struct {
        const char *name;
        enum datatype datatype;
    } types[] = {
        {"f4", DATATYPE_FP32},   {"f2", DATATYPE_FP16},   {"f8", DATATYPE_FP64},
        {"u1", DATATYPE_UINT8},  {"u2", DATATYPE_UINT16}, {"u4", DATATYPE_UINT32},
        {"u8", DATATYPE_UINT64}, {"i1", DATATYPE_INT8},   {"i2", DATATYPE_INT16},
        {"i4", DATATYPE_INT32},  {"i8", DATATYPE_INT64},  {"b1", DATATYPE_BOOL},
    };
    const char *value = find_value(header, "descr");
    if (!value || !is_quote(*value)) {
        return broken(error, "no simple 'descr' in its header");
    }
    value++;
    if (*value == '>') {
        return error_set(error, ERROR_UNFIT, ".npy files must be little-endian");
    }
    value += *value == '<' || *value == '|' || *value == '=';
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strncmp(value, types[i].name, 2) == 0 && is_quote(value[2])) {
            npy->datatype = types[i].datatype;
            return 0;
        }
    }
    return error_set(error, ERROR_UNFIT, "the .npy file's type '%.8s' is none that models take",
                     value);
}

static int parse_shape(const char *header, struct npy *npy, struct error *error)
{
    const char *order = find_value(header, "fortran_order");
    const char *value = find_value(header, "shape");
    if (!order || !value || *value != '(') {
        return broken(error, "no 'shape' or 'fortran_order' in its header");
    }
    npy->fortran_order = strncmp(order, "False", 5) != 0;
    value++;
    for (;;) {
        value += strspn(value, " ,");
        if (*value == ')') {
            return 0;
        }
        if (npy->shape.rank == LIMIT_TENSOR_RANK) {
            return error_set(error, ERROR_UNFIT, "the .npy file has more than %u dimensions",
                             LIMIT_TENSOR_RANK);
        }
        char *end = NULL;
        errno = 0;
        long long dim = *value >= '0' && *value <= '9' ? strtoll(value, &end, 10) : -1;
        if (dim < 0 || errno != 0) {
            return broken(error, "its shape is not a list of numbers");
        }
        npy->shape.dims[npy->shape.rank++] = dim;
        value = end;
    }
}

static size_t start_of(const unsigned char *file)
{
    return file[6] == 1 ? HEAD_V1 : HEAD_V2;
}

int npy_header_size(const void *start, size_t size, size_t *ret_size, struct error *error)
{
    const unsigned char *file = start;
    if (size < NPY_START_SIZE || memcmp(file, magic, strlen(magic)) != 0) {
        return broken(error, "it does not begin as one");
    }
    size_t length = (size_t)file[8] | (size_t)file[9] << 8;
    if (start_of(file) == HEAD_V2) {
        length |= (size_t)file[10] << 16 | (size_t)file[11] << 24;
    }
    size_t whole = start_of(file) + length;
    if (file[6] < 1 || file[6] > 3 || length > HEADER_MAX || whole < NPY_START_SIZE) {
        return broken(error, "its header is of a later version, too long or cut off");
    }
    *ret_size = whole;
    return 0;
}

int npy_parse_header(const void *bytes, size_t size, struct npy *ret_npy, struct error *error)
{
    const unsigned char *file = bytes;
    char header[TEXT_MAX + 1];
    struct npy npy = {.data_offset = 0};
    int r = npy_header_size(bytes, size, &npy.data_offset, error);
    if (r) {
        return r;
    }
    if (npy.data_offset > size) {
        return broken(error, "its header is cut off");
    }
    size_t length = npy.data_offset - start_of(file);
    const unsigned char *text = file + start_of(file);
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\n')) {
        length--;
    }
    if (length > TEXT_MAX) {
        return broken(error, "its header is too long");
    }
    memcpy(header, text, length);
    header[length] = '\0';
    r = parse_type(header, &npy, error);
    if (r) {
        return r;
    }
    r = parse_shape(header, &npy, error);
    if (r) {
        return r;
    }
    *ret_npy = npy;
    return 0;
}

int npy_parse(const void *bytes, size_t size, struct npy *ret_npy, struct error *error)
{
    struct npy npy = {.data_offset = 0};
    int r = npy_parse_header(bytes, size, &npy, error);
    if (r) {
        return r;
    }
    if (npy.fortran_order) {
        return error_set(error, ERROR_UNFIT, ".npy files must be in C order");
    }
    size_t count = 0;
    npy.data_size = size - npy.data_offset;
    if (tensor_shape_count(&npy.shape, &count) < 0 ||
        count * datatype_size(npy.datatype) != npy.data_size || npy.data_offset % 16 != 0) {
        return broken(error, "its data is not as long as its shape says");
    }
    *ret_npy = npy;
    return 0;
}

void npy_write_rows_header(unsigned char header[NPY_ROWS_HEADER_SIZE], uint64_t rows, size_t width)
{
    char text[NPY_ROWS_HEADER_SIZE - HEAD_V1];
    int length = snprintf(text, sizeof text,
                          "{'descr': '<f4', 'fortran_order': False, 'shape': (%" PRIu64 ", %zu), }",
                          rows, width);
    memset(header, ' ', NPY_ROWS_HEADER_SIZE);
    memcpy(header, magic, strlen(magic));
    header[6] = 1;
    header[7] = 0;
    header[8] = sizeof text;
    header[9] = 0;
    memcpy(header + HEAD_V1, text, (size_t)length);
    header[NPY_ROWS_HEADER_SIZE - 1] = '\n';
}
