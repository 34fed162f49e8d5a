/* SPDX-License-Identifier: Apache-2.0
 *
 * Models over HTTP: lists, shows, adds (from a tar stream or the import root) and removes them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/body_writer.h"
#include "api/models/model_object.h"
#include "api/models/package_upload.h"
#include "api/route.h"
#include "base/json.h"
#include "base/log.h"

static void list_models(struct call *call)
{
    struct model **models = NULL;
    size_t count = 0;
    cleanup_buffer struct buffer body = BUFFER_INIT;
    struct json_writer w = JSON_WRITER(&body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "models");
    if (models_list(call->service->models, &models, &count) == 0) {
        for (size_t i = 0; i < count; i++) {
            json_break_line(&w);
            model_put_json(&w, call->service, models[i], false);
            model_unref(models[i]);
        }
        free(models);
    }
    json_end_array(&w);
    json_end_object(&w);
    buffer_append_char(&body, '\n');
    call_respond_json(call, 200, &body);
}

static void show(struct call *call, const struct error *error)
{
    (void)error; /* the state of the model shows that it cannot be loaded */
    cleanup_buffer struct buffer body = BUFFER_INIT;
    model_put_json(&JSON_WRITER(&body), call->service, call->model, true);
    buffer_append_char(&body, '\n');
    call_respond_json(call, 200, &body);
}

static void show_model(struct call *call)
{
    if (call_find_model(call, 0, -1)) {
        call_when_loaded(call, show);
    }
}

static void show_labels(struct call *call)
{
    if (!call_find_model(call, 0, -1)) {
        return;
    }
    const struct model_spec *spec = call->model->spec;
    cleanup_buffer struct buffer body = BUFFER_INIT;
    struct json_writer w = JSON_WRITER(&body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "labels");
    for (size_t i = 0; spec && i < spec->label_count; i++) {
        json_put_string(&w, NULL, spec->labels[i]);
    }
    json_end_array(&w);
    json_end_object(&w);
    buffer_append_char(&body, '\n');
    call_respond_json(call, 200, &body);
}

/* ---- adding ---- */

/* A package that is being added; with `writer` if it is sent as a tar. */
struct arrival {
    struct package_upload *upload; /* owned */
    struct body_writer *writer;    /* owned */
    struct model *model;           /* owned reference; being tried */
};

static void free_arrival(void *state)
{
    struct arrival *arrival = state;
    body_writer_free(arrival->writer);
    package_upload_free(arrival->upload);
    model_unref(arrival->model);
    free(arrival);
}

static struct arrival *new_arrival(struct call *call)
{
    struct error error = {0};
    struct arrival *arrival = call_new_state(call, sizeof *arrival, free_arrival);
    if (!arrival) {
        return NULL;
    }
    char *directory = NULL;
    if (models_add_prepare(call->service->models, call->captures[0], &directory, &error) < 0) {
        call_respond_error(call, &error);
        return NULL;
    }
    if (package_upload_new(directory, call->service->config.package_bytes, call->service->transfers,
                           &arrival->upload) < 0) {
        call_respond_memory(call);
        return NULL;
    }
    return arrival;
}

/* A worker has loaded and run the model: makes it visible. */
static void publish(struct call *call, const struct error *failure)
{
    struct service *service = call->service;
    struct arrival *arrival = call->state;
    struct model *model = arrival->model;
    struct error error = {0};
    if (failure) {
        call_respond_error(call, failure);
        return;
    }
    if (models_add_publish(service->models, model_ref(model), &error) < 0) {
        model_unref(model);
        dispatch_remove(service->dispatch, take_ptr(arrival->model));
        call_respond_error(call, &error);
        return;
    }
    package_upload_take(arrival->upload);
    cleanup_buffer struct buffer body = BUFFER_INIT;
    call_log(call, "model_added", "model=%s version=%s", model->name, model->version);
    model_put_json(&JSON_WRITER(&body), service, model, true);
    buffer_append_char(&body, '\n');
    call_respond_json(call, 201, &body);
}

/* All files of the package are there: reads it and has a worker try it. */
static void adopt(struct call *call, const char *preset)
{
    struct arrival *arrival = call->state;
    struct error error = {0};
    int r = 0;
    if (preset && *preset) {
        r = package_upload_preset(arrival->upload, preset, &error);
    }
    if (r == 0) {
        r = package_upload_sync(arrival->upload, &error);
    }
    if (r == 0) {
        r = models_add_read(call->service->models, call->captures[0],
                            package_upload_directory(arrival->upload), NULL, &arrival->model,
                            &error);
    }
    if (r < 0) {
        call_respond_error(call, &error);
    } else {
        call_when_tried(call, arrival->model, publish);
    }
}

static int write_piece(void *context, const void *bytes, size_t size)
{
    return package_upload_feed(context, bytes, size);
}

static void accept_upload(struct call *call)
{
    struct arrival *arrival = new_arrival(call);
    if (!arrival) {
        return;
    }
    if (body_writer_new(call, write_piece, arrival->upload, &arrival->writer) < 0) {
        call_respond_memory(call);
        return;
    }
    /* room for the headers of the tar */
    http_accept_stream(call->request, call->service->config.package_bytes + MIB, body_writer_put,
                       arrival->writer);
}

static void upload_model(struct call *call)
{
    struct arrival *arrival = call->state;
    struct error error = {0};
    if (body_writer_finish(arrival->writer, &error) < 0 ||
        package_upload_finish(arrival->upload, &error) < 0) {
        call_respond_error(call, &error);
        return;
    }
    adopt(call, http_request_query(call->request, "preset"));
}

static void import_model(struct call *call)
{
    struct error error = {0};
    cleanup_json struct json *body = NULL;
    size_t size = 0;
    const void *bytes = http_request_body(call->request, &size);
    if (json_parse(bytes, size, "request body", &body, &error) < 0) {
        call_respond_error(call, &error);
        return;
    }
    const char *path = json_get_string(json_member(body, "path"), NULL);
    if (!path || !call->service->config.import_root) {
        call_respond_status(call, path ? 403 : 400,
                            path ? "situd runs without --import-root: send the package as a tar"
                                 : "\"path\" is missing: a directory beneath the import root");
        return;
    }
    struct arrival *arrival = new_arrival(call);
    if (!arrival) {
        return;
    }
    if (package_upload_copy(arrival->upload, call->service->config.import_root, path, &error) < 0) {
        call_respond_error(call, &error);
        return;
    }
    adopt(call, json_get_string(json_member(body, "preset"), NULL));
}

/* ---- removing ---- */

static void remove_model(struct call *call)
{
    struct service *service = call->service;
    const char *name = call->captures[0];
    const char *version = http_request_query(call->request, "version");
    struct error error = {0};
    struct model **models = NULL;
    size_t count = 0;
    if (models_remove(service->models, name, version, &models, &count, &error) < 0) {
        call_respond_error(call, &error);
        return;
    }
    while (count-- > 0) {
        call_log(call, "model_removed", "model=%s version=%s", models[count]->name,
                 models[count]->version);
        dispatch_remove(service->dispatch, models[count]);
    }
    free(models);
    call_respond_nothing(call);
}

static const struct route routes[] = {
    {"GET", "/v1/models", NULL, RIGHTS_OF_MODELS, TASK_NONE, list_models},
    {"GET", "/v1/models/*", NULL, RIGHTS_OF_MODELS, TASK_NONE, show_model},
    {"GET", "/v1/models/*/labels", NULL, RIGHTS_OF_MODELS, TASK_NONE, show_labels},
    {"PUT", "/v1/models/*", accept_upload, RIGHT_MODELS, TASK_TRANSFER, upload_model},
    {"POST", "/v1/models/*", call_accept_control, RIGHT_MODELS, TASK_TRANSFER, import_model},
    {"DELETE", "/v1/models/*", NULL, RIGHT_MODELS, TASK_CONTROL, remove_model},
};

const struct interface models_interface = INTERFACE(routes);
