/* SPDX-License-Identifier: Apache-2.0
 *
 * The data of one input tensor of a V2 request in the form of v2_request.h: numbers from JSON in a
 * row, decoded elements, or pointers into the binary part. Internal to the reader of requests.
 * Pure; any thread.
 */
#ifndef SITU_WIRE_V2_DATA_H
#define SITU_WIRE_V2_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "base/pool.h"
#include "wire/v2_request.h"

/* The source of the data. The first four members belong to one input, the others to all. */
struct v2_source {
    const struct json *data; /* NULL if binary */
    bool binary;
    uint64_t binary_size; /* parameters.binary_data_size */
    bool base64;          /* of BYTES elements in JSON; otherwise plain text */

    bool strings;     /* BYTES are string tensors, unless they name stored objects */
    const char *rest; /* borrowed: the rest of the binary part */
    size_t rest_size;
    size_t object_count; /* BYTES elements so far */
};

/* Fills input->elements, or input->data and size_bytes, for its datatype and shape. */
must_check int v2_data_read(struct pool *memory, struct v2_source *source, struct v2_input *input,
                            struct error *error);

#endif
