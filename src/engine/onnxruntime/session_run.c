/* SPDX-License-Identifier: Apache-2.0
 *
 * One run of a session: tensors in, without a copy where they are numbers; outputs copied into the
 * caller's area. Runs on the worker's lane threads, many at once.
 */
#include <string.h>

#include "base/bytes.h"
#include "data/tensor_bytes.h"
#include "engine/onnxruntime/onnxruntime.h"

enum { OUTPUT_ALIGNMENT = 64 };

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

/* Where the next string of output `name` goes. */
struct string_room {
    char *at;
    size_t left;
    const char *name;
};

/* String `i`, behind its length. */
static int copy_string(const struct engine *engine, const OrtValue *value, size_t i,
                       struct string_room *room, struct error *error)
{
    size_t length = 0;
    int r = ort_check(engine, engine->api->GetStringTensorElementLength(value, i, &length),
                      ERROR_UNFIT, room->name, error);
    if (r < 0) {
        return r;
    }
    if (length > UINT32_MAX || room->left < TENSOR_BYTES_HEAD ||
        length > room->left - TENSOR_BYTES_HEAD) {
        return error_set(error, ERROR_UNFIT, "output '%s' has a string of %zu bytes", room->name,
                         length);
    }
    char *text = room->at + TENSOR_BYTES_HEAD;
    tensor_bytes_put(room->at, (uint32_t)length);
    room->at = text + length;
    room->left -= TENSOR_BYTES_HEAD + length;
    return ort_check(engine, engine->api->GetStringTensorElement(value, length, i, text),
                     ERROR_UNFIT, room->name, error);
}

static int copy_strings(const struct engine *engine, const OrtValue *value,
                        const struct tensor *output, char *to, const char *name,
                        struct error *error)
{
    struct string_room room = {to, output->size_bytes, name};
    size_t count = 0;
    int r = tensor_shape_count(&output->shape, &count);
    for (size_t i = 0; i < count && r == 0; i++) {
        r = copy_string(engine, value, i, &room, error);
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

/* Type, shape and size. */
static int describe_output(const struct engine *engine, const OrtValue *value, const char *name,
                           struct tensor *output, struct error *error)
{
    OrtTensorTypeAndShapeInfo *info = NULL;
    int r = ort_check(engine, engine->api->GetTensorTypeAndShape(value, &info), ERROR_UNFIT, name,
                      error);
    if (r < 0) {
        return r;
    }
    r = ort_read_shape(engine, info, name, &output->datatype, &output->shape, error);
    engine->api->ReleaseTensorTypeAndShapeInfo(info);
    return r < 0 ? r : measure_output(engine, value, name, output, error);
}

/* Copies one output value behind the earlier ones; advances *used. */
static int take_output(const struct engine_model *model, OrtValue *value, uint32_t index,
                       struct engine_run *run, size_t *used, struct error *error)
{
    const struct engine *engine = model->engine;
    const char *name = model->signature.outputs[index].name;
    struct tensor *output = &run->outputs[run->output_count];
    output->index = index;
    int r = describe_output(engine, value, name, output, error);
    if (r < 0) {
        return r;
    }
    size_t start = bytes_align(*used, OUTPUT_ALIGNMENT);
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
    if (r < 0) {
        return r;
    }
    *used = start + output->size_bytes;
    run->output_count++;
    return 0;
}

static int fill_string(const struct engine *engine, OrtValue *value, size_t i,
                       struct tensor_bytes *from, const char *name, struct error *error)
{
    const char *data = NULL;
    size_t size = 0;
    char *room = NULL;
    if (!tensor_bytes_next(from, &data, &size)) {
        return error_set(error, ERROR_MALFORMED, "input '%s' has fewer elements than its shape",
                         name);
    }
    int r =
        ort_check(engine, engine->api->GetResizedStringTensorElementBuffer(value, i, size, &room),
                  ERROR_UNFIT, name, error);
    if (r == 0 && size > 0) {
        memcpy(room, data, size);
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
    if (r < 0) {
        return r;
    }
    r = ort_check(engine, api->GetAllocatorWithDefaultOptions(&allocator), ERROR_INTERNAL,
                  "ONNX Runtime", error);
    if (r < 0) {
        return r;
    }
    r = ort_check(engine,
                  api->CreateTensorAsOrtValue(allocator, input->shape.dims, input->shape.rank,
                                              ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING, ret_value),
                  ERROR_UNFIT, name, error);
    for (size_t i = 0; i < count && r == 0; i++) {
        r = fill_string(engine, *ret_value, i, &bytes, name, error);
    }
    return r;
}

static int make_input(const struct engine *engine, const struct tensor *input, const char *name,
                      OrtValue **ret_value, struct error *error)
{
    if (input->datatype == DATATYPE_BYTES) {
        return make_strings(engine, input, name, ret_value, error);
    }
    void *data = (void *)(uintptr_t)input->data; /* only read */
    return ort_check(engine,
                     engine->api->CreateTensorWithDataAsOrtValue(
                         engine->memory, data, input->size_bytes, input->shape.dims,
                         input->shape.rank, ort_type_of(input->datatype), ret_value),
                     ERROR_UNFIT, name, error);
}

/* ONNX Runtime has no code for lack of memory, only the messages of its arena and the C++ library.
 */
static enum error_code run_fault(const struct engine *engine, const OrtStatus *status)
{
    const char *message = status ? engine->api->GetErrorMessage(status) : "";
    return strstr(message, "Failed to allocate memory") || strstr(message, "bad_alloc")
               ? ERROR_MEMORY
               : ERROR_UNFIT;
}

/* What a session's run takes and returns, in arrays of its own; the names are borrowed. */
struct values {
    size_t input_count;
    size_t output_count;
    const char *input_names[LIMIT_MODEL_TENSORS];
    const char *output_names[LIMIT_MODEL_TENSORS];
    uint32_t output_indexes[LIMIT_MODEL_TENSORS];
    OrtValue *inputs[LIMIT_MODEL_TENSORS];  /* owned; NULL until made */
    OrtValue *outputs[LIMIT_MODEL_TENSORS]; /* owned; NULL until the run has made them */
};

static void choose_outputs(const struct engine_model *model, const struct tensor_set *wanted,
                           struct values *values)
{
    values->output_count = 0;
    for (uint32_t i = 0; i < model->signature.output_count; i++) {
        if (tensor_set_has(wanted, i)) {
            size_t at = values->output_count++;
            values->output_indexes[at] = i;
            values->output_names[at] = model->signature.outputs[i].name;
            values->outputs[at] = NULL;
        }
    }
}

static int make_inputs(const struct engine_model *model, const struct engine_run *run,
                       struct values *values, struct error *error)
{
    int r = 0;
    values->input_count = 0;
    for (uint32_t i = 0; i < run->input_count && r == 0; i++) {
        const struct tensor *input = &run->inputs[i];
        values->input_names[i] = model->signature.inputs[input->index].name;
        values->inputs[i] = NULL;
        values->input_count++;
        r = make_input(model->engine, input, values->input_names[i], &values->inputs[i], error);
    }
    return r;
}

static void release(const OrtApi *api, OrtValue *const *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (values[i]) {
            api->ReleaseValue(values[i]);
        }
    }
}

static int run_session(const struct engine_model *model, struct engine_run *run,
                       struct values *values, struct error *error)
{
    const struct engine *engine = model->engine;
    int r = make_inputs(model, run, values, error);
    if (r < 0) {
        return r;
    }
    const OrtValue *const *inputs = (const OrtValue *const *)values->inputs;
    OrtStatus *status =
        engine->api->Run(model->session, NULL, values->input_names, inputs, values->input_count,
                         values->output_names, values->output_count, values->outputs);
    r = ort_check(engine, status, run_fault(engine, status), "the model's run", error);
    size_t used = 0;
    for (size_t i = 0; i < values->output_count && r == 0; i++) {
        r = take_output(model, values->outputs[i], values->output_indexes[i], run, &used, error);
    }
    return r;
}

int ort_run(struct engine_model *model, struct engine_run *run, struct error *error)
{
    struct values values; /* large: each array is filled as far as its count */
    run->output_count = 0;
    choose_outputs(model, &run->wanted, &values);
    int r = run_session(model, run, &values, error);
    release(model->engine->api, values.inputs, values.input_count);
    release(model->engine->api, values.outputs, values.output_count);
    return r;
}
