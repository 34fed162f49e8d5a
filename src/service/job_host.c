/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs the objects of jobs through the dispatcher. The job's thread calls start, cancel, new and
 * free of a run; an object completes on the thread of a lane, or on the thread that cancels.
 */
#include "service/job_host.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "base/page_block.h"
#include "infer/answer_maker.h"
#include "infer/reuse.h"
#include "service/service.h"

/* One object in progress. The job's thread takes an item; the thread that completes the object
 * releases it. */
struct job_item {
    atomic_bool taken;
    struct jobs_object *object; /* borrowed while taken */
};

struct jobs_run {
    struct service *service; /* borrowed */
    struct model *model;     /* owned reference */
    struct answer_options options;
    struct infer_request request;
    struct infer_item items[LIMIT_JOB_WINDOW];
    struct job_item states[LIMIT_JOB_WINDOW]; /* of the items, by index */
    size_t next;                              /* where the search for a free one starts */
};

/* ---- models and stores ---- */

static int check_task(const struct model *model, struct error *error)
{
    if (!model->spec) {
        return error_set(error, ERROR_UNFIT, "model '%s' version %s cannot be read: %.300s",
                         model->name, model->version, model->broken.message);
    }
    if (model->spec->task == MODEL_TENSOR) {
        return error_set(error, ERROR_UNFIT, "model '%s' takes tensors, not images: use /v2",
                         model->name);
    }
    return 0;
}

static int pin_model(void *context, const char *name, const char *version,
                     char ret_version[JOB_VERSION_SIZE], char ret_digest[JOB_DIGEST_SIZE],
                     struct error *error)
{
    struct service *service = context;
    _Static_assert((int)JOB_VERSION_SIZE >= (int)MODEL_VERSION_SIZE, "versions fit");
    _Static_assert((int)JOB_DIGEST_SIZE == (int)MODEL_DIGEST_HEX, "digests fit");
    struct model *model = models_get(service->models, name, version, error);
    if (!model) {
        return -ENOENT;
    }
    int r = check_task(model, error);
    if (r == 0) {
        (void)stpcpy(ret_version, model->version);
        model_digest_hex(model->spec->digest, ret_digest);
    }
    model_unref(model);
    return r;
}

static struct store *find_store(void *context, const char *name, size_t length, struct error *error)
{
    const struct service *service = context;
    return stores_find(service->stores, name, length, error);
}

/* ---- objects ---- */

/* Errors of the storage node, not of the object: the job tries the object again later. */
static void set_trouble(struct jobs_object *object, const struct error *error)
{
    object->code = error->code;
    (void)stpcpy(object->message, error->message);
}

/* Writes the outcome as the object's line, or sets the error. */
static void write_outcome(struct jobs_run *run, struct infer_item *item, struct jobs_object *object)
{
    struct error memory = {0};
    object->bytes_read = item->read_bytes;
    object->cached = item->cached;
    if (jobs_code_pauses(item->error.code)) {
        set_trouble(object, &item->error);
        return;
    }
    answer_write(&object->line, item, object->object, &run->options);
    object->code = item->error.code;
    if (buffer_ok(&object->line) < 0) {
        (void)error_memory(&memory, NULL);
        set_trouble(object, &memory);
    }
}

/* The run is not used after this: it may be freed. */
static void complete(struct jobs_run *run, struct infer_item *item)
{
    struct job_item *state = &run->states[item - run->items];
    struct jobs_object *object = state->object;
    write_outcome(run, item, object);
    infer_item_reset(item);
    atomic_store_explicit(&state->taken, false, memory_order_release);
    jobs_object_done(object);
}

static void item_done(struct infer_request *request, struct infer_item *item)
{
    complete(request->owner, item);
}

static struct infer_item *take_item(struct jobs_run *run, struct jobs_object *object)
{
    for (size_t i = 0; i < LIMIT_JOB_WINDOW; i++) {
        size_t index = (run->next + i) % LIMIT_JOB_WINDOW;
        struct job_item *state = &run->states[index];
        if (!atomic_load_explicit(&state->taken, memory_order_acquire)) {
            atomic_store_explicit(&state->taken, true, memory_order_relaxed);
            run->next = index + 1;
            state->object = object;
            return &run->items[index];
        }
    }
    return NULL;
}

/* ---- runs ---- */

static int run_new(void *context, const struct job_spec *spec, struct jobs_run **ret_run,
                   struct error *error)
{
    struct service *service = context;
    struct model *model =
        models_get_pinned(service->models, spec->model, spec->version, spec->digest, error);
    if (!model) {
        return -ENOENT;
    }
    struct jobs_run *run = page_block_new(sizeof *run);
    if (!run) {
        model_unref(model);
        return error_memory(error, NULL);
    }
    run->service = service;
    run->model = model;
    run->options =
        (struct answer_options){.top = spec->top, .labels = spec->labels, .binary = spec->binary};
    /* No deadline: a low priority may wait for hours. */
    infer_request_init(&run->request, model, queue_job_class(spec->priority), INFER_NO_DEADLINE,
                       item_done, run);
    infer_request_set_items(&run->request, run->items, LIMIT_JOB_WINDOW);
    run->request.top = spec->top;
    run->request.no_cache = !spec->cache;
    *ret_run = run;
    return 0;
}

static int run_start(struct jobs_run *run, struct jobs_object *object)
{
    struct error error = {0};
    struct infer_item *item = take_item(run, object);
    if (!item) {
        return -EBUSY;
    }
    item->kind = ITEM_STORED;
    item->store = object->store;
    item->key = object->key;
    item->identity = object->identity;
    item->has_identity = true;
    item->looked_up = false;
    if (reuse_find(run->service->cache, item)) {
        complete(run, item);
        return 0;
    }
    int r = dispatch_submit(run->service->dispatch, &run->request, item, 1, &error);
    if (r == -EBUSY) {
        infer_item_reset(item);
        atomic_store(&run->states[item - run->items].taken, false);
        return r;
    }
    if (r < 0) {
        item->error = error;
        complete(run, item);
    }
    return 0;
}

static void run_cancel(struct jobs_run *run)
{
    dispatch_cancel(run->service->dispatch, &run->request);
}

static void run_free(struct jobs_run *run)
{
    if (run) {
        model_unref(run->model);
        page_block_free(run, sizeof *run);
    }
}

struct jobs_host job_host_for(struct service *service)
{
    return (struct jobs_host){.context = service,
                              .model_pin = pin_model,
                              .store_find = find_store,
                              .run_new = run_new,
                              .run_start = run_start,
                              .run_cancel = run_cancel,
                              .run_free = run_free};
}
