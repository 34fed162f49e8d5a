/* SPDX-License-Identifier: Apache-2.0
 *
 * Inference of one object: GET /v1/infer/MODEL/STORE/KEY, and POST /v1/infer/MODEL with an encoded
 * image. Set up on the listener's thread, answered on a lane's thread.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/piece_stream.h"
#include "api/route.h"
#include "infer/answer_maker.h"

enum { DEFAULT_TOP = 5 };

struct single {
    struct infer_request request;
    struct infer_item item;
    struct item_input input; /* of a tensor model */
    struct answer_options options;
    const char *name; /* borrowed from the call's path or query */
};

static void free_single(void *state)
{
    struct single *single = state;
    infer_item_reset(&single->item);
    free(single);
}

static void single_done(struct infer_request *request, struct infer_item *item)
{
    struct call *call = request->owner;
    const struct single *single = call->state;
    struct pieces body = PIECES_INIT;
    struct pieces none = PIECES_INIT;
    struct answer_options options = single->options;
    options.later = item->output_bytes >= PIECE_STREAM_LEAST ? &body : NULL;
    if (item->error.code == ERROR_NONE) {
        answer_write(&body.text, item, single->name, &options);
        buffer_append_char(&body.text, '\n');
    }
    if (item->error.code != ERROR_NONE) {
        call_respond_error(call, &item->error);
    } else if (body.count > 0) {
        piece_stream_send(call, &body, &none);
    } else {
        call_respond_json(call, 200, &body.text);
    }
    pieces_done(&body);
    call_unref(call);
}

static void single_gone(struct call *call)
{
    struct single *single = call->state;
    dispatch_cancel(call->service->dispatch, &single->request);
}

static struct single *single_new(struct call *call)
{
    size_t top = 0;
    if (!call_find_model(call, 0, -1) ||
        !call_query_number(call, "top", 1, LIMIT_TOP, DEFAULT_TOP, &top)) {
        return NULL;
    }
    struct single *single = call_new_state(call, sizeof *single, free_single);
    if (!single) {
        return NULL;
    }
    const char *labels = http_request_query(call->request, "labels");
    const char *cache = http_request_query(call->request, "cache");
    single->options =
        (struct answer_options){.top = top, .labels = !labels || strcmp(labels, "0") != 0};
    infer_request_init(&single->request, call->model, QUEUE_INTERACTIVE,
                       call->service->config.request_ms, single_done, call);
    infer_request_set_items(&single->request, &single->item, 1);
    single->request.top = top;
    single->request.answers = &call->api->answers;
    single->request.no_cache = cache && strcmp(cache, "0") == 0;
    return single;
}

static void single_submit(struct call *call, struct single *single)
{
    struct error error = {0};
    atomic_store(&call->client_gone, single_gone);
    (void)call_ref(call);
    if (dispatch_submit(call->service->dispatch, &single->request, &single->item, 1, &error) < 0) {
        call_respond_error(call, &error);
        call_unref(call);
    }
}

static void infer_stored(struct call *call)
{
    struct single *single = single_new(call);
    struct error error = {0};
    if (!single) {
        return;
    }
    single->name = call->captures[1];
    single->item.kind = ITEM_STORED;
    if (call_find_item(call, RIGHT_INFER, single->name, &single->item, &error) < 0) {
        call_respond_error(call, &error);
        return;
    }
    if (call->model->spec && call->model->spec->task == MODEL_TENSOR) {
        /* The only input of the model, stored as .npy; if there are more, the worker refuses it. */
        single->input = (struct item_input){
            .store = single->item.store, .key = single->item.key, .hidden = single->item.hidden};
        single->item.kind = ITEM_TENSORS;
        single->item.inputs = &single->input;
        single->item.input_count = 1;
    }
    single_submit(call, single);
}

static void infer_post(struct call *call)
{
    const char *type = http_request_header(call->request, "Content-Type");
    if (type && strncasecmp(type, "application/json", strlen("application/json")) == 0) {
        call_respond_status(call, 415,
                            "the body must be an encoded image, as application/octet-stream; for "
                            "many objects start a job: POST /v1/jobs");
        return;
    }
    struct single *single = single_new(call);
    if (!single) {
        return;
    }
    single->name = http_request_query(call->request, "name");
    single->item.kind = ITEM_BYTES;
    single->item.bytes = http_request_body(call->request, &single->item.size_bytes);
    if (single->item.size_bytes == 0) {
        call_respond_status(call, 400, "the body is empty: it must be an encoded image");
        return;
    }
    if (call->model->spec && call->model->spec->task == MODEL_TENSOR) {
        call_respond_status(call, 422, "this model takes tensors, not images: use /v2");
        return;
    }
    single_submit(call, single);
}

static const struct route routes[] = {
    {"GET", "/v1/infer/*/**", NULL, RIGHT_INFER, TASK_NONE, infer_stored},
    {"POST", "/v1/infer/*", call_accept_data, RIGHT_INFER, TASK_NONE, infer_post},
};

const struct interface infer_interface = INTERFACE(routes);
