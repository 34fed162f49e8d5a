/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine on ONNX Runtime's C API; the only file that knows it. Sessions are made from memory,
 * external tensor data comes from memory too, so nothing here opens a file. One thread a run
 * (intra-op 1, spinning off), unless the session is made for all cores.
 *
 * API level 18 is asked for, the first with external data from memory; every library since offers
 * it.
 */
#include <onnxruntime_c_api.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "data/tensor_bytes.h"
#include "engine/engine.h"
#include "engine/onnxruntime/onnx_counts.h"

enum { ORT_LEVEL = 18, OUTPUT_ALIGNMENT = 64 };

struct engine {
    const OrtApi *api; /* borrowed: static in the library */
    OrtEnv *env;       /* owned */
    OrtMemoryInfo *memory;
};

struct engine_model {
    const struct engine *engine; /* borrowed */
    OrtSession *session;         /* owned */
    struct engine_signature signature;
};

static const struct {
    ONNXTensorElementDataType ort;
    enum datatype datatype;
} type_map[] = {
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, DATATYPE_FP32},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16, DATATYPE_FP16},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE, DATATYPE_FP64},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, DATATYPE_UINT8},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8, DATATYPE_INT8},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16, DATATYPE_UINT16},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16, DATATYPE_INT16},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32, DATATYPE_UINT32},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, DATATYPE_INT32},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64, DATATYPE_UINT64},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, DATATYPE_INT64},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL, DATATYPE_BOOL},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING, DATATYPE_BYTES},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16, DATATYPE_BF16},
};

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

static enum datatype datatype_from_ort(ONNXTensorElementDataType ort)
{
    for (size_t i = 0; i < sizeof type_map / sizeof type_map[0]; i++) {
        if (type_map[i].ort == ort) {
            return type_map[i].datatype;
        }
    }
    return DATATYPE_NONE;
}

static ONNXTensorElementDataType datatype_to_ort(enum datatype datatype)
{
    for (size_t i = 0; i < sizeof type_map / sizeof type_map[0]; i++) {
        if (type_map[i].datatype == datatype) {
            return type_map[i].ort;
        }
    }
    return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
}

/* Turns a status into our error and releases it; 0 for success (a NULL status). */
static int ort_check(const struct engine *engine, OrtStatus *status, enum error_code code,
                     const char *what, struct error *error)
{
    if (!status) {
        return 0;
    }
    int r = error_set(error, code, "%s: %s", what, engine->api->GetErrorMessage(status));
    engine->api->ReleaseStatus(status);
    return r;
}

static void onnxruntime_close(struct engine *engine)
{
    if (!engine) {
        return;
    }
    if (engine->memory) {
        engine->api->ReleaseMemoryInfo(engine->memory);
    }
    if (engine->env) {
        engine->api->ReleaseEnv(engine->env);
    }
    free(engine);
}

static int onnxruntime_open(struct engine **ret_engine, struct error *error)
{
    struct engine *engine = calloc(1, sizeof *engine);
    if (!engine) {
        return error_memory(error, NULL);
    }
    engine->api = OrtGetApiBase()->GetApi(ORT_LEVEL);
    if (!engine->api) {
        free(engine);
        return error_set(error, ERROR_UNAVAILABLE,
                         "ONNX Runtime %s is too old: 1.18 or newer is needed",
                         OrtGetApiBase()->GetVersionString());
    }
    int r = ort_check(engine, engine->api->CreateEnv(ORT_LOGGING_LEVEL_ERROR, "situ", &engine->env),
                      ERROR_INTERNAL, "ONNX Runtime", error);
    if (r == 0) {
        r = ort_check(engine, engine->api->DisableTelemetryEvents(engine->env), ERROR_INTERNAL,
                      "ONNX Runtime", error);
    }
    if (r == 0) {
        r = ort_check(engine,
                      engine->api->CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault,
                                                       &engine->memory),
                      ERROR_INTERNAL, "ONNX Runtime", error);
    }
    if (r < 0) {
        onnxruntime_close(engine);
        return r;
    }
    *ret_engine = engine;
    return 0;
}

static int configure(const struct engine *engine, OrtSessionOptions *options, unsigned threads,
                     struct error *error)
{
    const OrtApi *api = engine->api;
    const char *what = "ONNX Runtime session options";
    int r = ort_check(engine, api->SetIntraOpNumThreads(options, (int)threads), ERROR_INTERNAL,
                      what, error);
    if (r == 0) {
        r = ort_check(engine, api->SetInterOpNumThreads(options, 1), ERROR_INTERNAL, what, error);
    }
    if (r == 0) {
        r = ort_check(engine,
                      api->AddSessionConfigEntry(options, "session.intra_op.allow_spinning", "0"),
                      ERROR_INTERNAL, what, error);
    }
    if (r == 0) {
        r = ort_check(engine, api->SetSessionGraphOptimizationLevel(options, ORT_ENABLE_ALL),
                      ERROR_INTERNAL, what, error);
    }
    return r;
}

static int add_externals(const struct engine *engine, OrtSessionOptions *options,
                         const struct engine_file *externals, size_t count, struct error *error)
{
    if (count == 0) {
        return 0;
    }
    const char **names = calloc(count, sizeof *names);
    char **data = calloc(count, sizeof *data);
    size_t *sizes = calloc(count, sizeof *sizes);
    int r = 0;
    if (!names || !data || !sizes) {
        r = error_memory(error, NULL);
        goto out;
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = externals[i].path;
        data[i] = (char *)(uintptr_t)externals[i].data; /* only read */
        sizes[i] = externals[i].size;
    }
    r = ort_check(
        engine,
        engine->api->AddExternalInitializersFromFilesInMemory(options, names, data, sizes, count),
        ERROR_UNFIT, "external data", error);
out:
    free(names);
    free(data);
    free(sizes);
    return r;
}

static int read_shape(const struct engine *engine, const OrtTensorTypeAndShapeInfo *info,
                      const char *name, enum datatype *ret_datatype, struct tensor_shape *ret_shape,
                      struct error *error)
{
    const OrtApi *api = engine->api;
    ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    size_t rank = 0;
    int r = ort_check(engine, api->GetTensorElementType(info, &type), ERROR_UNFIT, "tensor", error);
    if (r == 0) {
        r = ort_check(engine, api->GetDimensionsCount(info, &rank), ERROR_UNFIT, "tensor", error);
    }
    if (r < 0) {
        return r;
    }
    if (rank > LIMIT_TENSOR_RANK) {
        return error_set(error, ERROR_UNFIT, "'%s' has %zu dimensions; at most %u are served", name,
                         rank, LIMIT_TENSOR_RANK);
    }
    *ret_datatype = datatype_from_ort(type);
    *ret_shape = (struct tensor_shape){.rank = (uint32_t)rank};
    r = ort_check(engine, api->GetDimensions(info, ret_shape->dims, rank), ERROR_UNFIT, "tensor",
                  error);
    for (size_t i = 0; i < rank; i++) {
        if (ret_shape->dims[i] < 0) {
            ret_shape->dims[i] = -1;
        }
    }
    return r;
}

/* The name of an input or output, by the session's order. */
static int read_name(struct engine_model *model, size_t index, bool input, struct tensor_info *info,
                     struct error *error)
{
    const struct engine *engine = model->engine;
    const OrtApi *api = engine->api;
    OrtAllocator *allocator = NULL;
    char *name = NULL;
    const char *what = input ? "input" : "output";
    int r = ort_check(engine, api->GetAllocatorWithDefaultOptions(&allocator), ERROR_INTERNAL,
                      "ONNX Runtime", error);
    if (r == 0) {
        OrtStatus *status =
            input ? api->SessionGetInputName(model->session, index, allocator, &name)
                  : api->SessionGetOutputName(model->session, index, allocator, &name);
        r = ort_check(engine, status, ERROR_UNFIT, "model", error);
    }
    if (r == 0 && strlen(name) > LIMIT_TENSOR_NAME) {
        r = error_set(error, ERROR_UNFIT,
                      "the name of %s %zu has %zu bytes, above the limit "
                      "of %u",
                      what, index + 1, strlen(name), LIMIT_TENSOR_NAME);
    }
    if (r == 0 && !utf8_valid(name, strlen(name))) {
        r = error_set(error, ERROR_UNFIT, "the name of %s %zu is not UTF-8", what, index + 1);
    }
    if (r == 0) {
        (void)snprintf(info->name, sizeof info->name, "%s", name);
    }
    if (name) {
        OrtStatus *status = api->AllocatorFree(allocator, name);
        if (status) {
            api->ReleaseStatus(status);
        }
    }
    return r;
}

/* Type and shape of a tensor; *ret_unserved says what it is where that is not served. */
static int read_type(const struct engine *engine, const OrtTypeInfo *type, struct tensor_info *info,
                     const char **ret_unserved, struct error *error)
{
    const OrtApi *api = engine->api;
    const OrtTensorTypeAndShapeInfo *tensor = NULL;
    enum ONNXType kind = ONNX_TYPE_UNKNOWN;
    ONNXTensorElementDataType element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    *ret_unserved = NULL;
    int r = ort_check(engine, api->GetOnnxTypeFromTypeInfo(type, &kind), ERROR_UNFIT, info->name,
                      error);
    if (r == 0 && kind != ONNX_TYPE_TENSOR) {
        *ret_unserved = kind_name(kind);
        return 0;
    }
    if (r == 0) {
        r = ort_check(engine, api->CastTypeInfoToTensorInfo(type, &tensor), ERROR_UNFIT, info->name,
                      error);
    }
    if (r == 0) {
        r = ort_check(engine, api->GetTensorElementType(tensor, &element), ERROR_UNFIT, info->name,
                      error);
    }
    if (r == 0 && datatype_from_ort(element) == DATATYPE_NONE) {
        *ret_unserved = type_name(element);
        return 0;
    }
    return r < 0 ? r : read_shape(engine, tensor, info->name, &info->datatype, &info->shape, error);
}

static int describe(struct engine_model *model, size_t index, bool input, struct tensor_info *info,
                    const char **ret_unserved, struct error *error)
{
    const struct engine *engine = model->engine;
    const OrtApi *api = engine->api;
    OrtTypeInfo *type = NULL;
    int r = read_name(model, index, input, info, error);
    if (r == 0) {
        OrtStatus *status = input ? api->SessionGetInputTypeInfo(model->session, index, &type)
                                  : api->SessionGetOutputTypeInfo(model->session, index, &type);
        r = ort_check(engine, status, ERROR_UNFIT, info->name, error);
    }
    if (r == 0) {
        r = read_type(engine, type, info, ret_unserved, error);
    }
    if (type) {
        api->ReleaseTypeInfo(type);
    }
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

static int too_many(size_t count, const char *what, struct error *error)
{
    return error_set(error, ERROR_UNFIT, "the model has %zu %s; at most %u are served", count, what,
                     LIMIT_MODEL_TENSORS);
}

static int read_inputs(struct engine_model *model, size_t count, struct error *error)
{
    struct engine_signature *signature = &model->signature;
    if (count > LIMIT_MODEL_TENSORS) {
        return too_many(count, "inputs", error);
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

/* Adds an output to those that are left out; where there are too many words, dots stand for them.
 */
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

/* What is no tensor of a served type is left out, as long as something is left. */
static int read_outputs(struct engine_model *model, size_t count, struct error *error)
{
    struct engine_signature *signature = &model->signature;
    if (count > LIMIT_MODEL_TENSORS) {
        return too_many(count, "outputs", error);
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

static int read_signature(struct engine_model *model, struct error *error)
{
    const struct engine *engine = model->engine;
    size_t inputs = 0;
    size_t outputs = 0;
    int r = ort_check(engine, engine->api->SessionGetInputCount(model->session, &inputs),
                      ERROR_UNFIT, "model", error);
    if (r == 0) {
        r = ort_check(engine, engine->api->SessionGetOutputCount(model->session, &outputs),
                      ERROR_UNFIT, "model", error);
    }
    if (r == 0) {
        r = read_inputs(model, inputs, error);
    }
    return r < 0 ? r : read_outputs(model, outputs, error);
}

/* Before a session is made of it. Each initialiser stands for one input at most, so that there are
 * at least as many inputs as are left. What cannot be read is for ONNX Runtime to refuse. */
static int check_counts(const struct engine_file *file, struct error *error)
{
    struct onnx_counts counts = {0};
    if (onnx_counts_read(file->data, file->size, &counts) < 0) {
        return 0;
    }
    if (counts.outputs > LIMIT_MODEL_TENSORS) {
        return too_many(counts.outputs, "outputs", error);
    }
    if (counts.inputs > counts.initializers &&
        counts.inputs - counts.initializers > LIMIT_MODEL_TENSORS) {
        return too_many(counts.inputs - counts.initializers, "inputs", error);
    }
    return 0;
}

static void onnxruntime_unload(struct engine_model *model)
{
    if (model) {
        if (model->session) {
            model->engine->api->ReleaseSession(model->session);
        }
        free(model);
    }
}

/* NOLINTNEXTLINE(readability-function-size): the seam's parameters are what a load is made of */
static int onnxruntime_load(struct engine *engine, const struct engine_file *file,
                            const struct engine_file *externals, size_t external_count,
                            unsigned threads, struct engine_model **ret_model, struct error *error)
{
    OrtSessionOptions *options = NULL;
    int r = check_counts(file, error);
    if (r < 0) {
        return r;
    }
    struct engine_model *model = calloc(1, sizeof *model);
    if (!model) {
        return error_memory(error, NULL);
    }
    model->engine = engine;
    r = ort_check(engine, engine->api->CreateSessionOptions(&options), ERROR_INTERNAL,
                  "ONNX Runtime", error);
    if (r == 0) {
        r = configure(engine, options, threads, error);
    }
    if (r == 0) {
        r = add_externals(engine, options, externals, external_count, error);
    }
    if (r == 0) {
        r = ort_check(engine,
                      engine->api->CreateSessionFromArray(engine->env, file->data, file->size,
                                                          options, &model->session),
                      ERROR_UNFIT, file->path, error);
    }
    if (r == 0) {
        r = read_signature(model, error);
    }
    if (options) {
        engine->api->ReleaseSessionOptions(options);
    }
    if (r < 0) {
        onnxruntime_unload(model);
        return r;
    }
    *ret_model = model;
    return 0;
}

static const struct engine_signature *onnxruntime_signature(const struct engine_model *model)
{
    return &model->signature;
}

/* The bytes that an output's elements take. */
static int measure_output(const struct engine *engine, const OrtValue *value, const char *name,
                          struct tensor *output, struct error *error)
{
    size_t count = 0;
    size_t text = 0;
    if (output->datatype == DATATYPE_NONE || tensor_shape_count(&output->shape, &count) < 0) {
        return error_set(error, ERROR_UNFIT, "output '%s' has a type that is not served (%s)", name,
                         datatype_name(output->datatype));
    }
    if (output->datatype != DATATYPE_BYTES) {
        output->size_bytes = count * datatype_size(output->datatype);
        return 0;
    }
    int r = ort_check(engine, engine->api->GetStringTensorDataLength(value, &text), ERROR_UNFIT,
                      name, error);
    output->size_bytes = count * TENSOR_BYTES_HEAD + text;
    return r;
}

/* Strings one by one, each behind its length; their lengths add up to what was measured. */
static int copy_strings(const struct engine *engine, const OrtValue *value,
                        const struct tensor *output, char *to, const char *name,
                        struct error *error)
{
    size_t count = 0;
    size_t used = 0;
    int r = tensor_shape_count(&output->shape, &count);
    for (size_t i = 0; i < count && r == 0; i++) {
        size_t length = 0;
        r = ort_check(engine, engine->api->GetStringTensorElementLength(value, i, &length),
                      ERROR_UNFIT, name, error);
        if (r == 0 && (length > UINT32_MAX || used + TENSOR_BYTES_HEAD > output->size_bytes ||
                       length > output->size_bytes - used - TENSOR_BYTES_HEAD)) {
            r = error_set(error, ERROR_UNFIT, "output '%s' has a string of %zu bytes", name,
                          length);
        }
        if (r == 0) {
            char *at = to + used;
            tensor_bytes_put(at, (uint32_t)length);
            r = ort_check(
                engine,
                engine->api->GetStringTensorElement(value, length, i, at + TENSOR_BYTES_HEAD),
                ERROR_UNFIT, name, error);
            used += TENSOR_BYTES_HEAD + length;
        }
    }
    return r;
}

static int copy_numbers(const struct engine *engine, OrtValue *value, const struct tensor *output,
                        void *to, const char *name, struct error *error)
{
    void *data = NULL;
    int r = ort_check(engine, engine->api->GetTensorMutableData(value, &data), ERROR_UNFIT, name,
                      error);
    if (r == 0 && output->size_bytes > 0) {
        memcpy(to, data, output->size_bytes);
    }
    return r;
}

/* Copies one output value behind the ones that stand already; advances *used. */
static int take_output(const struct engine_model *model, OrtValue *value, uint32_t index,
                       struct engine_run *run, size_t *used, struct error *error)
{
    const struct engine *engine = model->engine;
    const char *name = model->signature.outputs[index].name;
    struct tensor *output = &run->outputs[run->output_count];
    OrtTensorTypeAndShapeInfo *info = NULL;
    int r = ort_check(engine, engine->api->GetTensorTypeAndShape(value, &info), ERROR_UNFIT, name,
                      error);
    if (r < 0) {
        return r;
    }
    output->index = index;
    r = read_shape(engine, info, name, &output->datatype, &output->shape, error);
    engine->api->ReleaseTensorTypeAndShapeInfo(info);
    if (r == 0) {
        r = measure_output(engine, value, name, output, error);
    }
    if (r < 0) {
        return r;
    }
    size_t start = (*used + OUTPUT_ALIGNMENT - 1) / OUTPUT_ALIGNMENT * OUTPUT_ALIGNMENT;
    if (start > run->area_size || output->size_bytes > run->area_size - start) {
        char shape[128];
        return error_set(error, ERROR_TOO_LARGE,
                         "output '%s' is %s %s, %zu bytes: above the limit of %zu for all outputs",
                         name, datatype_name(output->datatype),
                         tensor_shape_text(&output->shape, shape, sizeof shape), output->size_bytes,
                         run->area_size);
    }
    char *to = (char *)run->area + start;
    output->data = to;
    r = output->datatype == DATATYPE_BYTES ? copy_strings(engine, value, output, to, name, error)
                                           : copy_numbers(engine, value, output, to, name, error);
    if (r == 0) {
        *used = start + output->size_bytes;
        run->output_count++;
    }
    return r;
}

static int make_strings(const struct engine *engine, const struct tensor *input, const char *name,
                        OrtValue **ret_value, struct error *error)
{
    const OrtApi *api = engine->api;
    OrtAllocator *allocator = NULL;
    struct tensor_bytes bytes = {input->data, input->size_bytes};
    size_t count = 0;
    int r = tensor_shape_count(&input->shape, &count);
    if (r == 0) {
        r = ort_check(engine, api->GetAllocatorWithDefaultOptions(&allocator), ERROR_INTERNAL,
                      "ONNX Runtime", error);
    }
    if (r == 0) {
        r = ort_check(engine,
                      api->CreateTensorAsOrtValue(allocator, input->shape.dims, input->shape.rank,
                                                  ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING, ret_value),
                      ERROR_UNFIT, name, error);
    }
    for (size_t i = 0; i < count && r == 0; i++) {
        const char *data = NULL;
        size_t size = 0;
        char *room = NULL;
        if (!tensor_bytes_next(&bytes, &data, &size)) {
            return error_set(error, ERROR_MALFORMED, "input '%s' has fewer elements than its shape",
                             name);
        }
        r = ort_check(engine, api->GetResizedStringTensorElementBuffer(*ret_value, i, size, &room),
                      ERROR_UNFIT, name, error);
        if (r == 0 && size > 0) {
            memcpy(room, data, size);
        }
    }
    return r;
}

static int make_inputs(const struct engine_model *model, const struct engine_run *run,
                       OrtValue **values, const char **names, struct error *error)
{
    const struct engine *engine = model->engine;
    int r = 0;
    for (uint32_t i = 0; i < run->input_count && r == 0; i++) {
        const struct tensor *input = &run->inputs[i];
        names[i] = model->signature.inputs[input->index].name;
        if (input->datatype == DATATYPE_BYTES) {
            r = make_strings(engine, input, names[i], &values[i], error);
            continue;
        }
        void *data = (void *)(uintptr_t)input->data; /* only read */
        r = ort_check(engine,
                      engine->api->CreateTensorWithDataAsOrtValue(
                          engine->memory, data, input->size_bytes, input->shape.dims,
                          input->shape.rank, datatype_to_ort(input->datatype), &values[i]),
                      ERROR_UNFIT, names[i], error);
    }
    return r;
}

/* ONNX Runtime has no code for want of memory: its arena and the C++ library say so in words. */
static enum error_code run_fault(const struct engine *engine, const OrtStatus *status)
{
    const char *message = status ? engine->api->GetErrorMessage(status) : "";
    return strstr(message, "Failed to allocate memory") || strstr(message, "bad_alloc")
               ? ERROR_MEMORY
               : ERROR_UNFIT;
}

static int onnxruntime_run(struct engine_model *model, struct engine_run *run, struct error *error)
{
    const struct engine *engine = model->engine;
    const char *input_names[LIMIT_MODEL_TENSORS];
    const char *output_names[LIMIT_MODEL_TENSORS];
    uint32_t output_indexes[LIMIT_MODEL_TENSORS];
    OrtValue *inputs[LIMIT_MODEL_TENSORS];
    OrtValue *outputs[LIMIT_MODEL_TENSORS];
    size_t wanted = 0;
    for (uint32_t i = 0; i < run->input_count; i++) {
        inputs[i] = NULL;
    }
    for (uint32_t i = 0; i < model->signature.output_count; i++) {
        if (tensor_set_has(&run->wanted, i)) {
            output_indexes[wanted] = i;
            outputs[wanted] = NULL;
            output_names[wanted++] = model->signature.outputs[i].name;
        }
    }
    run->output_count = 0;
    int r = make_inputs(model, run, inputs, input_names, error);
    if (r == 0) {
        const OrtValue *const *borrowed = (const OrtValue *const *)inputs;
        OrtStatus *status = engine->api->Run(model->session, NULL, input_names, borrowed,
                                             run->input_count, output_names, wanted, outputs);
        r = ort_check(engine, status, run_fault(engine, status), "the model's run", error);
    }
    size_t used = 0;
    for (size_t i = 0; i < wanted && r == 0; i++) {
        r = take_output(model, outputs[i], output_indexes[i], run, &used, error);
    }
    for (uint32_t i = 0; i < run->input_count; i++) {
        if (inputs[i]) {
            engine->api->ReleaseValue(inputs[i]);
        }
    }
    for (size_t i = 0; i < wanted; i++) {
        if (outputs[i]) {
            engine->api->ReleaseValue(outputs[i]);
        }
    }
    return r;
}

const struct engine_ops engine_onnxruntime = {
    .name = "onnxruntime",
    .open = onnxruntime_open,
    .close = onnxruntime_close,
    .load = onnxruntime_load,
    .unload = onnxruntime_unload,
    .signature = onnxruntime_signature,
    .run = onnxruntime_run,
};
