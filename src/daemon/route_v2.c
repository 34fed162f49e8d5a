/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the Open Inference Protocol that tell about server and models.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/model_json.h"
#include "daemon/routes.h"
#include "wire/json.h"

static void respond_text(struct call *call, const char *text)
{
    cleanup_buffer struct buffer body = BUFFER_INIT;
    buffer_append_text(&body, text);
    call_respond_json(call, 200, &body);
}

void route_v2_server(struct call *call)
{
    respond_text(call, "{\"name\":\"situ\",\"version\":\"" SITU_VERSION
                       "\",\"extensions\":[\"binary_tensor_data\",\"classification\","
                       "\"model_repository\",\"stored_object\"]}\n");
}

void route_v2_live(struct call *call)
{
    respond_text(call, "{\"live\":true}\n");
}

void route_v2_ready(struct call *call)
{
    if (atomic_load(&call->service->stopping)) {
        call_respond_status(call, 503, "situd is stopping");
    } else {
        respond_text(call, "{\"ready\":true}\n");
    }
}

/* An image model takes `image`, encoded, beside its own tensor. */
static void write_inputs(struct buffer *out, const struct model *model)
{
    const struct worker_facts *facts = &model->runtime.facts;
    if (model->spec->task == MODEL_TENSOR) {
        tensors_write_json(out, facts->inputs, facts->input_count);
        return;
    }
    struct tensor_info inputs[2] = {
        {.name = "image", .datatype = DATATYPE_BYTES, .shape = {1, {-1}}}, facts->inputs[0]};
    tensors_write_json(out, inputs, 2);
}

static void describe(struct call *call, const struct error *error)
{
    if (error) {
        call_respond_error(call, error);
        return;
    }
    const struct worker_facts *facts = &call->model->runtime.facts;
    cleanup_buffer struct buffer body = BUFFER_INIT;
    buffer_append_text(&body, "{\"name\":");
    json_write_string(&body, call->model->name);
    buffer_append_text(&body, ",\"versions\":[");
    struct model **models = NULL;
    size_t count = 0;
    const char *comma = "";
    if (models_list(call->service->models, &models, &count) == 0) {
        for (size_t i = 0; i < count; i++) {
            if (strcmp(models[i]->name, call->model->name) == 0) {
                buffer_append_text(&body, comma);
                json_write_string(&body, models[i]->version);
                comma = ",";
            }
            model_unref(models[i]);
        }
        free(models);
    }
    buffer_append_text(&body, "],\"platform\":\"onnxruntime_onnx\",\"inputs\":");
    write_inputs(&body, call->model);
    buffer_append_text(&body, ",\"outputs\":");
    tensors_write_json(&body, facts->outputs, facts->output_count);
    buffer_append_text(&body, "}\n");
    call_respond_json(call, 200, &body);
}

void route_v2_model(struct call *call)
{
    if (call_find_model(call, 0, call->captures[1] ? 1 : -1)) {
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
    buffer_append_text(&body, "{\"name\":");
    json_write_string(&body, call->model->name);
    buffer_append_text(&body, ",\"ready\":true}\n");
    call_respond_json(call, 200, &body);
}

void route_v2_model_ready(struct call *call)
{
    if (call_find_model(call, 0, call->captures[1] ? 1 : -1)) {
        call_when_loaded(call, say_ready);
    }
}

void route_v2_index(struct call *call)
{
    struct model **models = NULL;
    size_t count = 0;
    cleanup_buffer struct buffer body = BUFFER_INIT;
    buffer_append_char(&body, '[');
    if (models_list(call->service->models, &models, &count) == 0) {
        for (size_t i = 0; i < count; i++) {
            struct error failure = {0};
            enum model_state state =
                dispatch_model_state(call->service->dispatch, models[i], &failure);
            buffer_append_text(&body, i ? ",{\"name\":" : "{\"name\":");
            json_write_string(&body, models[i]->name);
            buffer_append_text(&body, ",\"version\":");
            json_write_string(&body, models[i]->version);
            buffer_printf(&body, ",\"state\":\"%s\",\"reason\":",
                          state == MODEL_FAILED ? "UNAVAILABLE" : "READY");
            json_write_string(&body, failure.message);
            buffer_append_char(&body, '}');
            model_unref(models[i]);
        }
        free(models);
    }
    buffer_append_text(&body, "]\n");
    call_respond_json(call, 200, &body);
}
