/* SPDX-License-Identifier: Apache-2.0
 *
 * Triton's extensions of the Open Inference Protocol that describe and control models:
 * configuration, statistics, loading and unloading; and refusals of those that are not supported,
 * by name.
 */
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "api/v2/v2.h"
#include "base/json.h"
#include "base/log.h"
#include "infer/batching.h"

/* ---- configuration ---- */

/* `format` NULL: outputs, which have a label file's name instead. */
static void put_tensors(struct json_writer *w, const struct tensor_info *tensors, uint32_t count,
                        bool batched, const char *format)
{
    json_begin_array(w, format ? "input" : "output");
    for (uint32_t i = 0; i < count; i++) {
        const struct tensor_shape *shape = &tensors[i].shape;
        bool bytes = tensors[i].datatype == DATATYPE_BYTES;
        json_begin_object(w, NULL);
        json_put_string(w, "name", tensors[i].name);
        buffer_printf(json_put_raw(w, "data_type"), "\"TYPE_%s\"",
                      bytes ? "STRING" : datatype_name(tensors[i].datatype));
        if (format) {
            json_put_string(w, "format", format);
        }
        json_begin_array(w, "dims");
        for (uint32_t d = batched; d < shape->rank; d++) {
            json_put_integer(w, NULL, shape->dims[d]);
        }
        json_end_array(w);
        json_put_bool(w, "is_shape_tensor", false);
        if (format) {
            json_put_bool(w, "allow_ragged_batch", false);
            json_put_bool(w, "optional", false);
        } else {
            json_put_string(w, "label_filename", "");
        }
        json_end_object(w);
    }
    json_end_array(w);
}

static const char *format_of(const struct model *model)
{
    if (model->spec->task == MODEL_TENSOR) {
        return "FORMAT_NONE";
    }
    return model->runtime.facts.pipeline.layout == LAYOUT_NHWC ? "FORMAT_NHWC" : "FORMAT_NCHW";
}

static void put_empty_array(struct json_writer *w, const char *key)
{
    json_begin_array(w, key);
    json_end_array(w);
}

static void put_instances(struct json_writer *w, const struct call *call)
{
    json_begin_array(w, "instance_group");
    json_begin_object(w, NULL);
    json_put_string(w, "name", call->model->name);
    json_put_string(w, "kind", call->service->config.engine->kind);
    json_put_unsigned(w, "count", call->service->lane_count);
    put_empty_array(w, "gpus");
    json_end_object(w);
    json_end_array(w);
}

static void put_configuration(struct json_writer *w, const struct call *call)
{
    const struct model *model = call->model;
    const struct worker_facts *facts = &model->runtime.facts;
    const struct engine_facts *engine = call->service->config.engine;
    uint32_t batch = batching_limit(model);
    json_begin_object(w, NULL);
    json_put_string(w, "name", model->name);
    json_put_string(w, "platform", engine->platform);
    json_put_string(w, "backend", engine->name);
    json_begin_object(w, "version_policy");
    json_begin_object(w, "all");
    json_end_object(w);
    json_end_object(w);
    json_put_unsigned(w, "max_batch_size", batch);
    put_tensors(w, facts->inputs, facts->input_count, batch > 0, format_of(model));
    put_tensors(w, facts->outputs, facts->output_count, batch > 0, NULL);
    put_empty_array(w, "batch_input");
    put_empty_array(w, "batch_output");
    put_instances(w, call);
    json_put_string(w, "default_model_filename", model->spec->onnx_path);
    json_begin_object(w, "parameters");
    json_end_object(w);
    put_empty_array(w, "model_warmup");
    json_end_object(w);
}

static void configure(struct call *call, const struct error *error)
{
    if (error) {
        call_respond_error(call, error);
        return;
    }
    cleanup_buffer struct buffer body = BUFFER_INIT;
    put_configuration(&JSON_WRITER(&body), call);
    buffer_append_char(&body, '\n');
    call_respond_json(call, 200, &body);
}

void v2_config(struct call *call)
{
    if (call_find_v2_model(call)) {
        call_when_loaded(call, configure);
    }
}

/* ---- statistics ---- */

static void put_duration(struct json_writer *w, const char *key, uint64_t count, uint64_t ns)
{
    json_begin_object(w, key);
    json_put_unsigned(w, "count", count);
    json_put_unsigned(w, "ns", ns);
    json_end_object(w);
}

static void put_batches(struct json_writer *w, struct model_stats *stats)
{
    json_begin_array(w, "batch_stats");
    for (uint32_t i = 0; i < LIMIT_REQUEST_OBJECTS; i++) {
        struct stats_batch *batch = &stats->batches[i];
        uint64_t count = atomic_load(&batch->count);
        if (count > 0) {
            json_begin_object(w, NULL);
            json_put_unsigned(w, "batch_size", i + 1);
            put_duration(w, "compute_input", count, atomic_load(&batch->input_ns));
            put_duration(w, "compute_infer", count, atomic_load(&batch->run_ns));
            put_duration(w, "compute_output", count, atomic_load(&batch->output_ns));
            json_end_object(w);
        }
    }
    json_end_array(w);
}

static void put_stats(struct json_writer *w, struct model *model)
{
    struct model_stats *stats = &model->stats;
    struct {
        const char *name;
        struct stats_duration *duration;
    } const durations[] = {
        {"success", &stats->success},     {"fail", &stats->failure},
        {"queue", &stats->queue},         {"compute_input", &stats->input},
        {"compute_infer", &stats->run},   {"compute_output", &stats->output},
        {"cache_hit", &stats->cache_hit},
    };
    json_begin_object(w, NULL);
    json_put_string(w, "name", model->name);
    json_put_string(w, "version", model->version);
    json_put_integer(w, "last_inference", atomic_load(&stats->last_ms));
    json_put_unsigned(w, "inference_count", atomic_load(&stats->inferences));
    json_put_unsigned(w, "execution_count", atomic_load(&stats->executions));
    json_begin_object(w, "inference_stats");
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
        put_duration(w, durations[i].name, atomic_load(&durations[i].duration->count),
                     atomic_load(&durations[i].duration->ns));
    }
    json_end_object(w);
    put_batches(w, stats);
    json_end_object(w);
}

/* Statistics of all models, of all versions of the named one, or of one version. */
void v2_stats(struct call *call)
{
    const char *name = call->captures[0];
    const char *version = call->captures[1];
    if (name && !call_find_v2_model(call)) {
        return;
    }
    struct model **models = NULL;
    size_t count = 0;
    if (models_list(call->service->models, &models, &count) < 0) {
        call_respond_memory(call);
        return;
    }
    cleanup_buffer struct buffer body = BUFFER_INIT;
    struct json_writer w = JSON_WRITER(&body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "model_stats");
    for (size_t i = 0; i < count; i++) {
        if ((!name || strcmp(models[i]->name, name) == 0) &&
            (!version || strcmp(models[i]->version, version) == 0)) {
            put_stats(&w, models[i]);
        }
        model_unref(models[i]);
    }
    free(models);
    json_end_array(&w);
    json_end_object(&w);
    buffer_append_char(&body, '\n');
    call_respond_json(call, 200, &body);
}

/* ---- loading and unloading ---- */

/* Answers in the words that Triton's clients look for. */
static void refuse(struct call *call, const char *action, const struct error *error)
{
    struct error told = {0};
    (void)error_set(&told, error->code, "failed to %s '%.64s': %.380s", action, call->captures[0],
                    error->message);
    call_respond_error(call, &told);
}

/* Refuses a parameter that would change the model: only its package defines it. */
static int check_parameter(void *context, const char *key, const struct json *value)
{
    struct error *error = context;
    (void)value;
    if (strcmp(key, "config") != 0 && strncmp(key, "file:", 5) != 0) {
        return 0;
    }
    return error_set(error, ERROR_MALFORMED,
                     "parameters.%.100s is not supported: a model is what its package says; add a "
                     "package to change it",
                     key);
}

/* The body may be empty. */
static int check_body(struct call *call, struct error *error)
{
    size_t size = 0;
    const void *bytes = http_request_body(call->request, &size);
    cleanup_json struct json *body = NULL;
    if (size == 0) {
        return 0;
    }
    int r = json_parse(bytes, size, "request body", &body, error);
    if (r == 0 && json_type_of(body) != JSON_TYPE_OBJECT) {
        r = error_set(error, ERROR_MALFORMED, "the request body must be a JSON object");
    }
    const struct json *parameters = json_member(body, "parameters");
    return r == 0 && parameters ? json_each_member(parameters, check_parameter, error) : r;
}

static bool prepare(struct call *call, const char *action)
{
    struct error error = {0};
    if (check_body(call, &error) == 0) {
        call->model = models_get(call->service->models, call->captures[0], NULL, &error);
    }
    if (!call->model) {
        refuse(call, action, &error);
    }
    return call->model != NULL;
}

static void respond_done(struct call *call)
{
    cleanup_buffer struct buffer body = BUFFER_INIT;
    buffer_append_text(&body, "{}\n");
    call_respond_json(call, 200, &body);
}

static void loaded(struct call *call, const struct error *error)
{
    if (error) {
        refuse(call, "load", error);
    } else {
        respond_done(call);
    }
}

/* Also succeeds if the model was not kept before. */
static void loaded_anew(struct call *call, const struct error *error)
{
    if (error) {
        dispatch_release(call->service->dispatch, call->model);
    }
    loaded(call, error);
}

void v2_load(struct call *call)
{
    if (prepare(call, "load")) {
        bool anew = dispatch_keep(call->service->dispatch, call->model);
        call_when_loaded(call, anew ? loaded_anew : loaded);
    }
}

void v2_unload(struct call *call)
{
    if (prepare(call, "unload")) {
        dispatch_unload(call->service->dispatch, call->model);
        respond_done(call);
    }
}

/* ---- what is not here ---- */

void v2_no_shared_memory(struct call *call)
{
    call_respond_status(call, 501,
                        "shared memory is not supported: send tensors in the request, or name "
                        "stored objects");
}

void v2_no_trace(struct call *call)
{
    call_respond_status(call, 501, "tracing is not supported; GET /metrics has times by stage");
}

void v2_no_logging(struct call *call)
{
    call_respond_status(call, 501, "log settings cannot be changed here; see --debug in situd(8)");
}
