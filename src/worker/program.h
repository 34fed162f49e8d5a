/* SPDX-License-Identifier: Apache-2.0
 *
 * The loaded model of a worker, ready to take objects: signature, pipeline, the one-thread session
 * and, for a slow model, the all-cores one.
 */
#ifndef SITU_WORKER_PROGRAM_H
#define SITU_WORKER_PROGRAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "engine/engine.h"
#include "wire/message.h"

struct program {
    const struct engine_ops *engine;
    struct engine *environment;               /* owned */
    struct engine_model *model;               /* owned; one thread a run */
    _Atomic(struct engine_model *) all_cores; /* owned; NULL until it is loaded */
    const struct engine_signature *signature; /* borrowed from model */
    bool has_pipeline;
    uint32_t image_input;
    struct pipeline pipeline;
    struct tensor_shape image_shape;               /* no open dimension; with the batch */
    size_t image_bytes;                            /* of one image of the batch */
    struct tensor_set probabilities;               /* outputs that summed to 1 */
    struct tensor_shape seen[LIMIT_MODEL_TENSORS]; /* of each output, in the trial run */
    bool untried; /* the engine refused the trial runs, for this reason: */
    char reason[MESSAGE_TEXT_SIZE];
    int64_t run_ns;

    struct engine_source source; /* mapped until the model is loaded; the paths are owned */
    struct engine_file externals[LIMIT_PACKAGE_FILES]; /* those of `source` */
};

/* Maps the file; takes over its descriptor. */
must_check int program_add_file(struct program *program, const struct message_file *file, int fd,
                                struct error *error);

/* Makes the session, matches the pipeline with the model's input and runs it twice on a blank
 * input; where the engine reports an error of that, the model is `untried`. Errors say what the
 * model requires and what the package makes. */
must_check int program_load(struct program *program, const struct message_load *load,
                            struct error *error);

/* After LOADED: makes the all-cores session where the model is slow; a failure is not an error. */
void program_load_all_cores(struct program *program, const struct message_load *load);

/* Unmaps the files. */
void program_release_files(struct program *program);

#endif
