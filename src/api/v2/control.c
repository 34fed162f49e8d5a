/* SPDX-License-Identifier: Apache-2.0
 *
 * Triton's extensions of the Open Inference Protocol that describe and control models:
 * configuration, statistics, loading and unloading; and refusals of those that are not supported,
 * by name.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "api/v2/v2.h"
#include "base/json.h"
#include "base/log.h"
#include "infer/batching.h"

/* ---- configuration ---- */

static void write_tensors(struct buffer *out, const struct tensor_info *tensors, uint32_t count,
                          bool batched, const char *format)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct tensor_shape *shape = &tensors[i].shape;
        bool bytes = tensors[i].datatype == DATATYPE_BYTES;
        buffer_append_text(out, i ? ",{\"name\":" : "{\"name\":");
        json_write_string(out, tensors[i].name);
        buffer_printf(out, ",\"data_type\":\"TYPE_%s\"",
                      bytes ? "STRING" : datatype_name(tensors[i].datatype));
        if (format) {
            buffer_printf(out, ",\"format\":\"%s\"", format);
        }
        buffer_append_text(out, ",\"dims\":[");
        for (uint32_t d = batched; d < shape->rank; d++) {
            buffer_printf(out, "%s%" PRId64, d > (uint32_t)batched ? "," : "", shape->dims[d]);
        }
        buffer_append_text(out, "],\"is_shape_tensor\":false");
        buffer_append_text(out, format ? ",\"allow_ragged_batch\":false,\"optional\":false}"
                                       : ",\"label_filename\":\"\"}");
    }
}

static const char *format_of(const struct model *model)
{
    if (model->spec->task == MODEL_TENSOR) {
        return "FORMAT_NONE";
    }
    return model->runtime.facts.pipeline.layout == LAYOUT_NHWC ? "FORMAT_NHWC" : "FORMAT_NCHW";
}

static void configure(struct call *call, const struct error *error)
{
    if (error) {
        call_respond_error(call, error);
        return;
    }
    const struct model *model = call->model;
    const struct worker_facts *facts = &model->runtime.facts;
    const struct engine_facts *engine = call->service->config.engine;
    uint32_t batch = batching_limit(model);
    cleanup_buffer struct buffer body = BUFFER_INIT;
    buffer_append_text(&body, "{\"name\":");
    json_write_string(&body, model->name);
    buffer_printf(&body,
                  ",\"platform\":\"%s\",\"backend\":\"%s\",\"version_policy\":{\"all\":{}},"
                  "\"max_batch_size\":%" PRIu32 ",\"input\":[",
                  engine->platform, engine->name, batch);
    write_tensors(&body, facts->inputs, facts->input_count, batch > 0, format_of(model));
    buffer_append_text(&body, "],\"output\":[");
    write_tensors(&body, facts->outputs, facts->output_count, batch > 0, NULL);
    buffer_append_text(&body, "],\"batch_input\":[],\"batch_output\":[],\"instance_group\":"
                              "[{\"name\":");
    json_write_string(&body, model->name);
    buffer_printf(
        &body, ",\"kind\":\"%s\",\"count\":%" PRIu32 ",\"gpus\":[]}],\"default_model_filename\":",
        engine->kind, call->service->lane_count);
    json_write_string(&body, model->spec->onnx_path);
    buffer_append_text(&body, ",\"parameters\":{},\"model_warmup\":[]}\n");
    call_respond_json(call, 200, &body);
}

void v2_config(struct call *call)
{
    if (call_find_v2_model(call)) {
        call_when_loaded(call, configure);
    }
}

/* ---- statistics ---- */

static void write_duration(struct buffer *out, const char *name, uint64_t count, uint64_t ns)
{
    buffer_printf(out, "\"%s\":{\"count\":%" PRIu64 ",\"ns\":%" PRIu64 "}", name, count, ns);
}

static void write_batches(struct buffer *out, struct model_stats *stats)
{
    const char *comma = "";
    for (uint32_t i = 0; i < LIMIT_REQUEST_OBJECTS; i++) {
        struct stats_batch *batch = &stats->batches[i];
        uint64_t count = atomic_load(&batch->count);
        if (count > 0) {
            buffer_printf(out, "%s{\"batch_size\":%" PRIu32 ",", comma, i + 1);
            write_duration(out, "compute_input", count, atomic_load(&batch->input_ns));
            buffer_append_char(out, ',');
            write_duration(out, "compute_infer", count, atomic_load(&batch->run_ns));
            buffer_append_char(out, ',');
            write_duration(out, "compute_output", count, atomic_load(&batch->output_ns));
            buffer_append_char(out, '}');
            comma = ",";
        }
    }
}

static void write_stats(struct buffer *out, struct model *model)
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
    buffer_append_text(out, "{\"name\":");
    json_write_string(out, model->name);
    buffer_append_text(out, ",\"version\":");
    json_write_string(out, model->version);
    buffer_printf(out,
                  ",\"last_inference\":%" PRId64 ",\"inference_count\":%" PRIu64
                  ",\"execution_count\":%" PRIu64 ",\"inference_stats\":{",
                  atomic_load(&stats->last_ms), atomic_load(&stats->inferences),
                  atomic_load(&stats->executions));
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
        buffer_append_text(out, i ? "," : "");
        write_duration(out, durations[i].name, atomic_load(&durations[i].duration->count),
                       atomic_load(&durations[i].duration->ns));
    }
    buffer_append_text(out, "},\"batch_stats\":[");
    write_batches(out, stats);
    buffer_append_text(out, "]}");
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
    const char *comma = "";
    buffer_append_text(&body, "{\"model_stats\":[");
    for (size_t i = 0; i < count; i++) {
        if ((!name || strcmp(models[i]->name, name) == 0) &&
            (!version || strcmp(models[i]->version, version) == 0)) {
            buffer_append_text(&body, comma);
            write_stats(&body, models[i]);
            comma = ",";
        }
        model_unref(models[i]);
    }
    free(models);
    buffer_append_text(&body, "]}\n");
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
