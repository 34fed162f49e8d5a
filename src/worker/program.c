/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading a model in the sandbox: files into memory, session, pipeline against signature, trial
 * run. Runs on the worker's main thread before the lanes start.
 */
#include "worker/program.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "data/tensor_bytes.h"

enum { IMAGE_RANK = 4, CHANNELS = 3, TRIAL_AREA_BYTES = 64 << 20 };

int program_add_file(struct program *program, const struct message_file *file, int fd,
                     struct error *error)
{
    cleanup_fd int owned = fd;
    struct engine_source *source = &program->source;
    if (!file->is_model && source->external_count == LIMIT_PACKAGE_FILES) {
        return error_set(error, ERROR_TOO_LARGE, "more than %u files in the package",
                         LIMIT_PACKAGE_FILES);
    }
    struct engine_file *place =
        file->is_model ? &source->model : &program->externals[source->external_count];
    static const char nothing[1];
    void *data = NULL;
    if (file->size_bytes > 0) {
        data = mmap(NULL, file->size_bytes, PROT_READ, MAP_PRIVATE, owned, 0);
        if (data == MAP_FAILED) {
            return error_set(error, ERROR_MEMORY, "%s: out of memory for a map of %llu bytes",
                             file->path, (unsigned long long)file->size_bytes);
        }
    }
    char *path = strdup(file->path);
    if (!path) {
        return error_memory(error, NULL);
    }
    *place = (struct engine_file){path, data ? data : nothing, file->size_bytes};
    if (!file->is_model) {
        source->externals = program->externals;
        source->external_count++;
    }
    return 0;
}

static void release_file(struct engine_file *file)
{
    if (file->size > 0) {
        (void)munmap((void *)(uintptr_t)file->data, file->size);
    }
    free((void *)(uintptr_t)file->path);
    *file = (struct engine_file){0};
}

void program_release_files(struct program *program)
{
    release_file(&program->source.model);
    for (size_t i = 0; i < program->source.external_count; i++) {
        release_file(&program->externals[i]);
    }
    program->source.external_count = 0;
}

static bool is_channels(int64_t dim)
{
    return dim == CHANNELS;
}

/* The one input that can be an image: rank 4, three channels first or last. */
static int find_image_input(struct program *program, struct error *error)
{
    const struct engine_signature *signature = program->signature;
    if (signature->input_count != 1) {
        return error_set(error, ERROR_UNFIT,
                         "the model has %u inputs, an image model has one: export its vision part "
                         "alone, or add it with task 'tensor'",
                         signature->input_count);
    }
    const struct tensor_info *input = &signature->inputs[0];
    struct pipeline *pipeline = &program->pipeline;
    char shape[128];
    if (input->shape.rank != IMAGE_RANK ||
        (!is_channels(input->shape.dims[1]) && !is_channels(input->shape.dims[3]) &&
         input->shape.dims[1] >= 0)) {
        return error_set(error, ERROR_UNFIT,
                         "input '%s' is %s; an image input is [N,3,H,W] or [N,H,W,3]", input->name,
                         tensor_shape_text(&input->shape, shape, sizeof shape));
    }
    bool last = !is_channels(input->shape.dims[1]) && is_channels(input->shape.dims[3]);
    pipeline->layout = last ? LAYOUT_NHWC : LAYOUT_NCHW;
    pipeline->datatype = input->datatype;
    program->image_input = 0;
    if (pipeline_check(pipeline) < 0) {
        return error_set(error, ERROR_UNFIT,
                         "input '%s' wants %s; images are made as FP32, FP16 or UINT8", input->name,
                         datatype_name(input->datatype));
    }
    return 0;
}

static int match_pipeline(struct program *program, struct error *error)
{
    int r = find_image_input(program, error);
    if (r < 0) {
        return r;
    }
    const struct tensor_info *input = &program->signature->inputs[program->image_input];
    const struct pipeline *pipeline = &program->pipeline;
    uint32_t height = 0;
    uint32_t width = 0;
    if (pipeline_output_size(pipeline, &height, &width) < 0) {
        return error_set(error, ERROR_UNFIT,
                         "the package resizes images to no fixed size; give a crop or a size of "
                         "height and width");
    }
    int64_t batch = input->shape.dims[0] > 0 ? input->shape.dims[0] : 1;
    program->image_shape = (struct tensor_shape){IMAGE_RANK, {batch, CHANNELS, height, width}};
    if (pipeline->layout == LAYOUT_NHWC) {
        program->image_shape.dims[1] = height;
        program->image_shape.dims[2] = width;
        program->image_shape.dims[3] = CHANNELS;
    }
    if (!tensor_shape_matches(&input->shape, &program->image_shape)) {
        char wants[128];
        char makes[128];
        return error_set(error, ERROR_UNFIT, "input '%s' wants %s %s, the package makes %s",
                         input->name, datatype_name(input->datatype),
                         tensor_shape_text(&input->shape, wants, sizeof wants),
                         tensor_shape_text(&program->image_shape, makes, sizeof makes));
    }
    program->image_bytes = (size_t)height * width * CHANNELS * datatype_size(pipeline->datatype);
    size_t count = 0;
    if (tensor_shape_count(&program->image_shape, &count) < 0 ||
        (uint64_t)batch * program->image_bytes > LIMIT_LANE_INPUT_BYTES) {
        return error_set(error, ERROR_TOO_LARGE, "input '%s' is larger than %llu bytes",
                         input->name, (unsigned long long)LIMIT_LANE_INPUT_BYTES);
    }
    return 0;
}

static double element(const struct tensor *tensor, size_t i)
{
    if (tensor->datatype == DATATYPE_BF16) {
        return (double)bf16_to_float(((const uint16_t *)tensor->data)[i]);
    }
    if (tensor->datatype == DATATYPE_FP16) {
        return (double)half_to_float(((const uint16_t *)tensor->data)[i]);
    }
    if (tensor->datatype == DATATYPE_FP64) {
        return ((const double *)tensor->data)[i];
    }
    return (double)((const float *)tensor->data)[i];
}

/* Probabilities: nothing negative, and a sum of 1 for the first of the batch. */
static bool sums_to_one(const struct tensor *tensor)
{
    if (tensor->datatype != DATATYPE_FP32 && tensor->datatype != DATATYPE_FP16 &&
        tensor->datatype != DATATYPE_FP64 && tensor->datatype != DATATYPE_BF16) {
        return false;
    }
    size_t count = 0;
    if (tensor_shape_count(&tensor->shape, &count) < 0 || tensor->shape.rank == 0 ||
        tensor->shape.dims[0] <= 0) {
        return false;
    }
    count /= (size_t)tensor->shape.dims[0];
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        double value = element(tensor, i);
        if (!(value >= 0)) {
            return false;
        }
        sum += value;
    }
    return fabs(sum - 1) < 0.01;
}

static int too_large(const struct tensor_info *info, struct error *error)
{
    char shape[128];
    return error_set(error, ERROR_UNFIT, "input '%s' is %s %s, above the limit of %llu bytes",
                     info->name, datatype_name(info->datatype),
                     tensor_shape_text(&info->shape, shape, sizeof shape),
                     (unsigned long long)LIMIT_LANE_INPUT_BYTES);
}

/* Blank tensors for every input; the caller frees their memory, also after an error. Open
 * dimensions become 1 (an image input has none). *ret_open: 0, or index + 1 of an input with open
 * dimensions. */
static int make_blank(const struct program *program, struct tensor *inputs, void **ret_memory,
                      uint32_t *ret_open, struct error *error)
{
    const struct engine_signature *signature = program->signature;
    for (uint32_t i = 0; i < signature->input_count; i++) {
        const struct tensor_info *info = &signature->inputs[i];
        inputs[i] = (struct tensor){.index = i, .datatype = info->datatype, .shape = info->shape};
        if (program->has_pipeline) {
            inputs[i].shape = program->image_shape;
        }
        for (uint32_t d = 0; d < inputs[i].shape.rank; d++) {
            if (inputs[i].shape.dims[d] < 0) {
                inputs[i].shape.dims[d] = 1;
                *ret_open = *ret_open == 0 ? i + 1 : *ret_open;
            }
        }
        size_t count = 0;
        bool strings = info->datatype == DATATYPE_BYTES; /* blank: lengths of zero */
        size_t width = strings ? TENSOR_BYTES_HEAD : datatype_size(info->datatype);
        if (tensor_shape_count(&inputs[i].shape, &count) < 0 ||
            count > LIMIT_LANE_INPUT_BYTES / width) {
            return too_large(info, error);
        }
        inputs[i].size_bytes = count * width;
        ret_memory[i] = calloc(inputs[i].size_bytes ? inputs[i].size_bytes : 1, 1);
        inputs[i].data = ret_memory[i];
        if (!ret_memory[i]) {
            return error_memory(error, NULL);
        }
    }
    return 0;
}

/* Keeps the engine's error of the blank run, and the input whose dimensions were guessed for it. */
static void note_untried(struct program *program, uint32_t open, const struct error *error)
{
    char guess[LIMIT_TENSOR_NAME + 64] = "";
    if (open > 0) {
        (void)snprintf(guess, sizeof guess, "input '%s' has open dimensions, taken as 1: ",
                       program->signature->inputs[open - 1].name);
    }
    program->untried = true;
    program->run_ns = 0;
    (void)snprintf(program->reason, sizeof program->reason, "%s%.*s", guess,
                   (int)(sizeof program->reason - 1 - strlen(guess)), error->message);
    utf8_clean(program->reason);
}

/* Twice: the first run includes one-time work. */
static int run_twice(struct program *program, struct engine_run *run, struct error *error)
{
    int r = 0;
    for (int i = 0; i < 2 && r == 0; i++) {
        int64_t start = clock_now_ns();
        r = program->engine->run(program->model, run, error);
        program->run_ns = clock_now_ns() - start;
    }
    return r;
}

/* A picture that is not blank: a model may fail on one in which it finds nothing. */
static void fill_with_pattern(const struct tensor *input, unsigned char *bytes)
{
    size_t width = datatype_size(input->datatype);
    for (size_t i = 0; i < input->size_bytes / width; i++) {
        float value = (float)(i * 37 % 256) / 255;
        uint16_t half = float_to_half(value);
        if (input->datatype == DATATYPE_FP32) {
            memcpy(bytes + i * width, &value, sizeof value);
        } else if (input->datatype == DATATYPE_FP16) {
            memcpy(bytes + i * width, &half, sizeof half);
        } else {
            bytes[i] = (unsigned char)(i * 37 % 256);
        }
    }
}

/* Zeros are invalid for inputs that are shapes, sizes or divisors, and open dimensions are guessed:
 * a model that fails the trial may still work. Lack of memory is another error than ERROR_UNFIT. */
static int try_model(struct program *program, struct engine_run *run, void **memory, uint32_t open,
                     struct error *error)
{
    struct error first = {0};
    int r = run_twice(program, run, &first);
    *error = first;
    void *picture = memory[program->image_input];
    if (r < 0 && first.code == ERROR_UNFIT && program->has_pipeline && picture) {
        fill_with_pattern(&run->inputs[program->image_input], picture);
        r = run_twice(program, run, error);
    }
    if (r < 0 && error->code == ERROR_UNFIT) {
        note_untried(program, open, &first);
        run->output_count = 0;
        r = 0;
    }
    return r;
}

static int trial_run(struct program *program, struct error *error)
{
    struct tensor inputs[LIMIT_MODEL_TENSORS] = {0};
    void *memory[LIMIT_MODEL_TENSORS] = {0};
    struct engine_run run = {.inputs = inputs,
                             .input_count = program->signature->input_count,
                             .area_size = TRIAL_AREA_BYTES};
    run.wanted = tensor_set_first(program->signature->output_count);
    uint32_t open = 0;
    void *area = mmap(NULL, TRIAL_AREA_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (area == MAP_FAILED) {
        return error_memory(error, NULL);
    }
    run.area = area;
    int r = make_blank(program, inputs, memory, &open, error);
    if (r == 0) {
        r = try_model(program, &run, memory, open, error);
    }
    for (uint32_t i = 0; i < run.output_count && r == 0; i++) {
        program->seen[run.outputs[i].index] = run.outputs[i].shape;
        if (sums_to_one(&run.outputs[i])) {
            tensor_set_add(&program->probabilities, run.outputs[i].index);
        }
    }
    for (uint32_t i = 0; i < LIMIT_MODEL_TENSORS; i++) {
        free(memory[i]);
    }
    (void)munmap(area, TRIAL_AREA_BYTES);
    return r;
}

int program_load(struct program *program, const struct message_load *load, struct error *error)
{
    if (!program->source.model.path) {
        return error_set(error, ERROR_INTERNAL, "no model file was handed over");
    }
    int r =
        program->engine->load(program->environment, &program->source, 1, &program->model, error);
    if (r < 0) {
        return r;
    }
    program->signature = program->engine->signature(program->model);
    program->has_pipeline = load->has_pipeline != 0;
    program->pipeline = load->pipeline;
    if (program->has_pipeline) {
        r = match_pipeline(program, error);
        if (r < 0) {
            return r;
        }
    }
    return trial_run(program, error);
}

void program_load_all_cores(struct program *program, const struct message_load *load)
{
    struct engine_model *model = NULL;
    struct error ignored;
    if (load->cores > 1 && program->run_ns >= load->slow_run_ns &&
        program->engine->load(program->environment, &program->source, load->cores, &model,
                              &ignored) == 0) {
        atomic_store(&program->all_cores, model);
    }
}
