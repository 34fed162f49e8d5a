/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the Open Inference Protocol that describe the server and its models.
 */
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "api/models/model_object.h"
#include "api/v2/v2.h"
#include "base/json.h"

static void respond_text(struct call *call, const char *text)
{
    cleanup_buffer struct buffer body = BUFFER_INIT;
    buffer_append_text(&body, text);
    call_respond_json(call, 200, &body);
}

void v2_server(struct call *call)
{
    /* Triton's example programs fail if the server has another name. */
    cleanup_buffer struct buffer body = BUFFER_INIT;
    buffer_printf(&body,
                  "{\"name\":\"%s\",\"version\":\"%s\",\"extensions\":[\"binary_tensor_data\","
                  "\"classification\",\"model_configuration\",\"model_repository\","
                  "\"statistics\",\"stored_object\"]}\n",
                  call_is_by_triton(call) ? "triton" : "situ", SITU_VERSION);
    call_respond_json(call, 200, &body);
}

void v2_live(struct call *call)
{
    respond_text(call, "{\"live\":true}\n");
}

void v2_ready(struct call *call)
{
    if (atomic_load(&call->service->stopping)) {
        call_respond_stopping(call);
    } else {
        respond_text(call, "{\"ready\":true}\n");
    }
}

/* `inputs` are the model's own tensors. An image model also takes an encoded `image` in place of
 * them, which is described as an alternative. */
static void put_inputs(struct json_writer *w, const struct model *model)
{
    static const struct tensor_info image = {
        .name = "image", .datatype = DATATYPE_BYTES, .shape = {1, {-1}}};
    const struct worker_facts *facts = &model->runtime.facts;
    model_put_tensors_json(w, "inputs", facts->inputs, facts->input_count);
    if (model->spec->task != MODEL_TENSOR) {
        json_begin_object(w, "parameters");
        model_put_tensors_json(w, "alternative_inputs", &image, 1);
        json_end_object(w);
    }
}

static void describe(struct call *call, const struct error *error)
{
    if (error) {
        call_respond_error(call, error);
        return;
    }
    const struct worker_facts *facts = &call->model->runtime.facts;
    cleanup_buffer struct buffer body = BUFFER_INIT;
    struct json_writer w = JSON_WRITER(&body);
    json_begin_object(&w, NULL);
    json_put_string(&w, "name", call->model->name);
    model_put_versions_json(&w, call->service, call->model->name);
    json_put_string(&w, "platform", call->service->config.engine->platform);
    put_inputs(&w, call->model);
    model_put_tensors_json(&w, "outputs", facts->outputs, facts->output_count);
    json_end_object(&w);
    buffer_append_char(&body, '\n');
    call_respond_json(call, 200, &body);
}

void v2_model(struct call *call)
{
    if (call_find_v2_model(call)) {
        call_when_loaded(call, describe);
    }
}

static void say_ready(struct call *call, const struct error *error)
{
    if (error) {
        call_respond_error(call, error);
        return;
    }
    cleanup_buffer struct buffer body = BUFFER_INIT;
    struct json_writer w = JSON_WRITER(&body);
    json_begin_object(&w, NULL);
    json_put_string(&w, "name", call->model->name);
    json_put_bool(&w, "ready", true);
    json_end_object(&w);
    buffer_append_char(&body, '\n');
    call_respond_json(call, 200, &body);
}

void v2_model_ready(struct call *call)
{
    if (!call_find_v2_model(call)) {
        return;
    }
    if (dispatch_was_unloaded(call->service->dispatch, call->model)) {
        call_respond_status(call, 503,
                            "the model was unloaded; it is loaded when it is used, or "
                            "by POST /v2/repository/models/MODEL/load");
    } else {
        call_when_loaded(call, say_ready);
    }
}

/* {"ready": true} selects the models that can be used. */
static bool wants_ready(struct call *call)
{
    size_t size = 0;
    struct error ignored;
    const void *bytes = http_request_body(call->request, &size);
    cleanup_json struct json *body = NULL;
    return size > 0 && json_parse(bytes, size, "request body", &body, &ignored) == 0 &&
           json_get_bool(json_member(body, "ready"), false);
}

static void put_entry(struct json_writer *w, struct call *call, struct model *model,
                      bool only_ready)
{
    struct error failure = {0};
    enum model_state state = dispatch_model_state(call->service->dispatch, model, &failure);
    bool unloaded = dispatch_was_unloaded(call->service->dispatch, model);
    bool ready = state != MODEL_FAILED && !unloaded;
    if (!ready && only_ready) {
        return;
    }
    json_begin_object(w, NULL);
    json_put_string(w, "name", model->name);
    json_put_string(w, "version", model->version);
    json_put_string(w, "state", ready ? "READY" : "UNAVAILABLE");
    json_put_string(w, "reason", state != MODEL_FAILED && unloaded ? "unloaded" : failure.message);
    json_end_object(w);
}

void v2_index(struct call *call)
{
    struct model **models = NULL;
    size_t count = 0;
    bool only_ready = wants_ready(call);
    cleanup_buffer struct buffer body = BUFFER_INIT;
    struct json_writer w = JSON_WRITER(&body);
    json_begin_array(&w, NULL);
    if (models_list(call->service->models, &models, &count) == 0) {
        for (size_t i = 0; i < count; i++) {
            put_entry(&w, call, models[i], only_ready);
            model_unref(models[i]);
        }
        free(models);
    }
    json_end_array(&w);
    buffer_append_char(&body, '\n');
    call_respond_json(call, 200, &body);
}
