/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a model: environment -> loaded model -> runs. A back end is a const `struct engine_ops`
 * plus an instance: onnxruntime/, and null/ for tests. Runs in the worker. ONNX files are
 * untrusted: a load may fail in any way, and its memory is limited from outside.
 *
 * open() and load() are for one thread; run() may be called by many at once.
 */
#ifndef SITU_ENGINE_ENGINE_H
#define SITU_ENGINE_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/limits.h"
#include "data/tensor.h"
#include "data/tensor_set.h"

struct engine;       /* the environment: one a process */
struct engine_model; /* one session */

/* A file in memory, by the name that the model file has for it. */
struct engine_file {
    const char *path;
    const void *data;
    size_t size;
};

/* What a model is loaded from. Borrowed until load() returns. */
struct engine_source {
    struct engine_file model;
    const struct engine_file *externals; /* files of tensor data */
    size_t external_count;
};

/* What a model takes and returns. Initialisers that the graph lists as inputs are not inputs. Names
 * are UTF-8 and unique among the inputs and among the outputs. */
struct engine_signature {
    uint32_t input_count;
    uint32_t output_count;
    char left_out[256]; /* text: outputs that are not tensors of a served type, or "" */
    struct tensor_info inputs[LIMIT_MODEL_TENSORS];
    struct tensor_info outputs[LIMIT_MODEL_TENSORS];
};

/* One run. All inputs of the model must be given, each with its type and a shape that it allows.
 * The requested outputs are written to `area` one after the other, aligned to 64 bytes. Tensors
 * have their index in the signature, and no names. */
struct engine_run {
    const struct tensor *inputs; /* borrowed */
    uint32_t input_count;
    struct tensor_set wanted; /* outputs */
    void *area;               /* borrowed */
    size_t area_size;
    uint32_t output_count;                      /* filled */
    struct tensor outputs[LIMIT_MODEL_TENSORS]; /* filled; data points into `area` */
};

struct engine_ops {
    const char *name;
    int (*open)(struct engine **ret_engine, struct error *error);
    void (*close)(struct engine *engine);
    int (*load)(struct engine *engine, const struct engine_source *source, unsigned threads,
                struct engine_model **ret_model, struct error *error);
    void (*unload)(struct engine_model *model);
    const struct engine_signature *(*signature)(const struct engine_model *model);
    int (*run)(struct engine_model *model, struct engine_run *run, struct error *error);
};

extern const struct engine_ops engine_onnxruntime; /* onnxruntime/ */

/* null/, the trivial twin. A "model" is a text of lines, `sleep MS`, `crash_from VALUE`, `hang_from
 * VALUE`, `socket_from VALUE` (an input whose first element is at least VALUE ends or hangs the
 * process). Input: `pixel_values` [-1,3,8,8] FP32; output: `logits` [-1,4], means of the input's
 * quarters. */
extern const struct engine_ops engine_null;

/* For tests: the back ends, in the order of data/engine_facts.h; NULL after the last. */
const struct engine_ops *engine_at(size_t index);

/* The back end of that name, or NULL. */
const struct engine_ops *engine_find(const char *name);

#endif
