/* SPDX-License-Identifier: Apache-2.0
 *
 * The infer request of the Open Inference Protocol V2, read: JSON, and after it the raw bytes of
 * the binary tensor data extension. Knows the extensions `classification` and `stored_object`, but
 * no models: the caller checks names, types and shapes against the model. Pure; any thread.
 */
#ifndef SITU_WIRE_V2_REQUEST_H
#define SITU_WIRE_V2_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "data/tensor.h"

/* One element of a BYTES tensor. */
struct v2_bytes {
    const char *data; /* borrowed */
    size_t size;
};

struct v2_input {
    /* A name of 1..LIMIT_TENSOR_NAME bytes, UTF-8; no index. The data is NULL if there are
     * `elements`. */
    struct tensor tensor;
    size_t count; /* the product of the shape */

    /* Only for BYTES that are not string tensors. With `stored_object` each element is the name
     * STORE/KEY of an object, NUL-terminated and without a NUL inside, otherwise any bytes; decoded
     * if it was `encoded`. Without, it is the element itself; base64 is decoded. */
    bool stored_object;
    bool encoded;
    struct v2_bytes *elements; /* `count` of them */
};

/* An output that the client asks for by name. */
struct v2_request_output {
    const char *name;
    uint32_t classification; /* 0, or the number of classes for each row (1..LIMIT_TOP) */
    bool binary;             /* raw bytes after the JSON of the answer */
};

struct v2_request {
    const char *id;          /* "" if there is none */
    bool partial;            /* parameters.on_error is "partial" */
    bool no_cache;           /* parameters.cache is false */
    bool binary_output;      /* parameters.binary_data_output: outputs not named in `outputs` */
    struct v2_input *inputs; /* names differ */
    size_t input_count;      /* 0..LIMIT_MODEL_TENSORS */
    struct v2_request_output *outputs; /* none: all of the model's; names differ */
    size_t output_count;
};

/* Reads a body. `json_size` is the value of the Inference-Header-Content-Length header, or NULL if
 * there is none and the whole body is JSON. The caller limits the size of a body before it is in
 * memory. On success *ret_request is owned by the caller (v2_request_free) and borrows from `body`,
 * which must outlive it. `strings`: BYTES inputs that do not name stored objects are string
 * tensors, of any number of elements, and are plain text in JSON, not base64.
 *
 * Errors: ERROR_MALFORMED; ERROR_TOO_LARGE for more than LIMIT_REQUEST_OBJECTS elements in BYTES
 * inputs or more than LIMIT_JSON_VALUES values in the JSON; ERROR_MEMORY. */
must_check int v2_request_parse(const void *body, size_t size, const char *json_size, bool strings,
                                struct v2_request **ret_request, struct error *error);

void v2_request_free(struct v2_request *request); /* NULL is fine */

static inline void cleanup_v2_request_function(struct v2_request **request)
{
    v2_request_free(*request);
}
#define cleanup_v2_request __attribute__((cleanup(cleanup_v2_request_function)))

#endif
