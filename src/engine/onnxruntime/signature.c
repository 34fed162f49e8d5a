/* SPDX-License-Identifier: Apache-2.0
 *
 * What a session takes and returns: names, types and shapes of its inputs and outputs. Outputs that
 * are not tensors of a served type are left out; such an input is an error. Runs on the worker's
 * main thread.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "engine/onnxruntime/onnxruntime.h"

/* Of those that are not served, for messages. */
static const char *type_name(ONNXTensorElementDataType ort)
{
    switch (ort) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_COMPLEX64:
        return "a tensor of complex64";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_COMPLEX128:
        return "a tensor of complex128";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT8E4M3FN:
        return "a tensor of float8e4m3fn";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT8E4M3FNUZ:
        return "a tensor of float8e4m3fnuz";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT8E5M2:
        return "a tensor of float8e5m2";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT8E5M2FNUZ:
        return "a tensor of float8e5m2fnuz";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT4:
        return "a tensor of uint4";
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT4:
        return "a tensor of int4";
    default:
        return "a tensor of a type that is not known";
    }
}

static const char *kind_name(ONNXType kind)
{
    switch (kind) {
    case ONNX_TYPE_SEQUENCE:
        return "a sequence";
    case ONNX_TYPE_MAP:
        return "a map";
    case ONNX_TYPE_SPARSETENSOR:
        return "a sparse tensor";
    case ONNX_TYPE_OPTIONAL:
        return "an optional value";
    case ONNX_TYPE_OPAQUE:
        return "an opaque value";
    default:
        return "of a kind that is not known";
    }
}

int ort_too_many(size_t count, const char *what, struct error *error)
{
    return error_set(error, ERROR_UNFIT, "the model has %zu %s; at most %u are served", count, what,
                     LIMIT_MODEL_TENSORS);
}

static int take_name(const char *name, const char *what, size_t number, struct tensor_info *info,
                     struct error *error)
{
    size_t length = strlen(name);
    if (length > LIMIT_TENSOR_NAME) {
        return error_set(error, ERROR_UNFIT,
                         "the name of %s %zu has %zu bytes, above the limit of %u", what, number,
                         length, LIMIT_TENSOR_NAME);
    }
    if (!utf8_valid(name, length)) {
        return error_set(error, ERROR_UNFIT, "the name of %s %zu is not UTF-8", what, number);
    }
    memcpy(info->name, name, length + 1);
    return 0;
}

/* The name of an input or output, by the session's order. */
static int read_name(const struct engine_model *model, size_t index, bool input,
                     struct tensor_info *info, struct error *error)
{
    const OrtApi *api = model->engine->api;
    OrtAllocator *allocator = NULL;
    char *name = NULL;
    int r = ort_check(model->engine, api->GetAllocatorWithDefaultOptions(&allocator),
                      ERROR_INTERNAL, "ONNX Runtime", error);
    if (r < 0) {
        return r;
    }
    r = ort_check(model->engine,
                  input ? api->SessionGetInputName(model->session, index, allocator, &name)
                        : api->SessionGetOutputName(model->session, index, allocator, &name),
                  ERROR_UNFIT, "model", error);
    if (r < 0) {
        return r;
    }
    r = take_name(name, input ? "input" : "output", index + 1, info, error);
    OrtStatus *status = api->AllocatorFree(allocator, name);
    if (status) {
        api->ReleaseStatus(status);
    }
    return r;
}

/* Type and shape of a tensor; *ret_unserved names the type where it is not served. */
static int read_type(const struct engine *engine, const OrtTypeInfo *type, struct tensor_info *info,
                     const char **ret_unserved, struct error *error)
{
    const OrtApi *api = engine->api;
    const OrtTensorTypeAndShapeInfo *tensor = NULL;
    enum ONNXType kind = ONNX_TYPE_UNKNOWN;
    ONNXTensorElementDataType element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    int r = ort_check(engine, api->GetOnnxTypeFromTypeInfo(type, &kind), ERROR_UNFIT, info->name,
                      error);
    if (r < 0) {
        return r;
    }
    if (kind != ONNX_TYPE_TENSOR) {
        *ret_unserved = kind_name(kind);
        return 0;
    }
    OrtStatus *status = api->CastTypeInfoToTensorInfo(type, &tensor);
    status = status ? status : api->GetTensorElementType(tensor, &element);
    r = ort_check(engine, status, ERROR_UNFIT, info->name, error);
    if (r < 0) {
        return r;
    }
    if (ort_datatype(element) == DATATYPE_NONE) {
        *ret_unserved = type_name(element);
        return 0;
    }
    return ort_read_shape(engine, tensor, info->name, &info->datatype, &info->shape, error);
}

/* *ret_unserved: NULL, or what it is where it is not served. */
static int describe(const struct engine_model *model, size_t index, bool input,
                    struct tensor_info *info, const char **ret_unserved, struct error *error)
{
    const OrtApi *api = model->engine->api;
    OrtTypeInfo *type = NULL;
    *ret_unserved = NULL;
    int r = read_name(model, index, input, info, error);
    if (r < 0) {
        return r;
    }
    r = ort_check(model->engine,
                  input ? api->SessionGetInputTypeInfo(model->session, index, &type)
                        : api->SessionGetOutputTypeInfo(model->session, index, &type),
                  ERROR_UNFIT, info->name, error);
    if (r < 0) {
        return r;
    }
    r = read_type(model->engine, type, info, ret_unserved, error);
    api->ReleaseTypeInfo(type);
    return r;
}

static int check_names(const struct tensor_info *tensors, uint32_t count, const char *what,
                       struct error *error)
{
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(tensors[i].name, tensors[k].name) == 0) {
                return error_set(error, ERROR_UNFIT, "two %s have the name '%s'", what,
                                 tensors[i].name);
            }
        }
    }
    return 0;
}

static int read_inputs(struct engine_model *model, size_t count, struct error *error)
{
    struct engine_signature *signature = &model->signature;
    if (count > LIMIT_MODEL_TENSORS) {
        return ort_too_many(count, "inputs", error);
    }
    for (size_t i = 0; i < count; i++) {
        const char *unserved = NULL;
        struct tensor_info *info = &signature->inputs[i];
        int r = describe(model, i, true, info, &unserved, error);
        if (r < 0) {
            return r;
        }
        if (unserved) {
            return error_set(error, ERROR_UNFIT, "input '%s' is %s, which is not served",
                             info->name, unserved);
        }
    }
    signature->input_count = (uint32_t)count;
    return check_names(signature->inputs, signature->input_count, "inputs", error);
}

/* Adds an output to the text of those that are left out; dots where there is no room for it. */
static void leave_out(struct engine_signature *signature, const char *name, const char *unserved)
{
    static const char dots[] = ", ...";
    char *text = signature->left_out;
    size_t used = strlen(text);
    size_t room = sizeof signature->left_out - sizeof dots - used;
    char words[LIMIT_TENSOR_NAME + 64];
    int length = snprintf(words, sizeof words, "%s'%s' (%s)", used > 0 ? ", " : "", name, unserved);
    if (length > 0 && (size_t)length < room) {
        memcpy(text + used, words, (size_t)length + 1);
    } else if (used < sizeof dots || strcmp(text + used - sizeof dots + 1, dots) != 0) {
        memcpy(text + used, dots, sizeof dots);
    }
}

/* It is an error where no output is left. */
static int read_outputs(struct engine_model *model, size_t count, struct error *error)
{
    struct engine_signature *signature = &model->signature;
    if (count > LIMIT_MODEL_TENSORS) {
        return ort_too_many(count, "outputs", error);
    }
    for (size_t i = 0; i < count; i++) {
        const char *unserved = NULL;
        struct tensor_info *info = &signature->outputs[signature->output_count];
        int r = describe(model, i, false, info, &unserved, error);
        if (r < 0) {
            return r;
        }
        if (unserved) {
            leave_out(signature, info->name, unserved);
        } else {
            signature->output_count++;
        }
    }
    if (signature->output_count == 0) {
        return error_set(error, ERROR_UNFIT, "the model has no output that is served: %s",
                         count > 0 ? signature->left_out : "it has none at all");
    }
    return check_names(signature->outputs, signature->output_count, "outputs", error);
}

int ort_read_signature(struct engine_model *model, struct error *error)
{
    const OrtApi *api = model->engine->api;
    size_t inputs = 0;
    size_t outputs = 0;
    OrtStatus *status = api->SessionGetInputCount(model->session, &inputs);
    status = status ? status : api->SessionGetOutputCount(model->session, &outputs);
    int r = ort_check(model->engine, status, ERROR_UNFIT, "model", error);
    if (r < 0) {
        return r;
    }
    r = read_inputs(model, inputs, error);
    return r < 0 ? r : read_outputs(model, outputs, error);
}
