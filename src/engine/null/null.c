/* SPDX-License-Identifier: Apache-2.0
 *
 * The trivial engine: fast, deterministic, and able to misbehave on demand, so that supervision,
 * lanes and threads can be tested (and watched by sanitizers) without ONNX Runtime.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "engine/engine.h"

enum { EDGE = 8, CLASSES = 4 };

struct engine {
    int unused;
};

struct engine_model {
    struct engine_signature signature;
    long sleep_ms;
    float crash_from; /* a first value of at least this ends the process */
    float hang_from;
    float socket_from; /* creates a socket, which is forbidden */
};

static int null_open(struct engine **ret_engine, struct error *error)
{
    *ret_engine = calloc(1, sizeof **ret_engine);
    return *ret_engine ? 0 : error_memory(error, NULL);
}

static void null_close(struct engine *engine)
{
    free(engine);
}

static int parse_line(struct engine_model *model, const char *line, struct error *error)
{
    char word[32] = "";
    double value = 0;
    int fields = sscanf(line, "%31s %lf", word, &value); // NOLINT(cert-err34-c): tests only
    if (fields <= 0 || word[0] == '#') {
        return 0;
    }
    if (strcmp(word, "sleep") == 0 && value >= 0 && value < 100000) {
        model->sleep_ms = (long)value;
    } else if (strcmp(word, "crash_from") == 0) {
        model->crash_from = (float)value;
    } else if (strcmp(word, "socket_from") == 0) {
        model->socket_from = (float)value;
    } else if (strcmp(word, "hang_from") == 0) {
        model->hang_from = (float)value;
    } else {
        return error_set(error, ERROR_UNFIT, "null model: unknown line '%s'", word);
    }
    return 0;
}

static int parse_text(struct engine_model *model, const struct engine_file *file,
                      struct error *error)
{
    const char *text = file->data;
    size_t start = 0;
    for (size_t i = 0; i <= file->size; i++) {
        if (i < file->size && text[i] != '\n') {
            continue;
        }
        char line[128];
        size_t length = i - start < sizeof line - 1 ? i - start : sizeof line - 1;
        memcpy(line, text + start, length);
        line[length] = '\0';
        start = i + 1;
        int r = parse_line(model, line, error);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int null_load(struct engine *engine, const struct engine_source *source, unsigned threads,
                     struct engine_model **ret_model, struct error *error)
{
    (void)engine;
    (void)threads;
    struct engine_model *model = calloc(1, sizeof *model);
    if (!model) {
        return error_memory(error, NULL);
    }
    model->crash_from = model->hang_from = model->socket_from = 1e30f;
    model->signature.input_count = model->signature.output_count = 1;
    model->signature.inputs[0] =
        (struct tensor_info){"pixel_values", DATATYPE_FP32, {4, {-1, 3, EDGE, EDGE}}};
    model->signature.outputs[0] = (struct tensor_info){"logits", DATATYPE_FP32, {2, {-1, CLASSES}}};
    int r = parse_text(model, &source->model, error);
    if (r < 0) {
        free(model);
        return r;
    }
    *ret_model = model;
    return 0;
}

static void null_unload(struct engine_model *model)
{
    free(model);
}

static const struct engine_signature *null_signature(const struct engine_model *model)
{
    return &model->signature;
}

static int null_run(struct engine_model *model, struct engine_run *run, struct error *error)
{
    const struct tensor *input = &run->inputs[0];
    size_t batch = (size_t)input->shape.dims[0];
    size_t image = (size_t)3 * EDGE * EDGE;
    size_t quarter = image / CLASSES;
    if (run->area_size < batch * CLASSES * sizeof(float) ||
        input->size_bytes != batch * image * sizeof(float)) {
        return error_set(error, ERROR_UNFIT, "null model: sizes do not fit");
    }
    const float *values = input->data;
    if (batch > 0 && values[0] >= model->hang_from) {
        for (;;) {
            (void)nanosleep(&(struct timespec){.tv_sec = 3600}, NULL);
        }
    }
    if (batch > 0 && values[0] >= model->socket_from) {
        (void)socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    }
    if (batch > 0 && values[0] >= model->crash_from) {
        abort();
    }
    if (model->sleep_ms > 0) {
        struct timespec pause = {model->sleep_ms / 1000, model->sleep_ms % 1000 * 1000000};
        while (nanosleep(&pause, &pause) < 0 && errno == EINTR) {
        }
    }
    float *sums = run->area;
    for (size_t n = 0; n < batch; n++) {
        for (size_t c = 0; c < CLASSES; c++) {
            float sum = 0;
            for (size_t i = quarter * c; i < quarter * (c + 1); i++) {
                sum += values[n * image + i];
            }
            sums[n * CLASSES + c] = sum / (float)quarter;
        }
    }
    run->output_count = 1;
    run->outputs[0] = (struct tensor){.index = 0,
                                      .datatype = DATATYPE_FP32,
                                      .shape = {2, {(int64_t)batch, CLASSES}},
                                      .data = sums,
                                      .size_bytes = batch * CLASSES * sizeof(float)};
    return 0;
}

const struct engine_ops engine_null = {
    .name = "null",
    .open = null_open,
    .close = null_close,
    .load = null_load,
    .unload = null_unload,
    .signature = null_signature,
    .run = null_run,
};
