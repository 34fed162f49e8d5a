/* SPDX-License-Identifier: Apache-2.0
 *
 * Creates, lists, shows, rebuilds and removes indexes. Runs on task threads.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/call.h"
#include "api/indexes/index_object.h"
#include "api/indexes/indexes.h"
#include "base/log.h"
#include "retrieval/retrieval_spec.h"
#include "wire/index_request.h"

void indexes_respond(struct call *call, unsigned status, const struct retrieval_info *info)
{
    cleanup_buffer struct buffer body = BUFFER_INIT;
    char location[LIMIT_MODEL_NAME + 16] = "/v1/indexes/";
    const char *const headers[] = {"Location", location, NULL};
    (void)strncat(location, info->spec.name, sizeof location - strlen(location) - 1);
    index_put_json(&JSON_WRITER(&body), NULL, info);
    buffer_append_char(&body, '\n');
    call_respond(call, status, "application/json", &body, status == 201 ? headers : NULL);
}

int indexes_check_model(struct service *service, const char *name, const char *version,
                        struct error *error)
{
    struct model *model = models_get(service->models, name, version, error);
    if (!model) {
        return -ENOENT;
    }
    int r = 0;
    if (!model->spec) {
        r = error_set(error, ERROR_UNFIT, "model '%s' version %s cannot be read: %.300s",
                      model->name, model->version, model->broken.message);
    } else if (model->spec->task != MODEL_FEATURE_EXTRACTION) {
        r = error_set(error, ERROR_UNFIT,
                      "model '%s' gives no embeddings: an index wants a model whose task is "
                      "feature-extraction",
                      model->name);
    }
    model_unref(model);
    return r;
}

/* ---- making ---- */

static int make_spec(struct stores *stores, struct index_request *request,
                     struct retrieval_spec *spec, struct error *error)
{
    *spec = (struct retrieval_spec){.metric = index_metric_parse(request->metric),
                                    .interval_s = request->interval_s};
    _Static_assert((int)JOB_VERSION_SIZE >= (int)MODEL_VERSION_TEXT, "versions fit");
    (void)stpcpy(spec->name, request->name);
    (void)stpcpy(spec->model, request->model);
    (void)stpcpy(spec->version, request->version);
    if (selection_make(request->store, request->prefix, request->glob, &spec->select) < 0) {
        return error_memory(error, NULL);
    }
    return stores_make_rules(stores, request->store, &request->rules, &spec->select.rules, error);
}

/* The index holds embeddings of all objects of the selection. What is refused depends on the
 * caller's rights alone, not on the objects that there are. */
static int check_selection(struct call *call, const struct index_request *request,
                           struct error *error)
{
    static const enum right needed[] = {RIGHT_INDEXES, RIGHT_INFER};
    const char *store = request->store;
    if (!stores_find_known(call->service->stores, &call->access, store, strlen(store), error)) {
        return -ENOENT;
    }
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        if (access_prefix(&call->access, needed[i], store, request->prefix) != ACCESS_GRANTED) {
            return error_set(error, ERROR_FORBIDDEN,
                             "your rights do not include '%s' for all objects of the selection",
                             right_name(needed[i]));
        }
    }
    return 0;
}

static int create(struct call *call, struct retrieval_info *ret_info, struct error *error)
{
    struct service *service = call->service;
    cleanup_by(index_request_done) struct index_request request = {0};
    cleanup_by(retrieval_spec_done) struct retrieval_spec spec = {.name = ""};
    size_t size = 0;
    const void *body = http_request_body(call->request, &size);
    int r = index_request_parse(body, size, &request, error);
    if (r < 0) {
        return r;
    }
    r = indexes_check_model(service, request.model, request.version, error);
    if (r < 0) {
        return r;
    }
    r = check_selection(call, &request, error);
    if (r < 0) {
        return r;
    }
    r = make_spec(service->stores, &request, &spec, error);
    return r < 0 ? r : retrieval_create(service->retrieval, &spec, ret_info, error);
}

void indexes_create(struct call *call)
{
    struct error error = {0};
    struct retrieval_info info = {.dimension = 0};
    if (create(call, &info, &error) < 0) {
        call_respond_error(call, &error);
        return;
    }
    call_log(call, "index_created", "index=%s model=%s version=%s job=%s", info.spec.name,
             info.spec.model, info.spec.version, info.job);
    indexes_respond(call, 201, &info);
    retrieval_info_done(&info);
}

/* ---- looking at them ---- */

void indexes_list(struct call *call)
{
    struct retrieval_info *infos = NULL;
    size_t count = 0;
    cleanup_buffer struct buffer body = BUFFER_INIT;
    if (retrieval_list(call->service->retrieval, &call->access, &infos, &count) < 0) {
        call_respond_status(call, 503, "out of memory, or stopping");
        return;
    }
    struct json_writer w = JSON_WRITER(&body);
    json_begin_object(&w, NULL);
    json_begin_array(&w, "indexes");
    for (size_t i = 0; i < count; i++) {
        json_break_line(&w);
        index_put_json(&w, NULL, &infos[i]);
        retrieval_info_done(&infos[i]);
    }
    free(infos);
    json_end_array(&w);
    json_end_object(&w);
    buffer_append_char(&body, '\n');
    call_respond_json(call, 200, &body);
}

static void respond_now(struct call *call, unsigned status)
{
    struct error error = {0};
    struct retrieval_info info = {.dimension = 0};
    if (retrieval_get(call->service->retrieval, &call->access, call->captures[0], &info, &error) <
        0) {
        call_respond_error(call, &error);
        return;
    }
    indexes_respond(call, status, &info);
    retrieval_info_done(&info);
}

void indexes_show(struct call *call)
{
    respond_now(call, 200);
}

/* ---- what is done to them ---- */

/* The default exclusion of the index's store. */
static int find_defaults(struct call *call, char **ret_lines, struct error *error)
{
    struct service *service = call->service;
    cleanup_by(retrieval_info_done) struct retrieval_info info = {.dimension = 0};
    int r = retrieval_get(service->retrieval, &call->access, call->captures[0], &info, error);
    if (r < 0 || !info.spec.select.store) { /* the rebuild reports that it was imported */
        return r;
    }
    return stores_exclude(service->stores, info.spec.select.store, ret_lines, error);
}

static int rebuild(struct call *call, struct error *error)
{
    struct service *service = call->service;
    struct rebuild_request request = {.model = ""};
    cleanup_free char *defaults = NULL;
    size_t size = 0;
    const void *body = http_request_body(call->request, &size);
    int r = rebuild_request_parse(body, size, &request, error);
    if (r == 0 && request.model[0] != '\0') {
        r = indexes_check_model(service, request.model, request.version, error);
    }
    if (r == 0 && request.exclude_defaults) {
        r = find_defaults(call, &defaults, error);
    }
    if (r < 0) {
        return r;
    }
    struct retrieval_change change = {.model = request.model[0] ? request.model : NULL,
                                      .version = request.version,
                                      .exclude_defaults = request.exclude_defaults,
                                      .defaults = defaults};
    r = retrieval_rebuild(service->retrieval, &call->access, call->captures[0], &change, error);
    if (r < 0) {
        return r;
    }
    call_log(call, "index_rebuild", "index=%s model=%s version=%s%s", call->captures[0],
             request.model, request.version,
             request.exclude_defaults ? " exclude_defaults=yes" : "");
    return 0;
}

void indexes_rebuild(struct call *call)
{
    struct error error = {0};
    if (rebuild(call, &error) < 0) {
        call_respond_error(call, &error);
        return;
    }
    respond_now(call, 202);
}

void indexes_remove(struct call *call)
{
    struct error error = {0};
    if (retrieval_remove(call->service->retrieval, &call->access, call->captures[0], &error) < 0) {
        call_respond_error(call, &error);
        return;
    }
    search_times_drop(&call->api->search_times, call->captures[0]);
    call_log(call, "index_removed", "index=%s", call->captures[0]);
    call_respond_nothing(call);
}
