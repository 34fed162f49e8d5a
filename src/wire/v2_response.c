/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes a V2 infer answer.
 */
#include "wire/v2_response.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "data/object_name.h"
#include "data/tensor_bytes.h"
#include "data/tensor_json.h"

static void put_binary(const struct v2_output *output, struct json_writer *w, struct buffer *binary)
{
    const struct tensor *tensor = &output->tensor;
    if (output->later) {
        pieces_add_bytes(output->later, tensor->data, tensor->size_bytes);
    } else {
        buffer_append(binary, tensor->data, tensor->size_bytes);
    }
    json_begin_object(w, "parameters");
    json_put_unsigned(w, "binary_data_size", tensor->size_bytes);
    json_end_object(w);
}

static int check_strings(const struct tensor *tensor, struct error *error)
{
    struct tensor_bytes left = {tensor->data, tensor->size_bytes};
    const char *data = NULL;
    size_t size = 0;
    for (size_t i = 0; tensor_bytes_next(&left, &data, &size); i++) {
        if (!utf8_valid(data, size)) {
            return error_set(error, ERROR_UNFIT,
                             "output '%s': element %zu is not UTF-8 and cannot stand in JSON; ask "
                             "for it with parameters.binary_data",
                             tensor->name, i);
        }
    }
    return 0;
}

static int put_data(const struct v2_output *output, size_t count, struct json_writer *w,
                    struct error *error)
{
    const struct tensor *tensor = &output->tensor;
    bool strings = tensor->datatype == DATATYPE_BYTES;
    int r = strings ? check_strings(tensor, error) : 0;
    if (r < 0) {
        return r;
    }
    struct buffer *out = json_put_raw(w, "data");
    if (output->later && strings) {
        pieces_add_strings(output->later, tensor->data, tensor->size_bytes);
    } else if (output->later) {
        pieces_add_numbers(output->later, tensor->datatype, tensor->data, count);
    } else if (strings) {
        tensor_json_write_strings(out, tensor->data, tensor->size_bytes);
    } else {
        tensor_json_write(out, tensor->datatype, tensor->data, count);
    }
    return 0;
}

static int put_output(const struct v2_output *output, struct json_writer *w, struct buffer *binary,
                      struct error *error)
{
    const struct tensor *tensor = &output->tensor;
    size_t count = 0;
    bool whole = tensor_shape_count(&tensor->shape, &count) == 0;
    if (whole && tensor->datatype == DATATYPE_BYTES) {
        whole = tensor_bytes_valid(tensor->data, tensor->size_bytes, count);
    } else if (whole) {
        whole = count * datatype_size(tensor->datatype) == tensor->size_bytes;
    }
    if (!whole) {
        return error_set(error, ERROR_INTERNAL, "output '%s' is not as long as its shape says",
                         tensor->name);
    }
    json_begin_object(w, NULL);
    json_put_string(w, "name", tensor->name);
    json_put_string(w, "datatype", datatype_name(tensor->datatype));
    json_begin_array(w, "shape");
    for (uint32_t i = 0; i < tensor->shape.rank; i++) {
        json_put_integer(w, NULL, tensor->shape.dims[i]);
    }
    json_end_array(w);
    int r = 0;
    if (output->binary) {
        put_binary(output, w, binary);
    } else {
        r = put_data(output, count, w, error);
    }
    json_end_object(w);
    return r;
}

static void put_errors(const struct v2_response *response, struct json_writer *w)
{
    json_begin_object(w, "parameters");
    json_begin_array(w, "errors");
    for (size_t i = 0; i < response->error_count; i++) {
        const struct v2_element_error *error = &response->errors[i];
        json_begin_object(w, NULL);
        json_put_unsigned(w, "index", error->index);
        if (error->object) {
            object_name_put(w, "object", error->object);
        }
        json_put_string(w, "code", error_code_name(error->code));
        json_put_string(w, "message", error->message);
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}

int v2_response_write(const struct v2_response *response, struct buffer *json,
                      struct buffer *binary, struct error *error)
{
    struct json_writer w = JSON_WRITER(json);
    json_begin_object(&w, NULL);
    json_put_string(&w, "model_name", response->model_name);
    json_put_string(&w, "model_version", response->model_version);
    if (response->id && response->id[0] != '\0') {
        json_put_string(&w, "id", response->id);
    }
    if (response->error_count > 0) {
        put_errors(response, &w);
    }
    json_begin_array(&w, "outputs");
    for (size_t i = 0; i < response->output_count; i++) {
        int r = put_output(&response->outputs[i], &w, binary, error);
        if (r < 0) {
            return r;
        }
    }
    json_end_array(&w);
    json_end_object(&w);
    if (buffer_ok(json) < 0 || buffer_ok(binary) < 0) {
        return error_memory(error, "an answer");
    }
    return 0;
}

void v2_response_write_classification(struct buffer *out, float score, uint32_t index,
                                      const char *label)
{
    json_put_float(&JSON_WRITER(out), NULL, score);
    buffer_printf(out, ":%" PRIu32, index);
    if (label) {
        buffer_append_char(out, ':');
        buffer_append_text(out, label);
    }
}
