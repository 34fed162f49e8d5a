/* SPDX-License-Identifier: Apache-2.0
 *
 * The data of one input tensor of a V2 request, brought into the form that v2_request.h promises:
 * numbers out of JSON in a row, elements decoded, or pointers into the binary part. Internal to the
 * reader of requests. Pure; any thread.
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

/* Where data comes from. The first four members are those of one input, the others of all. */
struct v2_source {
    const struct json *data; /* NULL where binary */
    bool binary;
    uint64_t binary_size; /* parameters.binary_data_size */
    bool base64;          /* of BYTES elements in JSON: else plain text */

    bool strings;     /* BYTES are string tensors, unless they name stored objects */
    const char *rest; /* borrowed: what is left of the binary part */
    size_t rest_size;
    size_t object_count; /* BYTES elements so far */
};

/* Fills input->elements, or input->data and size_bytes, for its datatype and shape. */
must_check int v2_data_read(struct pool *memory, struct v2_source *source, struct v2_input *input,
                            struct error *error);

#endif
