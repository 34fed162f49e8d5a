/* SPDX-License-Identifier: Apache-2.0
 *
 * Models as JSON.
 */
#include "api/models/model_object.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "wire/pipeline_json.h"

void tensors_write_json(struct buffer *out, const struct tensor_info *tensors, uint32_t count)
{
    buffer_append_char(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        char shape[256];
        buffer_append_text(out, i ? ",{\"name\":" : "{\"name\":");
        json_write_string(out, tensors[i].name);
        buffer_printf(out, ",\"datatype\":\"%s\",\"shape\":%s}", datatype_name(tensors[i].datatype),
                      tensor_shape_text(&tensors[i].shape, shape, sizeof shape));
    }
    buffer_append_char(out, ']');
}

static void write_versions(struct buffer *out, struct service *service, const char *name)
{
    struct model **models = NULL;
    size_t count = 0;
    bool first = true;
    buffer_append_text(out, ",\"versions\":[");
    if (models_list(service->models, &models, &count) == 0) {
        for (size_t i = 0; i < count; i++) {
            if (strcmp(models[i]->name, name) == 0) {
                buffer_append_text(out, first ? "" : ",");
                json_write_string(out, models[i]->version);
                first = false;
            }
            model_unref(models[i]);
        }
        free(models);
    }
    buffer_append_char(out, ']');
}

/* Returns the comma before the next one. */
static const char *write_note(struct buffer *out, const char *comma, const char *what,
                              const char *text)
{
    char note[MESSAGE_TEXT_SIZE + 32];
    (void)snprintf(note, sizeof note, "%s: %s", what, text);
    buffer_append_text(out, comma);
    json_write_string(out, note);
    return ",";
}

static void write_notes(struct buffer *out, struct service *service, struct model *model)
{
    const struct model_spec *spec = model->spec;
    buffer_append_text(out, ",\"notes\":[");
    for (size_t i = 0; i < spec->note_count; i++) {
        buffer_append_text(out, i ? "," : "");
        json_write_string(out, spec->notes[i]);
    }
    const struct worker_facts *facts = &model->runtime.facts;
    const char *comma = spec->note_count > 0 ? "," : "";
    bool known = dispatch_facts_known(service->dispatch, model);
    if (known && facts->untried) {
        comma = write_note(out, comma, "not tried", facts->untried_reason);
    }
    if (known && facts->left_out[0]) {
        (void)write_note(out, comma, "outputs left out", facts->left_out);
    }
    buffer_append_char(out, ']');
}

static void write_facts(struct buffer *out, struct service *service, struct model *model)
{
    const struct model_spec *spec = model->spec;
    if (dispatch_facts_known(service->dispatch, model)) {
        const struct worker_facts *facts = &model->runtime.facts;
        buffer_append_text(out, ",\"inputs\":");
        tensors_write_json(out, facts->inputs, facts->input_count);
        buffer_append_text(out, ",\"outputs\":");
        tensors_write_json(out, facts->outputs, facts->output_count);
        buffer_printf(out, ",\"run_ms\":%.3f,\"all_cores\":%s", (double)facts->run_ns / 1e6,
                      facts->all_cores ? "true" : "false");
        if (spec->task != MODEL_TENSOR) {
            buffer_append_text(out, ",\"pipeline\":");
            pipeline_put_json(&JSON_WRITER(out), NULL, &facts->pipeline);
        }
    } else if (spec->task != MODEL_TENSOR) {
        buffer_append_text(out, ",\"pipeline\":");
        pipeline_put_json(&JSON_WRITER(out), NULL, &spec->pipeline);
    }
    buffer_append_text(out, ",\"family\":");
    json_write_string(out, spec->family ? spec->family : "");
    write_notes(out, service, model);
}

void model_write_json(struct buffer *out, struct service *service, struct model *model, bool full)
{
    struct error failure = {0};
    enum model_state state = dispatch_model_state(service->dispatch, model, &failure);
    static const char *const words[] = {[MODEL_UNLOADED] = "unloaded",
                                        [MODEL_LOADING] = "loading",
                                        [MODEL_LOADED] = "ready",
                                        [MODEL_FAILED] = "failed"};
    buffer_append_text(out, "{\"name\":");
    json_write_string(out, model->name);
    buffer_append_text(out, ",\"version\":");
    json_write_string(out, model->version);
    write_versions(out, service, model->name);
    buffer_printf(out, ",\"state\":\"%s\",\"loaded\":%s", words[state],
                  state == MODEL_LOADED ? "true" : "false");
    if (state == MODEL_FAILED) {
        buffer_append_text(out, ",\"reason\":");
        json_write_string(out, failure.message);
    }
    if (model->spec) {
        char digest[MODEL_DIGEST_HEX];
        model_digest_hex(model->spec->digest, digest);
        buffer_printf(out,
                      ",\"task\":\"%s\",\"digest\":\"%s\",\"bytes\":%" PRIu64 ",\"labels\":%zu",
                      model_task_name(model->spec->task), digest, model->spec->size_bytes,
                      model->spec->label_count);
        if (full) {
            write_facts(out, service, model);
        }
    }
    buffer_append_char(out, '}');
}
