/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads a V2 infer request. Runs in situd's request threads on untrusted input: every count is
 * compared with the actual input before memory is allocated. v2_data.c reads the tensors' data.
 */
#include "wire/v2_request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/pool.h"
#include "wire/member.h"
#include "wire/v2_data.h"

struct parsed {
    struct v2_request request; /* first: the public part */
    struct json *json;         /* owned; has the names and plain strings */
    struct pool memory;        /* owned; everything else */
};

static int malformed_type(const char *what, const char *wanted, struct error *error)
{
    return error_set(error, ERROR_MALFORMED, "request: %s must be %s", what, wanted);
}

/* A member that may be absent or null, then NULL; otherwise it must have that type. */
static const struct json *optional_member(struct member_reader *in, const struct json *object,
                                          const char *key, enum json_type type)
{
    const struct json *member = in->r < 0 ? NULL : json_member(object, key);
    if (json_type_of(member) == JSON_TYPE_NULL) {
        return NULL;
    }
    if (json_type_of(member) != type) {
        in->r = malformed_type(key, json_type_name(type), in->error);
        return NULL;
    }
    return member;
}

static bool optional_bool(struct member_reader *in, const struct json *object, const char *key,
                          bool fallback)
{
    return json_get_bool(optional_member(in, object, key, JSON_TYPE_BOOL), fallback);
}

static int find_json_size(size_t size, const char *header, size_t *ret_size, struct error *error)
{
    *ret_size = size;
    if (!header) {
        return 0;
    }
    size_t value = 0;
    const char *c = header;
    for (; *c >= '0' && *c <= '9' && value <= size; c++) {
        value = value * 10 + (size_t)(*c - '0');
    }
    if (c == header || *c != '\0' || value > size) {
        return error_set(error, ERROR_MALFORMED,
                         "Inference-Header-Content-Length must be the length of the JSON, and the "
                         "body has %zu bytes in all",
                         size);
    }
    *ret_size = value;
    return 0;
}

static int parse_parameters(const struct json *root, struct v2_request *request,
                            struct error *error)
{
    struct member_reader in = {.error = error};
    request->id = json_get_string(optional_member(&in, root, "id", JSON_TYPE_STRING), "");
    const struct json *parameters = optional_member(&in, root, "parameters", JSON_TYPE_OBJECT);
    request->binary_output = optional_bool(&in, parameters, "binary_data_output", false);
    request->no_cache = !optional_bool(&in, parameters, "cache", true);
    const char *word =
        json_get_string(optional_member(&in, parameters, "on_error", JSON_TYPE_STRING), "fail");
    request->partial = strcmp(word, "partial") == 0;
    if (!request->partial && strcmp(word, "fail") != 0) {
        return malformed_type("parameters.on_error", "\"fail\" or \"partial\"", error);
    }
    return in.r;
}

static int parse_name(const struct json *tensor, const char *what, size_t index,
                      const char **ret_name, struct error *error)
{
    const struct json *name = json_member(tensor, "name");
    if (json_length(name) == 0 || json_length(name) > LIMIT_TENSOR_NAME ||
        json_type_of(name) != JSON_TYPE_STRING) {
        return error_set(error, ERROR_MALFORMED,
                         "request: %s[%zu].name must be a string of 1 to %u bytes", what, index,
                         LIMIT_TENSOR_NAME);
    }
    *ret_name = json_get_string(name, "");
    return 0;
}

static int parse_shape(const struct json *tensor, struct v2_input *input, struct error *error)
{
    const struct json *shape = json_member(tensor, "shape");
    size_t rank = json_length(shape);
    if (json_type_of(shape) != JSON_TYPE_ARRAY || rank > LIMIT_TENSOR_RANK) {
        return error_set(error, ERROR_MALFORMED,
                         "input '%s': shape must be an array of at most %u dimensions",
                         input->tensor.name, LIMIT_TENSOR_RANK);
    }
    input->tensor.shape.rank = (uint32_t)rank;
    for (size_t i = 0; i < rank; i++) {
        input->tensor.shape.dims[i] = json_get_integer(json_element(shape, i), -1);
        if (input->tensor.shape.dims[i] < 0) {
            return error_set(error, ERROR_MALFORMED,
                             "input '%s': the dimensions of a shape must be integers, 0 or more",
                             input->tensor.name);
        }
    }
    if (tensor_shape_count(&input->tensor.shape, &input->count) < 0) {
        return error_set(error, ERROR_MALFORMED, "input '%s': the shape has too many elements",
                         input->tensor.name);
    }
    return 0;
}

static int parse_encoding(const struct json *parameters, const struct v2_input *input,
                          struct v2_source *source, struct error *error)
{
    const char *usual = source->strings ? "text" : "base64";
    const char *encoding = json_get_string(json_member(parameters, "encoding"), usual);
    source->base64 = strcmp(encoding, "base64") == 0;
    if (!source->base64 && strcmp(encoding, "text") != 0) {
        return error_set(error, ERROR_MALFORMED,
                         "input '%s': parameters.encoding must be \"base64\" or \"text\"",
                         input->tensor.name);
    }
    return 0;
}

/* Where the data of an input is: in the JSON, or the next bytes after it. */
static int find_source(const struct json *tensor, const struct json *parameters,
                       const struct v2_input *input, struct v2_source *source, struct error *error)
{
    struct member_reader in = {.error = error};
    const struct json *size =
        optional_member(&in, parameters, "binary_data_size", JSON_TYPE_INTEGER);
    if (in.r < 0) {
        return in.r;
    }
    if (json_member(parameters, "shared_memory_region")) {
        return error_set(error, ERROR_MALFORMED, "input '%s': shared memory is not supported here",
                         input->tensor.name);
    }
    source->data = json_member(tensor, "data");
    source->binary = size != NULL;
    source->binary_size = (uint64_t)json_get_integer(size, 0);
    if (source->binary == (source->data != NULL)) {
        return error_set(error, ERROR_MALFORMED,
                         "input '%s' must have either data or parameters.binary_data_size",
                         input->tensor.name);
    }
    return parse_encoding(parameters, input, source, error);
}

static int parse_input(struct parsed *parsed, const struct json *tensor, size_t index,
                       struct v2_source *source, struct error *error)
{
    struct v2_input *input = &parsed->request.inputs[index];
    int r = parse_name(tensor, "inputs", index, &input->tensor.name, error);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < index; i++) {
        if (strcmp(parsed->request.inputs[i].tensor.name, input->tensor.name) == 0) {
            return error_set(error, ERROR_MALFORMED, "request: input '%s' is there twice",
                             input->tensor.name);
        }
    }
    const char *type = json_get_string(json_member(tensor, "datatype"), "");
    input->tensor.datatype = datatype_parse(type);
    if (input->tensor.datatype == DATATYPE_NONE) {
        return error_set(error, ERROR_MALFORMED,
                         "input '%s': datatype '%.32s' is none of BOOL, UINT8 to UINT64, INT8 to "
                         "INT64, FP16, BF16, FP32, FP64, BYTES",
                         input->tensor.name, type);
    }
    r = parse_shape(tensor, input, error);
    if (r < 0) {
        return r;
    }
    struct member_reader in = {.error = error};
    const struct json *parameters = optional_member(&in, tensor, "parameters", JSON_TYPE_OBJECT);
    input->stored_object = optional_bool(&in, parameters, "stored_object", false);
    input->encoded = optional_bool(&in, parameters, "encoded", false);
    r = in.r < 0 ? in.r : find_source(tensor, parameters, input, source, error);
    if (r < 0) {
        return r;
    }
    if (input->stored_object && input->tensor.datatype != DATATYPE_BYTES) {
        return error_set(error, ERROR_MALFORMED,
                         "input '%s': stored objects are named in BYTES elements, not %s",
                         input->tensor.name, datatype_name(input->tensor.datatype));
    }
    return v2_data_read(&parsed->memory, source, input, error);
}

static int parse_inputs(struct parsed *parsed, struct v2_source *source, struct error *error)
{
    const struct json *inputs = json_member(parsed->json, "inputs");
    size_t count = json_length(inputs);
    bool none = json_type_of(inputs) == JSON_TYPE_NULL; /* a graph may have none */
    if ((json_type_of(inputs) != JSON_TYPE_ARRAY && !none) || count > LIMIT_MODEL_TENSORS) {
        return error_set(error, ERROR_MALFORMED,
                         "request: inputs must be an array of at most %u tensors",
                         LIMIT_MODEL_TENSORS);
    }
    struct v2_request *request = &parsed->request;
    request->inputs = pool_take(&parsed->memory, count * sizeof *request->inputs);
    if (!request->inputs) {
        return error_memory(error, "a request");
    }
    request->input_count = count;
    for (size_t i = 0; i < count; i++) {
        int r = parse_input(parsed, json_element(inputs, i), i, source, error);
        if (r < 0) {
            return r;
        }
    }
    if (source->rest_size > 0) {
        return error_set(error, ERROR_MALFORMED,
                         "request: %zu bytes behind the JSON belong to no input",
                         source->rest_size);
    }
    return 0;
}

static int parse_output(struct v2_request *request, const struct json *tensor, size_t index,
                        struct error *error)
{
    struct v2_request_output *output = &request->outputs[index];
    int r = parse_name(tensor, "outputs", index, &output->name, error);
    if (r < 0) {
        return r;
    }
    struct member_reader in = {.error = error};
    const struct json *parameters = optional_member(&in, tensor, "parameters", JSON_TYPE_OBJECT);
    output->binary = optional_bool(&in, parameters, "binary_data", request->binary_output);
    const struct json *classification =
        optional_member(&in, parameters, "classification", JSON_TYPE_INTEGER);
    if (in.r < 0) {
        return in.r;
    }
    if (json_member(parameters, "shared_memory_region")) {
        return error_set(error, ERROR_MALFORMED,
                         "output '%s': shared memory is not supported here; leave "
                         "shared_memory_region out and take the data from the answer",
                         output->name);
    }
    int64_t classes = json_get_integer(classification, 0);
    if (classes < 0 || classes > LIMIT_TOP) {
        return error_set(error, ERROR_MALFORMED, "output '%s': classification must be 1 to %u",
                         output->name, LIMIT_TOP);
    }
    output->classification = (uint32_t)classes;
    for (size_t i = 0; i < index; i++) {
        if (strcmp(request->outputs[i].name, output->name) == 0) {
            return error_set(error, ERROR_MALFORMED, "request: output '%s' is there twice",
                             output->name);
        }
    }
    return 0;
}

static int parse_outputs(struct parsed *parsed, struct error *error)
{
    struct member_reader in = {.error = error};
    const struct json *outputs = optional_member(&in, parsed->json, "outputs", JSON_TYPE_ARRAY);
    if (in.r < 0) {
        return in.r;
    }
    size_t count = json_length(outputs);
    if (count > LIMIT_MODEL_TENSORS) {
        return error_set(error, ERROR_MALFORMED, "request: outputs must be at most %u tensors",
                         LIMIT_MODEL_TENSORS);
    }
    struct v2_request *request = &parsed->request;
    request->outputs = pool_take(&parsed->memory, count * sizeof *request->outputs);
    if (!request->outputs) {
        return error_memory(error, "a request");
    }
    request->output_count = count;
    for (size_t i = 0; i < count; i++) {
        int r = parse_output(request, json_element(outputs, i), i, error);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int parse(struct parsed *parsed, struct v2_source *source, const char *body,
                 size_t json_size, struct error *error)
{
    if (json_values_above(body, json_size, LIMIT_JSON_VALUES)) {
        return error_set(error, ERROR_TOO_LARGE,
                         "request: more than %" PRIu64
                         " values in the JSON; send large tensors as binary data",
                         LIMIT_JSON_VALUES);
    }
    int r = json_parse_large(body, json_size, "request", &parsed->json, error);
    if (r < 0) {
        return r;
    }
    if (json_type_of(parsed->json) != JSON_TYPE_OBJECT) {
        return malformed_type("the body", "a JSON object", error);
    }
    r = parse_parameters(parsed->json, &parsed->request, error);
    if (r < 0) {
        return r;
    }
    r = parse_inputs(parsed, source, error);
    return r < 0 ? r : parse_outputs(parsed, error);
}

int v2_request_parse(const void *body, size_t size, const char *json_size, bool strings,
                     struct v2_request **ret_request, struct error *error)
{
    size_t json_bytes = 0;
    int r = find_json_size(size, json_size, &json_bytes, error);
    if (r < 0) {
        return r;
    }
    struct parsed *parsed = calloc(1, sizeof *parsed);
    if (!parsed) {
        return error_memory(error, "a request");
    }
    const char *text = size > 0 ? body : "";
    struct v2_source source = {
        .rest = text + json_bytes, .rest_size = size - json_bytes, .strings = strings};
    r = parse(parsed, &source, text, json_bytes, error);
    if (r < 0) {
        v2_request_free(&parsed->request);
        return r;
    }
    *ret_request = &parsed->request;
    return 0;
}

void v2_request_free(struct v2_request *request)
{
    if (request) {
        struct parsed *parsed = (struct parsed *)(void *)request;
        json_free(parsed->json);
        pool_done(&parsed->memory);
        free(parsed);
    }
}
