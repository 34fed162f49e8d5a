/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs one object through the dispatcher, while the thread of an index waits. Thread and outcome
 * each hold a reference: a thread that must end does not wait for an object that is in a worker.
 */
#include "service/retrieval_host.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "service/service.h"

enum { LOOK_MS = 50 /* between two checks whether it was given up */ };

struct waiter {
    atomic_uint references; /* one of the index's thread, one of the outcome once it is submitted */
    struct model *model;    /* owned reference */
    char *object;           /* owned */
    struct infer_request request;
    struct infer_item item;

    pthread_mutex_t lock; /* guards `done` */
    pthread_cond_t ended; /* by the monotonic clock */
    bool done;
};

static void waiter_unref(struct waiter *waiter)
{
    if (atomic_fetch_sub(&waiter->references, 1) == 1) {
        infer_item_reset(&waiter->item);
        model_unref(waiter->model);
        (void)pthread_cond_destroy(&waiter->ended);
        (void)pthread_mutex_destroy(&waiter->lock);
        free(waiter->object);
        free(waiter);
    }
}

static void item_done(struct infer_request *request, struct infer_item *item)
{
    struct waiter *waiter = request->owner;
    (void)item;
    (void)pthread_mutex_lock(&waiter->lock);
    waiter->done = true;
    (void)pthread_cond_signal(&waiter->ended);
    (void)pthread_mutex_unlock(&waiter->lock);
    waiter_unref(waiter);
}

/* Goes before jobs, like a single request: its row is missing in all answers until then, and there
 * is only one at a time. */
static int waiter_new(struct service *service, const struct retrieval_embed_request *asked,
                      struct waiter **ret_waiter, struct error *error)
{
    const struct retrieval_spec *spec = asked->spec;
    struct waiter *waiter = calloc(1, sizeof *waiter);
    if (!waiter) {
        return error_memory(error, NULL);
    }
    (void)pthread_mutex_init(&waiter->lock, NULL);
    (void)pthread_cond_init(&waiter->ended, NULL);
    atomic_init(&waiter->references, 1);
    struct infer_item *item = &waiter->item;
    item->kind = ITEM_STORED;
    waiter->object = strdup(asked->object);
    waiter->model =
        models_get_pinned(service->models, spec->model, spec->version, spec->digest, error);
    infer_request_init(&waiter->request, waiter->model, QUEUE_INTERACTIVE,
                       service->config.request_ms, item_done, waiter);
    infer_request_set_items(&waiter->request, item, 1);
    waiter->request.no_cache = true;
    int r = waiter->model ? 0 : -ENOENT;
    if (r == 0 && !waiter->object) {
        r = error_memory(error, NULL);
    }
    if (r == 0) {
        r = stores_find_object(service->stores, &ACCESS_ALL, waiter->object, &item->store,
                               &item->key, error);
    }
    if (r < 0) {
        waiter_unref(waiter);
        return r;
    }
    *ret_waiter = waiter;
    return 0;
}

/* Waits for LOOK_MS at most. True: there is an outcome. */
static bool await_outcome(struct waiter *waiter)
{
    int64_t until_ns = clock_now_ns() + LOOK_MS * NS_PER_MS;
    HOLD(&waiter->lock);
    while (!waiter->done && clock_now_ns() < until_ns) {
        (void)clock_wait(&waiter->ended, &waiter->lock, until_ns);
    }
    return waiter->done;
}

static int run(struct service *service, struct waiter *waiter,
               const struct retrieval_embed_request *asked, struct error *error)
{
    (void)atomic_fetch_add(&waiter->references, 1);
    int r = dispatch_submit(service->dispatch, &waiter->request, &waiter->item, 1, error);
    if (r < 0) {
        (void)atomic_fetch_sub(&waiter->references, 1); /* the caller holds the other */
        return r;
    }
    while (!await_outcome(waiter)) {
        if (asked->is_given_up(asked->owner)) {
            dispatch_cancel(service->dispatch, &waiter->request);
            return error_set(error, ERROR_CANCELLED, "the index ends");
        }
    }
    if (waiter->item.error.code != ERROR_NONE) {
        *error = waiter->item.error;
    }
    return error_code_errno(waiter->item.error.code);
}

static int take_vector(const struct waiter *waiter, float **ret_vector, uint32_t *ret_dimension,
                       struct error *error)
{
    const struct answer *answer = &waiter->item.answer;
    if (answer->kind != &answer_embedding || answer->embedding_size > INDEX_DIMENSION_MAX) {
        return error_set(error, ERROR_UNFIT, "the model gave no embedding that an index takes");
    }
    float *vector = calloc(answer->embedding_size + 1, sizeof *vector);
    if (!vector) {
        return error_memory(error, NULL);
    }
    memcpy(vector, answer->embedding, answer->embedding_size * sizeof *vector);
    *ret_vector = vector;
    *ret_dimension = (uint32_t)answer->embedding_size;
    return 0;
}

static int embed(void *context, const struct retrieval_embed_request *asked, float **ret_vector,
                 uint32_t *ret_dimension, struct error *error)
{
    struct service *service = context;
    struct waiter *waiter = NULL;
    int r = waiter_new(service, asked, &waiter, error);
    if (r < 0 || !waiter) {
        return r;
    }
    r = run(service, waiter, asked, error);
    if (r == 0) {
        r = take_vector(waiter, ret_vector, ret_dimension, error);
    }
    waiter_unref(waiter);
    return r;
}

struct retrieval_host retrieval_host_for(struct service *service)
{
    return (struct retrieval_host){.context = service, .embed = embed};
}
