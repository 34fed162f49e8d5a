/* SPDX-License-Identifier: Apache-2.0
 *
 * The infer answer of the Open Inference Protocol V2, written: JSON, and after it the raw bytes of
 * the outputs that the client wants as binary data. Pure; any thread.
 */
#ifndef SITU_WIRE_V2_RESPONSE_H
#define SITU_WIRE_V2_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "data/pieces.h"
#include "data/tensor.h"

/* Everything is borrowed for the call. */
struct v2_output {
    struct tensor tensor; /* with a name; index unused */
    bool binary;          /* raw bytes after the JSON */
    struct pieces *later; /* the pieces for whose text the data are; they are put there, not
                             written, and must outlive them. NULL: none */
};

/* An element that failed, if the request has `on_error: partial`. */
struct v2_element_error {
    size_t index;       /* among the elements of the image input */
    const char *object; /* its name; NULL for an image in the request */
    enum error_code code;
    const char *message;
};

struct v2_response {
    const char *model_name;
    const char *model_version;
    const char *id; /* NULL or "" if the request had none */
    const struct v2_output *outputs;
    size_t output_count;
    const struct v2_element_error *errors; /* for `parameters.errors`, if there are any */
    size_t error_count;
};

/* Appends the JSON to `json` and the binary outputs, in order, to `binary`; the body is `json`,
 * then `binary`. If `binary` is not empty, the header Inference-Header-Content-Length is json->size
 * and the content type is application/octet-stream.
 *
 * Floats are written so that they read back the same, FP16 as the number it is, NaN and infinities
 * as null; integers exactly; BYTES elements as strings. Errors: -ENOMEM; ERROR_UNFIT for a BYTES
 * element that is not UTF-8, which JSON cannot hold; ERROR_INTERNAL if an output's data has not the
 * size of its shape. */
must_check int v2_response_write(const struct v2_response *response, struct buffer *json,
                                 struct buffer *binary, struct error *error);

/* Appends one element of the classification extension: `score:index:label`, or `score:index` if
 * `label` is NULL. */
void v2_response_write_classification(struct buffer *out, float score, uint32_t index,
                                      const char *label);

#endif
