/* SPDX-License-Identifier: Apache-2.0
 *
 * Models as JSON.
 */
#include "api/models/model_object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/pipeline_json.h"

void model_put_tensors_json(struct json_writer *w, const char *key,
                            const struct tensor_info *tensors, uint32_t count)
{
    json_begin_array(w, key);
    for (uint32_t i = 0; i < count; i++) {
        char shape[256];
        json_begin_object(w, NULL);
        json_put_string(w, "name", tensors[i].name);
        json_put_string(w, "datatype", datatype_name(tensors[i].datatype));
        buffer_append_text(json_put_raw(w, "shape"),
                           tensor_shape_text(&tensors[i].shape, shape, sizeof shape));
        json_end_object(w);
    }
    json_end_array(w);
}

void model_put_versions_json(struct json_writer *w, struct service *service, const char *name)
{
    struct model **models = NULL;
    size_t count = 0;
    json_begin_array(w, "versions");
    if (models_list(service->models, &models, &count) == 0) {
        for (size_t i = 0; i < count; i++) {
            if (strcmp(models[i]->name, name) == 0) {
                json_put_string(w, NULL, models[i]->version);
            }
            model_unref(models[i]);
        }
        free(models);
    }
    json_end_array(w);
}

static void put_note(struct json_writer *w, const char *what, const char *text)
{
    char note[MESSAGE_TEXT_SIZE + 32];
    (void)snprintf(note, sizeof note, "%s: %s", what, text);
    json_put_string(w, NULL, note);
}

static void put_notes(struct json_writer *w, struct service *service, struct model *model)
{
    const struct model_spec *spec = model->spec;
    const struct worker_facts *facts = &model->runtime.facts;
    bool known = dispatch_facts_known(service->dispatch, model);
    json_begin_array(w, "notes");
    for (size_t i = 0; i < spec->note_count; i++) {
        json_put_string(w, NULL, spec->notes[i]);
    }
    if (known && facts->untried) {
        put_note(w, "not tried", facts->untried_reason);
    }
    if (known && facts->left_out[0]) {
        put_note(w, "outputs left out", facts->left_out);
    }
    json_end_array(w);
}

static void put_facts(struct json_writer *w, struct service *service, struct model *model)
{
    const struct model_spec *spec = model->spec;
    const struct worker_facts *facts = &model->runtime.facts;
    bool known = dispatch_facts_known(service->dispatch, model);
    if (known) {
        model_put_tensors_json(w, "inputs", facts->inputs, facts->input_count);
        model_put_tensors_json(w, "outputs", facts->outputs, facts->output_count);
        buffer_printf(json_put_raw(w, "run_ms"), "%.3f", (double)facts->run_ns / 1e6);
        json_put_bool(w, "all_cores", facts->all_cores);
    }
    if (spec->task != MODEL_TENSOR) {
        pipeline_put_json(w, "pipeline", known ? &facts->pipeline : &spec->pipeline);
    }
    json_put_string(w, "family", spec->family ? spec->family : "");
    put_notes(w, service, model);
}

void model_put_json(struct json_writer *w, struct service *service, struct model *model, bool full)
{
    struct error failure = {0};
    enum model_state state = dispatch_model_state(service->dispatch, model, &failure);
    static const char *const words[] = {[MODEL_UNLOADED] = "unloaded",
                                        [MODEL_LOADING] = "loading",
                                        [MODEL_LOADED] = "ready",
                                        [MODEL_FAILED] = "failed"};
    json_begin_object(w, NULL);
    json_put_string(w, "name", model->name);
    json_put_string(w, "version", model->version);
    model_put_versions_json(w, service, model->name);
    json_put_string(w, "state", words[state]);
    json_put_bool(w, "loaded", state == MODEL_LOADED);
    if (state == MODEL_FAILED) {
        json_put_string(w, "reason", failure.message);
    }
    if (model->spec) {
        char digest[MODEL_DIGEST_HEX];
        model_digest_hex(model->spec->digest, digest);
        json_put_string(w, "task", model_task_name(model->spec->task));
        json_put_string(w, "digest", digest);
        json_put_unsigned(w, "bytes", model->spec->size_bytes);
        json_put_unsigned(w, "labels", model->spec->label_count);
        if (full) {
            put_facts(w, service, model);
        }
    }
    json_end_object(w);
}
