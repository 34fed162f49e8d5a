/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /v1/thumbnails/STORE/KEY: a small copy of a stored image, made in a worker of any image
 * model, since only workers decode images. Set up on the listener's thread, answered on a lane's
 * thread.
 */
#include <stdlib.h>
#include <string.h>

#include "api/route.h"
#include "data/format_facts.h"

enum { DEFAULT_EDGE = 160 };

struct thumbnail_call {
    struct infer_request request;
    struct infer_item item;
    struct model *model; /* owned reference; the call is not counted as the model's */
};

static void free_state(void *state)
{
    struct thumbnail_call *thumbnail = state;
    infer_item_reset(&thumbnail->item);
    model_unref(thumbnail->model);
    free(thumbnail);
}

/* The preference for a model: 3 for one with a worker, 2 for one that can probably be loaded, 0 for
 * none. */
static int rank_of(struct service *service, struct model *model)
{
    struct error ignored;
    if (!model->spec || model->spec->task == MODEL_TENSOR) {
        return 0;
    }
    enum model_state state = dispatch_model_state(service->dispatch, model, &ignored);
    if (state == MODEL_FAILED) {
        return 1;
    }
    return state == MODEL_LOADED ? 3 : 2;
}

/* The preferred image model; of equal ones the first by name, in its newest version. */
static struct model *any_model(struct service *service, struct error *error)
{
    struct model **models = NULL;
    size_t count = 0;
    struct model *best = NULL;
    int best_rank = 0;
    if (models_list(service->models, &models, &count) < 0) {
        (void)error_memory(error, NULL);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        int rank = rank_of(service, models[i]);
        if (rank > best_rank ||
            (rank > 0 && rank == best_rank && strcmp(models[i]->name, best->name) == 0)) {
            best = models[i];
            best_rank = rank;
        }
    }
    best = best ? model_ref(best) : NULL;
    for (size_t i = 0; i < count; i++) {
        model_unref(models[i]);
    }
    free(models);
    if (!best) {
        (void)error_set(error, ERROR_NOT_FOUND,
                        "no model is here whose worker could make it: add an image model");
    }
    return best;
}

/* A page of another origin that guesses a name learns nothing: it may not display the picture. */
static const char *const headers[] = {"X-Content-Type-Options", "nosniff",
                                      "Cross-Origin-Resource-Policy", "same-origin", NULL};

static void thumbnail_done(struct infer_request *request, struct infer_item *item)
{
    struct call *call = request->owner;
    if (item->error.code != ERROR_NONE) {
        call_respond_error(call, &item->error);
    } else {
        cleanup_buffer struct buffer body = BUFFER_INIT;
        buffer_append(&body, item->outputs[0].data, item->outputs[0].size_bytes);
        call_respond(call, 200, format_facts_find("JPEG")->content_type, &body, headers);
    }
    call_unref(call);
}

static void thumbnail_gone(struct call *call)
{
    struct thumbnail_call *thumbnail = call->state;
    dispatch_cancel(call->service->dispatch, &thumbnail->request);
}

static int fill(struct call *call, struct thumbnail_call *thumbnail, struct error *error)
{
    struct infer_request *request = &thumbnail->request;
    struct infer_item *item = &thumbnail->item;
    const char *name = http_request_query(call->request, "model");
    int r = call_find_item(call, RIGHT_THUMBNAILS, call->captures[0], item, error);
    if (r < 0) {
        return r;
    }
    thumbnail->model = name ? models_get(call->service->models, name, NULL, error)
                            : any_model(call->service, error);
    if (!thumbnail->model) {
        return error_code_errno(error->code);
    }
    item->kind = ITEM_THUMBNAIL;
    infer_request_init(request, thumbnail->model, QUEUE_INTERACTIVE,
                       call->service->config.request_ms, thumbnail_done, call);
    infer_request_set_items(request, item, 1);
    request->outputs = tensor_set_of(0);
    return 0;
}

static void thumbnail(struct call *call)
{
    struct error error = {0};
    size_t edge = 0;
    if (!call_query_number(call, "edge", LIMIT_THUMBNAIL_EDGE_LEAST, LIMIT_THUMBNAIL_EDGE,
                           DEFAULT_EDGE, &edge)) {
        return;
    }
    struct thumbnail_call *thumbnail = call_new_state(call, sizeof *thumbnail, free_state);
    if (!thumbnail) {
        return;
    }
    thumbnail->item.edge = (uint32_t)edge;
    if (fill(call, thumbnail, &error) < 0) {
        call_respond_error(call, &error);
        return;
    }
    atomic_store(&call->client_gone, thumbnail_gone);
    (void)call_ref(call);
    if (dispatch_submit(call->service->dispatch, &thumbnail->request, &thumbnail->item, 1, &error) <
        0) {
        call_respond_error(call, &error);
        call_unref(call);
    }
}

static const struct route routes[] = {
    {"GET", "/v1/thumbnails/**", NULL, RIGHT_THUMBNAILS, TASK_NONE, thumbnail},
};

const struct interface thumbnails_interface = INTERFACE(routes);
