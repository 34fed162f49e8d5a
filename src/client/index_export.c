/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the rows of an index.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/bytes.h"
#include "client/index_object.h"
#include "client/lines.h"
#include "client/reply.h"

struct situ_vectors {
    struct lines lines;
    struct buffer bytes; /* of the row returned last, as received */
    struct buffer row;   /* its values */
    struct situ_vector vector;
    const char *raw_name; /* the bytes of its name; borrowed from the line or from `names` */
    struct pool names;    /* owned */
};

static int begin(struct situ_vectors *vectors, struct situ *array, const char *index,
                 struct situ_error *error)
{
    int r = lines_init(&vectors->lines, array, error);
    if (r) {
        return r;
    }
    r = index_target(&vectors->lines.target, index, "/vectors", error);
    return r ? r : lines_begin(&vectors->lines, error);
}

int situ_index_export(struct situ *array, const char *index, struct situ_vectors **ret_vectors,
                      struct situ_error *error)
{
    if (ret_vectors) {
        *ret_vectors = NULL;
    }
    if (!array || !ret_vectors) {
        return -EINVAL;
    }
    struct situ_vectors *vectors = calloc(1, sizeof *vectors);
    if (!vectors) {
        return client_fail_memory(error);
    }
    int r = begin(vectors, array, index, error);
    if (r) {
        situ_vectors_free(vectors);
        return r;
    }
    *ret_vectors = vectors;
    return 0;
}

/* The values of a row: base64 of float32, little-endian. */
static int read_row(struct situ_vectors *vectors, const struct json *node, struct situ_error *error)
{
    const char *text = json_get_string(node, NULL);
    size_t length = json_length(node);
    size_t size = 0;
    buffer_clear(&vectors->bytes);
    buffer_clear(&vectors->row);
    uint8_t *bytes =
        text ? (uint8_t *)buffer_reserve(&vectors->bytes, base64_room(length) + 1) : NULL;
    if (text && !bytes) {
        return client_fail_memory(error);
    }
    if (!text || base64_decode(text, length, bytes, &size) || size == 0 || size % 4 != 0) {
        return client_fail(error, SITU_PROTOCOL, "the array gives a row that cannot be read");
    }
    float *values = (float *)(void *)buffer_reserve(&vectors->row, size);
    if (!values) {
        return client_fail_memory(error);
    }
    for (size_t i = 0; i < size / 4; i++) {
        uint32_t bits = bytes_get_u32(bytes + 4 * i);
        memcpy(&values[i], &bits, sizeof bits);
    }
    vectors->vector.values = values;
    vectors->vector.count = size / 4;
    return 1;
}

int situ_vector_next(struct situ_vectors *vectors, const struct situ_vector **ret_vector,
                     struct situ_error *error)
{
    if (!vectors || !ret_vector) {
        return -EINVAL;
    }
    for (;;) {
        int r = lines_next(&vectors->lines, error);
        if (r <= 0) {
            return r;
        }
        const struct json *root = vectors->lines.root;
        vectors->vector.object = json_get_string(json_member(root, "object"), NULL);
        if (!vectors->vector.object) {
            continue; /* an unknown line */
        }
        pool_done(&vectors->names);
        r = reply_name(root, "object", &vectors->names, &vectors->raw_name, error);
        if (r) {
            return r;
        }
        r = read_row(vectors, json_member(root, "embedding"), error);
        if (r > 0) {
            *ret_vector = &vectors->vector;
        }
        return r;
    }
}

const char *situ_vector_raw_name(const struct situ_vectors *vectors)
{
    return vectors ? vectors->raw_name : NULL;
}

uint64_t situ_vectors_damaged(const struct situ_vectors *vectors)
{
    return vectors ? vectors->lines.damaged : 0;
}

void situ_vectors_free(struct situ_vectors *vectors)
{
    if (vectors) {
        lines_done(&vectors->lines);
        pool_done(&vectors->names);
        buffer_done(&vectors->bytes);
        buffer_done(&vectors->row);
        free(vectors);
    }
}
