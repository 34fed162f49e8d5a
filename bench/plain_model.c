/* SPDX-License-Identifier: Apache-2.0
 *
 * Media and engine called directly; see plain_model.h.
 */
#include "plain_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "media/media.h"
#include "model/package.h"
#include "worker/program.h"

struct plain_model {
    struct program *program; /* owned */
    struct media *media;     /* owned */
    char *tensor;            /* owned; the model's input */
    char *outputs;           /* owned */
    float *converted;        /* owned; of an output in half precision */
    const float *values;     /* borrowed; the last run's */
};

/* Loads it as the worker does. */
static int add_file(struct plain_model *model, const char *package, const char *path,
                    const char *name, struct error *error)
{
    struct message_file message = {.is_model = !name};
    struct stat status;
    int fd = -1;
    int r = model_package_open(package, path, &fd, error);
    if (r < 0) {
        return r;
    }
    if (fstat(fd, &status) < 0) {
        (void)close(fd);
        return error_set(error, ERROR_IO, "%s: cannot be examined", path);
    }
    message.size_bytes = (uint64_t)status.st_size;
    (void)snprintf(message.path, sizeof message.path, "%s", name ? name : path);
    return program_add_file(model->program, &message, fd, error);
}

static int load_model(struct plain_model *model, const char *package, unsigned threads,
                      struct error *error)
{
    struct model_spec *spec = NULL;
    int r = model_package_read(package, NULL, &spec, error);
    if (r < 0) {
        return r;
    }
    r = add_file(model, package, spec->onnx_path, NULL, error);
    for (size_t i = 0; i < spec->file_count && r == 0; i++) {
        if (spec->files[i].data_path) {
            r = add_file(model, package, spec->files[i].path, spec->files[i].data_path, error);
        }
    }
    struct message_load load = {.has_pipeline = spec->task != MODEL_TENSOR,
                                .cores = threads,
                                .slow_run_ns = 0,
                                .pipeline = spec->pipeline};
    if (r == 0 && !load.has_pipeline) {
        r = error_set(error, ERROR_UNFIT, "%s takes tensors, not images", package);
    }
    if (r == 0) {
        r = program_load(model->program, &load, error);
    }
    if (r == 0) {
        program_load_all_cores(model->program, &load);
    }
    model_spec_free(spec);
    return r;
}

/* The first row of an output as float32: in place, or converted. */
static int take_values(struct plain_model *model, const struct tensor *output, size_t *ret_count,
                       struct error *error)
{
    size_t count = 0;
    if ((output->datatype != DATATYPE_FP16 && output->datatype != DATATYPE_FP32) ||
        tensor_shape_count(&output->shape, &count) < 0 || count == 0) {
        return error_set(error, ERROR_UNFIT, "the model's first output is not a row of numbers");
    }
    if (output->shape.rank > 0) { /* a fixed batch has the photo in every row */
        count /= (size_t)output->shape.dims[0];
    }
    if (output->datatype == DATATYPE_FP32) {
        model->values = output->data;
    } else {
        float *converted = realloc(model->converted, count * sizeof *converted);
        if (!converted) {
            return error_set(error, ERROR_MEMORY, "out of memory");
        }
        model->converted = converted;
        model->values = converted;
        for (size_t i = 0; i < count; i++) {
            converted[i] = half_to_float(((const uint16_t *)output->data)[i]);
        }
    }
    *ret_count = count;
    return 0;
}

int plain_model_decode(struct plain_model *model, const void *bytes, size_t size,
                       const void **ret_tensor, size_t *ret_size, struct error *error)
{
    struct program *program = model->program;
    uint32_t height = 0;
    uint32_t width = 0;
    int r = media_image_to_tensor(model->media, &program->pipeline, bytes, size, model->tensor,
                                  program->image_bytes, &height, &width, error);
    *ret_tensor = model->tensor;
    *ret_size = program->image_bytes;
    return r;
}

int plain_model_values(struct plain_model *model, const float **ret_values, size_t *ret_count,
                       struct error *error)
{
    struct program *program = model->program;
    size_t batch = (size_t)program->image_shape.dims[0];
    for (size_t i = 1; i < batch; i++) {
        memcpy(model->tensor + i * program->image_bytes, model->tensor, program->image_bytes);
    }
    struct tensor input = {.index = program->image_input,
                           .datatype = program->pipeline.datatype,
                           .shape = program->image_shape,
                           .data = model->tensor,
                           .size_bytes = batch * program->image_bytes};
    struct engine_run run = {.inputs = &input,
                             .input_count = 1,
                             .wanted = tensor_set_of(0),
                             .area = model->outputs,
                             .area_size = LIMIT_LANE_OUTPUT_BYTES};
    struct engine_model *all_cores = atomic_load(&program->all_cores);
    int r = program->engine->run(all_cores ? all_cores : program->model, &run, error);
    r = r < 0 ? r : take_values(model, &run.outputs[0], ret_count, error);
    *ret_values = model->values;
    return r;
}

int plain_model_run(struct plain_model *model, size_t *ret_best, struct error *error)
{
    const float *values = NULL;
    size_t count = 0;
    int r = plain_model_values(model, &values, &count, error);
    *ret_best = 0;
    for (size_t i = 1; r == 0 && i < count; i++) {
        *ret_best = values[i] > values[*ret_best] ? i : *ret_best;
    }
    return r;
}

static int prepare(struct plain_model *model, struct error *error)
{
    model->program = calloc(1, sizeof *model->program);
    model->outputs = malloc(LIMIT_LANE_OUTPUT_BYTES);
    if (!model->program || !model->outputs || media_new(&model->media) < 0) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    model->program->engine = engine_find("onnxruntime");
    return model->program->engine
               ? model->program->engine->open(&model->program->environment, error)
               : error_set(error, ERROR_UNAVAILABLE, "built without ONNX Runtime");
}

int plain_model_new(const char *package, unsigned threads, struct plain_model **ret_model,
                    struct error *error)
{
    struct plain_model *model = calloc(1, sizeof *model);
    if (!model) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    int r = prepare(model, error);
    if (r == 0) {
        r = load_model(model, package, threads, error);
    }
    if (r == 0) {
        size_t batch = (size_t)model->program->image_shape.dims[0];
        model->tensor = aligned_alloc(64, (batch * model->program->image_bytes + 64) / 64 * 64);
        r = model->tensor ? 0 : error_set(error, ERROR_MEMORY, "out of memory");
    }
    if (r < 0) {
        plain_model_free(model);
        return r;
    }
    *ret_model = model;
    return 0;
}

/* The engine's memory is released by the exit of the process, as in the worker. */
void plain_model_free(struct plain_model *model)
{
    if (model) {
        media_free(model->media);
        free(model->tensor);
        free(model->outputs);
        free(model->converted);
        free(model->program);
        free(model);
    }
}
