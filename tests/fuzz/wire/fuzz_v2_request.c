/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: V2 infer requests, with and without a binary part. If the first byte is 0, all is
 * JSON; otherwise the JSON ends at the first NUL byte, or at the end. All promises about a request
 * are checked, byte by byte.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/tensor_bytes.h"
#include "wire/v2_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static unsigned sum_bytes(const void *bytes, size_t size)
{
    const unsigned char *p = bytes;
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum += p[i];
    }
    return sum;
}

static unsigned check_input(const struct v2_input *input)
{
    size_t count = 0;
    unsigned sum = 0;
    require(strlen(input->tensor.name) > 0 && strlen(input->tensor.name) <= LIMIT_TENSOR_NAME);
    require(tensor_shape_count(&input->tensor.shape, &count) == 0 && count == input->count);
    if (input->tensor.datatype != DATATYPE_BYTES) {
        require(input->tensor.size_bytes == count * datatype_size(input->tensor.datatype));
        return sum_bytes(input->tensor.data, input->tensor.size_bytes);
    }
    if (!input->elements) {
        require(tensor_bytes_valid(input->tensor.data, input->tensor.size_bytes, count));
        return sum_bytes(input->tensor.data, input->tensor.size_bytes);
    }
    require(count <= LIMIT_REQUEST_OBJECTS);
    for (size_t i = 0; i < count; i++) {
        sum += sum_bytes(input->elements[i].data, input->elements[i].size);
        if (input->stored_object) {
            require(strlen(input->elements[i].data) == input->elements[i].size);
        }
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static volatile unsigned sink; /* so that the read is not optimised away */
    struct v2_request *request = NULL;
    struct error error = {.code = ERROR_NONE};
    char header[24];
    if (size == 0) {
        return 0;
    }
    const uint8_t *body = data + 1;
    size_t body_size = size - 1;
    const uint8_t *end = memchr(body, 0, body_size);
    (void)snprintf(header, sizeof header, "%zu", end ? (size_t)(end - body) : body_size);
    int r = v2_request_parse(body, body_size, (data[0] & 1) == 0 ? NULL : header,
                             (data[0] & 2) != 0, &request, &error);
    if (r < 0) {
        require(error.code != ERROR_NONE && !request);
        return 0;
    }
    require(request->input_count <= LIMIT_MODEL_TENSORS);
    for (size_t i = 0; i < request->input_count; i++) {
        sink += check_input(&request->inputs[i]);
    }
    for (size_t i = 0; i < request->output_count; i++) {
        require(strlen(request->outputs[i].name) > 0);
        require(request->outputs[i].classification <= LIMIT_TOP);
    }
    (void)sink;
    v2_request_free(request);
    return 0;
}
