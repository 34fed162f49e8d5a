/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the files of the ONNX Runtime back end, which alone include its header; the interface
 * is engine.h.
 */
#ifndef SITU_ENGINE_ONNXRUNTIME_ONNXRUNTIME_H
#define SITU_ENGINE_ONNXRUNTIME_ONNXRUNTIME_H

#include <onnxruntime_c_api.h>

#include "engine/engine.h"

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

/* Turns a status into our error and releases it; 0 for success (a NULL status). */
must_check int ort_check(const struct engine *engine, OrtStatus *status, enum error_code code,
                         const char *what, struct error *error);

/* DATATYPE_NONE where we do not serve it. */
enum datatype ort_datatype(ONNXTensorElementDataType type);
ONNXTensorElementDataType ort_type_of(enum datatype datatype);

/* Type and shape of the tensor `name`; unknown dimensions are -1. */
must_check int ort_read_shape(const struct engine *engine, const OrtTensorTypeAndShapeInfo *info,
                              const char *name, enum datatype *ret_datatype,
                              struct tensor_shape *ret_shape, struct error *error);

/* Fills model->signature from its session. */
must_check int ort_read_signature(struct engine_model *model, struct error *error);

/* ERROR_UNFIT: more `what` than LIMIT_MODEL_TENSORS. */
must_check int ort_too_many(size_t count, const char *what, struct error *error);

/* engine_ops.run */
must_check int ort_run(struct engine_model *model, struct engine_run *run, struct error *error);

#endif
