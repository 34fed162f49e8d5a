/* SPDX-License-Identifier: Apache-2.0
 *
 * The infer answer of the Open Inference Protocol V2, written: JSON, and behind it the raw bytes of
 * the outputs that were asked for as binary data. Pure; any thread.
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
    bool binary;          /* raw bytes behind the JSON */
    struct pieces *later; /* the pieces whose text is the buffer that the data belong into; they are
                             put there, not written, and must outlive them. NULL: none */
};

/* An element that failed, where the request said `on_error: partial`. */
struct v2_element_error {
    size_t index;       /* among the elements of the image input */
    const char *object; /* its name, or NULL for an image in hand */
    enum error_code code;
    const char *message;
};

struct v2_response {
    const char *model_name;
    const char *model_version;
    const char *id; /* NULL or "" where the request had none */
    const struct v2_output *outputs;
    size_t output_count;
    const struct v2_element_error *errors; /* a `parameters.errors` member where there are any */
    size_t error_count;
};

/* Appends the JSON to `json` and the binary outputs, in order, to `binary`; the body is the one
 * after the other, and where `binary` is not empty, json->size goes into the header
 * Inference-Header-Content-Length and the content type is application/octet-stream.
 *
 * Floats are written so that they read back the same, FP16 as the number it is, NaN and infinities
 * as null; integers exactly; BYTES elements as strings. Errors: -ENOMEM; ERROR_UNFIT for a BYTES
 * element that is not UTF-8, which JSON cannot hold; ERROR_INTERNAL where an output's data is not
 * as long as its shape says. */
must_check int v2_response_write(const struct v2_response *response, struct buffer *json,
                                 struct buffer *binary, struct error *error);

/* Appends one element of the classification extension: `score:index:label`, or `score:index`
 * where `label` is NULL. */
void v2_response_write_classification(struct buffer *out, float score, uint32_t index,
                                      const char *label);

#endif
