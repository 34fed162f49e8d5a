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

/* An element of BYTES as binary data: its length in four bytes, little-endian, before it. */
static int write_binary_elements(const struct v2_output *output, size_t count,
                                 struct buffer *binary, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        size_t size = output->elements[i].size;
        if (size > UINT32_MAX) {
            return error_set(error, ERROR_TOO_LARGE, "output '%s': element %zu has %zu bytes",
                             output->name, i, size);
        }
        const unsigned char length[4] = {(unsigned char)size, (unsigned char)(size >> 8),
                                         (unsigned char)(size >> 16), (unsigned char)(size >> 24)};
        buffer_append(binary, length, sizeof length);
        buffer_append(binary, output->elements[i].data, size);
    }
    return 0;
}

static int write_binary(const struct v2_output *output, size_t count, struct buffer *json,
                        struct buffer *binary, struct error *error)
{
    size_t begin = binary->size;
    size_t later = 0;
    if (output->elements) {
        int r = write_binary_elements(output, count, binary, error);
        if (r < 0) {
            return r;
        }
    } else if (output->later) {
        pieces_add_bytes(output->later, output->data, output->size_bytes);
        later = output->size_bytes;
    } else {
        buffer_append(binary, output->data, output->size_bytes);
    }
    buffer_printf(json, ",\"parameters\":{\"binary_data_size\":%zu}", binary->size - begin + later);
    return 0;
}

static int not_utf8(const struct v2_output *output, size_t index, struct error *error)
{
    return error_set(error, ERROR_UNFIT,
                     "output '%s': element %zu is not UTF-8 and cannot stand in JSON; ask for it "
                     "with parameters.binary_data",
                     output->name, index);
}

static int write_strings(const struct v2_output *output, struct buffer *json, struct error *error)
{
    struct tensor_bytes left = {output->data, output->size_bytes};
    const char *data = NULL;
    size_t size = 0;
    for (size_t i = 0; tensor_bytes_next(&left, &data, &size); i++) {
        if (!utf8_valid(data, size)) {
            return not_utf8(output, i, error);
        }
    }
    if (output->later) {
        pieces_add_strings(output->later, output->data, output->size_bytes);
    } else {
        tensor_json_write_strings(json, output->data, output->size_bytes);
    }
    return 0;
}

static int write_json(const struct v2_output *output, size_t count, struct buffer *json,
                      struct error *error)
{
    buffer_append_text(json, ",\"data\":");
    if (output->datatype != DATATYPE_BYTES && output->later) {
        pieces_add_numbers(output->later, output->datatype, output->data, count);
        return 0;
    }
    if (output->datatype != DATATYPE_BYTES) {
        tensor_json_write(json, output->datatype, output->data, count);
        return 0;
    }
    if (!output->elements) {
        return write_strings(output, json, error);
    }
    buffer_append_char(json, '[');
    for (size_t i = 0; i < count; i++) {
        const struct v2_bytes *element = &output->elements[i];
        if (!utf8_valid(element->data, element->size)) {
            return not_utf8(output, i, error);
        }
        if (i > 0) {
            buffer_append_char(json, ',');
        }
        json_write_bytes(json, element->data, element->size);
    }
    buffer_append_char(json, ']');
    return 0;
}

static int write_output(const struct v2_output *output, struct buffer *json, struct buffer *binary,
                        struct error *error)
{
    size_t count = 0;
    bool numbers = output->datatype != DATATYPE_BYTES;
    if (tensor_shape_count(&output->shape, &count) < 0 ||
        (numbers && count * datatype_size(output->datatype) != output->size_bytes) ||
        (!numbers && !output->elements &&
         !tensor_bytes_valid(output->data, output->size_bytes, count))) {
        return error_set(error, ERROR_INTERNAL, "output '%s' is not as long as its shape says",
                         output->name);
    }
    buffer_append_char(json, '{');
    write_member(json, "name", output->name);
    buffer_append_char(json, ',');
    write_member(json, "datatype", datatype_name(output->datatype));
    buffer_append_text(json, ",\"shape\":[");
    for (uint32_t i = 0; i < output->shape.rank; i++) {
        buffer_printf(json, "%s%" PRId64, i > 0 ? "," : "", output->shape.dims[i]);
    }
    buffer_append_char(json, ']');
    int r = output->binary ? write_binary(output, count, json, binary, error)
                           : write_json(output, count, json, error);
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

void v2_classification_write(struct buffer *out, float score, uint32_t index, const char *label)
{
    json_write_float(out, score);
    buffer_printf(out, ":%" PRIu32, index);
    if (label) {
        buffer_append_char(out, ':');
        buffer_append_text(out, label);
    }
}
