/* SPDX-License-Identifier: Apache-2.0
 *
 * One object through the dispatcher, waited for. Called on an index's own thread.
 */
#include "daemon/retrieval_host.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/service.h"

struct waiter {
    pthread_mutex_t lock; /* guards `done` */
    pthread_cond_t ended;
    bool done;
    struct infer_request request;
    struct infer_item item;
};

static void item_done(struct infer_request *request, struct infer_item *item)
{
    struct waiter *waiter = request->owner;
    (void)item;
    HOLD(&waiter->lock);
    waiter->done = true;
    (void)pthread_cond_signal(&waiter->ended);
}

static int run(struct service *service, struct waiter *waiter, struct error *error)
{
    int result = dispatch_submit(service->dispatch, &waiter->request, &waiter->item, 1, error);
    if (result < 0) {
        return result;
    }
    HOLD(&waiter->lock);
    while (!waiter->done) {
        (void)pthread_cond_wait(&waiter->ended, &waiter->lock);
    }
    if (waiter->item.error.code != ERROR_NONE) {
        *error = waiter->item.error;
    }
    return error_code_errno(waiter->item.error.code);
}

static int take_vector(const struct waiter *waiter, float **ret_vector, uint32_t *ret_dimension,
                       struct error *error)
{
    const struct results_value *answer = &waiter->item.answer;
    if (answer->kind != RESULTS_EMBEDDING || answer->embedding_size > INDEX_DIMENSION_MAX) {
        return error_set(error, ERROR_UNFIT, "the model gave no embedding that an index takes");
    }
    float *vector = calloc(answer->embedding_size + 1, sizeof *vector);
    if (!vector) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    memcpy(vector, answer->embedding, answer->embedding_size * sizeof *vector);
    *ret_vector = vector;
    *ret_dimension = (uint32_t)answer->embedding_size;
    return 0;
}

static int embed(void *context, const struct retrieval_spec *spec, const char *object,
                 float **ret_vector, uint32_t *ret_dimension, struct error *error)
{
    struct service *service = context;
    struct waiter waiter = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};
    struct infer_item *item = &waiter.item;
    struct model *model =
        models_get_pinned(service->models, spec->model, spec->version, spec->digest, error);
    if (!model) {
        return -ENOENT;
    }
    item->kind = ITEM_STORED;
    item->request = &waiter.request;
    queue_source_init(&waiter.request.source, queue_job_class(0));
    waiter.request.model = model;
    waiter.request.items = item;
    waiter.request.item_count = 1;
    waiter.request.deadline_ns = INT64_MAX; /* it is not urgent */
    waiter.request.done = item_done;
    waiter.request.owner = &waiter;
    int result = service_object_find(service, object, &item->store, &item->key, error);
    if (result == 0) {
        result = run(service, &waiter, error);
    }
    if (result == 0) {
        result = take_vector(&waiter, ret_vector, ret_dimension, error);
    }
    infer_item_reset(item);
    model_unref(model);
    return result;
}

struct retrieval_host retrieval_host_for(struct service *service)
{
    return (struct retrieval_host){.context = service, .embed = embed};
}
