/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing a V2 infer answer.
 */
#include "wire/v2_response.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "data/object_name.h"
#include "data/tensor_bytes.h"
#include "data/tensor_json.h"

static void write_member(struct buffer *json, const char *key, const char *value)
{
    json_write_string(json, key);
    buffer_append_char(json, ':');
    json_write_string(json, value);
}

static void write_binary(const struct v2_output *output, struct buffer *json, struct buffer *binary)
{
    const struct tensor *tensor = &output->tensor;
    if (output->later) {
        pieces_add_bytes(output->later, tensor->data, tensor->size_bytes);
    } else {
        buffer_append(binary, tensor->data, tensor->size_bytes);
    }
    buffer_printf(json, ",\"parameters\":{\"binary_data_size\":%zu}", tensor->size_bytes);
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

static int write_json(const struct v2_output *output, size_t count, struct buffer *json,
                      struct error *error)
{
    const struct tensor *tensor = &output->tensor;
    bool strings = tensor->datatype == DATATYPE_BYTES;
    int r = strings ? check_strings(tensor, error) : 0;
    if (r < 0) {
        return r;
    }
    buffer_append_text(json, ",\"data\":");
    if (output->later && strings) {
        pieces_add_strings(output->later, tensor->data, tensor->size_bytes);
    } else if (output->later) {
        pieces_add_numbers(output->later, tensor->datatype, tensor->data, count);
    } else if (strings) {
        tensor_json_write_strings(json, tensor->data, tensor->size_bytes);
    } else {
        tensor_json_write(json, tensor->datatype, tensor->data, count);
    }
    return 0;
}

static int write_output(const struct v2_output *output, struct buffer *json, struct buffer *binary,
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
    buffer_append_char(json, '{');
    write_member(json, "name", tensor->name);
    buffer_append_char(json, ',');
    write_member(json, "datatype", datatype_name(tensor->datatype));
    buffer_append_text(json, ",\"shape\":[");
    for (uint32_t i = 0; i < tensor->shape.rank; i++) {
        buffer_printf(json, "%s%" PRId64, i > 0 ? "," : "", tensor->shape.dims[i]);
    }
    buffer_append_char(json, ']');
    int r = 0;
    if (output->binary) {
        write_binary(output, json, binary);
    } else {
        r = write_json(output, count, json, error);
    }
    buffer_append_char(json, '}');
    return r;
}

static void write_errors(const struct v2_response *response, struct buffer *json)
{
    buffer_append_text(json, ",\"parameters\":{\"errors\":[");
    for (size_t i = 0; i < response->error_count; i++) {
        const struct v2_element_error *error = &response->errors[i];
        buffer_printf(json, "%s{\"index\":%zu,", i > 0 ? "," : "", error->index);
        if (error->object) {
            object_name_write(json, "object", error->object);
            buffer_append_char(json, ',');
        }
        write_member(json, "code", error_code_name(error->code));
        buffer_append_char(json, ',');
        write_member(json, "message", error->message);
        buffer_append_char(json, '}');
    }
    buffer_append_text(json, "]}");
}

int v2_response_write(const struct v2_response *response, struct buffer *json,
                      struct buffer *binary, struct error *error)
{
    buffer_append_char(json, '{');
    write_member(json, "model_name", response->model_name);
    buffer_append_char(json, ',');
    write_member(json, "model_version", response->model_version);
    if (response->id && response->id[0] != '\0') {
        buffer_append_char(json, ',');
        write_member(json, "id", response->id);
    }
    if (response->error_count > 0) {
        write_errors(response, json);
    }
    buffer_append_text(json, ",\"outputs\":[");
    for (size_t i = 0; i < response->output_count; i++) {
        if (i > 0) {
            buffer_append_char(json, ',');
        }
        int r = write_output(&response->outputs[i], json, binary, error);
        if (r < 0) {
            return r;
        }
    }
    buffer_append_text(json, "]}");
    if (buffer_ok(json) < 0 || buffer_ok(binary) < 0) {
        return error_memory(error, "an answer");
    }
    return 0;
}

void v2_response_write_classification(struct buffer *out, float score, uint32_t index,
                                      const char *label)
{
    json_write_float(out, score);
    buffer_printf(out, ":%" PRIu32, index);
    if (label) {
        buffer_append_char(out, ':');
        buffer_append_text(out, label);
    }
}
