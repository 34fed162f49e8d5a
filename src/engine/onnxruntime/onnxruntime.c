/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine on ONNX Runtime's C API: environment and sessions. Sessions are made from memory,
 * their external tensor data too, so nothing here opens a file. A run has one thread (intra-op 1,
 * spinning off), unless the session is made for all cores. Runs on the worker's main thread.
 *
 * API level 18 is requested, the first with external data from memory; every library since offers
 * it.
 */
#include "engine/onnxruntime/onnxruntime.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "engine/onnxruntime/onnx_counts.h"

enum { ORT_LEVEL = 18 };

static void ort_close(struct engine *engine)
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

/* ONNX Runtime's StringNormalizer compares by this locale, and opens it when a session is made,
 * which the sandbox forbids. The C library keeps one that is in use; where the system has none,
 * such a model is refused for that. */
static void keep_locale(void)
{
    locale_t kept = newlocale(LC_ALL_MASK, "en_US.UTF-8", (locale_t)0);
    (void)kept; /* to the end of the process */
}

static int ort_open(struct engine **ret_engine, struct error *error)
{
    const OrtApi *api = OrtGetApiBase()->GetApi(ORT_LEVEL);
    if (!api) {
        return error_set(error, ERROR_UNAVAILABLE,
                         "ONNX Runtime %s is too old: 1.18 or newer is needed",
                         OrtGetApiBase()->GetVersionString());
    }
    struct engine *engine = calloc(1, sizeof *engine);
    if (!engine) {
        return error_memory(error, NULL);
    }
    keep_locale();
    engine->api = api;
    OrtStatus *status = api->CreateEnv(ORT_LOGGING_LEVEL_ERROR, "situ", &engine->env);
    status = status ? status : api->DisableTelemetryEvents(engine->env);
    status = status
                 ? status
                 : api->CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &engine->memory);
    int r = ort_check(engine, status, ERROR_INTERNAL, "ONNX Runtime", error);
    if (r < 0) {
        ort_close(engine);
        return r;
    }
    *ret_engine = engine;
    return 0;
}

static int configure(const struct engine *engine, OrtSessionOptions *options, unsigned threads,
                     struct error *error)
{
    const OrtApi *api = engine->api;
    OrtStatus *status = api->SetIntraOpNumThreads(options, (int)threads);
    status = status ? status : api->SetInterOpNumThreads(options, 1);
    status = status ? status
                    : api->AddSessionConfigEntry(options, "session.intra_op.allow_spinning", "0");
    status = status ? status : api->SetSessionGraphOptimizationLevel(options, ORT_ENABLE_ALL);
    return ort_check(engine, status, ERROR_INTERNAL, "ONNX Runtime session options", error);
}

static int add_externals(const struct engine *engine, OrtSessionOptions *options,
                         const struct engine_file *externals, size_t count, struct error *error)
{
    if (count == 0) {
        return 0;
    }
    cleanup_free const char **names = calloc(count, sizeof *names);
    cleanup_free char **data = calloc(count, sizeof *data);
    cleanup_free size_t *sizes = calloc(count, sizeof *sizes);
    if (!names || !data || !sizes) {
        return error_memory(error, NULL);
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = externals[i].path;
        data[i] = (char *)(uintptr_t)externals[i].data; /* only read */
        sizes[i] = externals[i].size;
    }
    return ort_check(
        engine,
        engine->api->AddExternalInitializersFromFilesInMemory(options, names, data, sizes, count),
        ERROR_UNFIT, "external data", error);
}

/* Before a session is made of the file. Each initialiser may be listed as an input, at most once;
 * the rest are true inputs. A file that cannot be read here is left for ONNX Runtime to refuse. */
static int check_counts(const struct engine_file *file, struct error *error)
{
    struct onnx_counts counts = {0};
    if (onnx_counts_read(file->data, file->size, &counts) < 0) {
        return 0;
    }
    if (counts.outputs > LIMIT_MODEL_TENSORS) {
        return ort_too_many(counts.outputs, "outputs", error);
    }
    if (counts.inputs > counts.initializers &&
        counts.inputs - counts.initializers > LIMIT_MODEL_TENSORS) {
        return ort_too_many(counts.inputs - counts.initializers, "inputs", error);
    }
    return 0;
}

/* The session, with the options already made. */
static int make_session(struct engine_model *model, const struct engine_source *source,
                        unsigned threads, OrtSessionOptions *options, struct error *error)
{
    const struct engine *engine = model->engine;
    int r = configure(engine, options, threads, error);
    if (r < 0) {
        return r;
    }
    r = add_externals(engine, options, source->externals, source->external_count, error);
    if (r < 0) {
        return r;
    }
    return ort_check(engine,
                     engine->api->CreateSessionFromArray(engine->env, source->model.data,
                                                         source->model.size, options,
                                                         &model->session),
                     ERROR_UNFIT, source->model.path, error);
}

static void ort_unload(struct engine_model *model)
{
    if (model) {
        if (model->session) {
            model->engine->api->ReleaseSession(model->session);
        }
        free(model);
    }
}

static int fill_model(struct engine_model *model, const struct engine_source *source,
                      unsigned threads, struct error *error)
{
    const OrtApi *api = model->engine->api;
    OrtSessionOptions *options = NULL;
    int r = ort_check(model->engine, api->CreateSessionOptions(&options), ERROR_INTERNAL,
                      "ONNX Runtime", error);
    if (r < 0) {
        return r;
    }
    r = make_session(model, source, threads, options, error);
    api->ReleaseSessionOptions(options);
    return r < 0 ? r : ort_read_signature(model, error);
}

static int ort_load(struct engine *engine, const struct engine_source *source, unsigned threads,
                    struct engine_model **ret_model, struct error *error)
{
    int r = check_counts(&source->model, error);
    if (r < 0) {
        return r;
    }
    struct engine_model *model = calloc(1, sizeof *model);
    if (!model) {
        return error_memory(error, NULL);
    }
    model->engine = engine;
    r = fill_model(model, source, threads, error);
    if (r < 0) {
        ort_unload(model);
        return r;
    }
    *ret_model = model;
    return 0;
}

static const struct engine_signature *ort_signature(const struct engine_model *model)
{
    return &model->signature;
}

const struct engine_ops engine_onnxruntime = {
    .name = "onnxruntime",
    .open = ort_open,
    .close = ort_close,
    .load = ort_load,
    .unload = ort_unload,
    .signature = ort_signature,
    .run = ort_run,
};
