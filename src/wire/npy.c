/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading .npy headers: a magic number, a length, and a Python dictionary of three known keys.
 */
#include "wire/npy.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD_V1 = 10, HEAD_V2 = 12, HEADER_MAX = 4096 };

static const char magic[] = "\x93NUMPY";

static int broken(struct error *error, const char *what)
{
    return error_set(error, ERROR_UNDECODABLE, "not a readable .npy file: %s", what);
}

static bool is_quote(char c)
{
    return c == '\'' || c == '"';
}

/* Where a key's value begins, or NULL. Keys stand in single or double quotes. */
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
    if (strncmp(order, "False", 5) != 0) {
        return error_set(error, ERROR_UNFIT, ".npy files must be in C order");
    }
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

int npy_parse(const void *bytes, size_t size, struct npy *ret_npy, struct error *error)
{
    const unsigned char *file = bytes;
    char header[HEADER_MAX + 1];
    if (size < HEAD_V2 || memcmp(file, magic, strlen(magic)) != 0) {
        return broken(error, "it does not begin as one");
    }
    bool first = file[6] == 1;
    size_t start = first ? HEAD_V1 : HEAD_V2;
    size_t length = (size_t)file[8] | (size_t)file[9] << 8;
    if (!first) {
        length |= (size_t)file[10] << 16 | (size_t)file[11] << 24;
    }
    if (file[6] < 1 || file[6] > 3 || length > HEADER_MAX || length > size - start) {
        return broken(error, "its header is of a later version, too long or cut off");
    }
    memcpy(header, file + start, length);
    header[length] = '\0';
    struct npy npy = {.data_offset = start + length, .data_size = size - start - length};
    int r = parse_type(header, &npy, error);
    if (r == 0) {
        r = parse_shape(header, &npy, error);
    }
    if (r < 0) {
        return r;
    }
    size_t count = 0;
    if (tensor_shape_count(&npy.shape, &count) < 0 ||
        count * datatype_size(npy.datatype) != npy.data_size || npy.data_offset % 16 != 0) {
        return broken(error, "its data is not as long as its shape says");
    }
    *ret_npy = npy;
    return 0;
}
