/* SPDX-License-Identifier: Apache-2.0
 *
 * Queue, lanes and model runtimes under one lock. Where an item stands:
 *
 *   submitted -> queued (its model is loaded) or parked (it is being loaded, or in quarantine)
 *   queued -> running in a lane -> done
 *   running -> suspect (the worker died under it) -> queued alone, when nothing else runs in the
 *   new worker -> running -> done, or failed with worker_crashed if the worker dies again
 */
#include "daemon/dispatch.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/lanes.h"
#include "daemon/postprocess.h"
#include "daemon/spawner.h"

#define RETRY_LOAD_NS (5 * NS_PER_S)
#define TICK_NS (200 * NS_PER_MS)

enum { LOAD_ATTEMPTS = 3 };

struct dispatch_lane {
    struct dispatch *dispatch;
    uint32_t index;
    pthread_t thread;
};

struct dispatch {
    struct dispatch_config config;
    struct tasks *tasks;     /* borrowed */
    struct metrics *metrics; /* borrowed */
    struct spawner *spawner; /* owned */
    pthread_mutex_t lock;    /* guards all below and every model's runtime */
    pthread_cond_t work;     /* lanes wait for items */
    pthread_cond_t loaded;   /* dispatch_load() waits */
    struct queue queue;
    size_t parked; /* items that wait outside the queue */
    unsigned busy; /* lanes that have an item */
    struct model *loaded_models;
    struct dispatch_status last_sandbox;
    bool stopping;
    atomic_bool stop_loading; /* the same, for the threads that load */
    pthread_t housekeeper;
    uint32_t lane_count;
    struct dispatch_lane lanes[LIMIT_LANES];
};

struct load {
    struct dispatch *dispatch;
    struct model *model; /* a reference */
};

/* A worker that was taken out of its model, to be freed without the lock. */
struct garbage {
    struct worker_process *worker; /* NULL: none */
    struct model *model;           /* with a reference */
};

static void start_load(struct dispatch *dispatch, struct model *model);

/* ---- lists of items, linked through their queue entry; parked and suspect items only ---- */

static struct infer_item *item_of(struct queue_entry *entry)
{
    return (struct infer_item *)(void *)entry; /* first member */
}

static void list_append(struct item_list *list, struct infer_item *item)
{
    item->entry.next = NULL;
    item->entry.previous = list->last ? &list->last->entry : NULL;
    if (list->last) {
        list->last->entry.next = &item->entry;
    } else {
        list->first = item;
    }
    list->last = item;
}

static void list_remove(struct item_list *list, struct infer_item *item)
{
    struct queue_entry *next = item->entry.next;
    struct queue_entry *previous = item->entry.previous;
    if (next) {
        next->previous = previous;
    } else {
        list->last = previous ? item_of(previous) : NULL;
    }
    if (previous) {
        previous->next = next;
    } else {
        list->first = next ? item_of(next) : NULL;
    }
    item->entry.next = item->entry.previous = NULL;
}

static struct infer_item *list_take_first(struct item_list *list)
{
    struct infer_item *item = list->first;
    if (item) {
        list_remove(list, item);
    }
    return item;
}

/* ---- under the lock ---- */

static void park(struct dispatch *dispatch, struct infer_item *item)
{
    item->state = ITEM_PARKED;
    dispatch->parked++;
    list_append(&item->request->model->runtime.parked, item);
}

static void suspect(struct dispatch *dispatch, struct infer_item *item)
{
    item->state = ITEM_SUSPECT;
    dispatch->parked++;
    list_append(&item->request->model->runtime.suspects, item);
    item->request->model->runtime.quarantine = true;
}

static bool may_run(const struct model_runtime *runtime, const struct infer_item *item)
{
    return runtime->worker && (!runtime->quarantine || item->alone);
}

/* Puts one suspect at the head of the queue, or ends the quarantine; parked items go on. */
static void resume_model(struct dispatch *dispatch, struct model *model)
{
    struct model_runtime *runtime = &model->runtime;
    if (!runtime->worker) {
        return;
    }
    if (runtime->quarantine) {
        if (runtime->users > 0) {
            return;
        }
        struct infer_item *suspect = list_take_first(&runtime->suspects);
        if (suspect) {
            suspect->alone = true;
            suspect->state = ITEM_QUEUED;
            dispatch->parked--;
            queue_push_front(&dispatch->queue, &suspect->request->source, &suspect->entry,
                             clock_now_ns());
            (void)pthread_cond_signal(&dispatch->work);
            return;
        }
        runtime->quarantine = false;
    }
    while (runtime->parked.last) { /* from the end, each to the head: order is kept */
        struct infer_item *item = runtime->parked.last;
        list_remove(&runtime->parked, item);
        dispatch->parked--;
        item->state = ITEM_QUEUED;
        queue_push_front(&dispatch->queue, &item->request->source, &item->entry, clock_now_ns());
    }
    (void)pthread_cond_broadcast(&dispatch->work);
}

static void finish_list_add(struct item_list *finished, struct infer_item *item,
                            const struct error *error)
{
    if (error) {
        item->error = *error;
    }
    item->state = ITEM_DONE;
    list_append(finished, item);
}

/* Every item of a model that waits for its worker, given up with that error. */
static void give_up_waiting(struct dispatch *dispatch, struct model *model,
                            const struct error *error, struct item_list *finished)
{
    struct item_list *lists[] = {&model->runtime.suspects, &model->runtime.parked};
    for (size_t i = 0; i < 2; i++) {
        struct infer_item *item = NULL;
        while ((item = list_take_first(lists[i]))) {
            dispatch->parked--;
            finish_list_add(finished, item, error);
        }
    }
    model->runtime.quarantine = false;
}

static void unlink_loaded(struct dispatch *dispatch, struct model *model)
{
    for (struct model **at = &dispatch->loaded_models; *at; at = &(*at)->runtime.next_loaded) {
        if (*at == model) {
            *at = model->runtime.next_loaded;
            model->runtime.next_loaded = NULL;
            return;
        }
    }
}

/* Takes the worker out of the model, when no lane is in it; the caller discards it outside the
 * lock. A loaded model holds a reference to itself, which goes with it. */
static struct garbage detach_worker(struct dispatch *dispatch, struct model *model)
{
    struct garbage garbage = {model->runtime.worker, model};
    model->runtime.worker = NULL;
    model->runtime.dying = NULL;
    model->runtime.unload = false;
    model->runtime.state = MODEL_UNLOADED;
    unlink_loaded(dispatch, model);
    return garbage;
}

/* ---- outside the lock ---- */

static void discard(struct garbage *garbage)
{
    if (garbage->worker) {
        worker_process_free(garbage->worker);
        model_unref(garbage->model);
    }
    *garbage = (struct garbage){0};
}

static void finish(struct dispatch *dispatch, struct infer_item *item)
{
    atomic_fetch_add_explicit(&dispatch->metrics->objects, 1, memory_order_relaxed);
    item->request->done(item->request, item);
}

static void finish_all(struct dispatch *dispatch, struct item_list *finished)
{
    struct infer_item *item = NULL;
    while ((item = list_take_first(finished))) {
        finish(dispatch, item);
    }
}

/* ---- loading ---- */

/* The least recently used model that stands idle, or NULL; never `keep`, nor the one used last. */
static struct model *idle_victim(struct dispatch *dispatch, const struct model *keep)
{
    struct model *victim = NULL;
    const struct model *latest = dispatch->loaded_models;
    for (const struct model *m = latest; m; m = m->runtime.next_loaded) {
        latest = m->runtime.last_used_ns > latest->runtime.last_used_ns ? m : latest;
    }
    for (struct model *m = dispatch->loaded_models; m; m = m->runtime.next_loaded) {
        if (m != keep && m != latest && m->runtime.users == 0 && !m->runtime.quarantine &&
            (!victim || m->runtime.last_used_ns < victim->runtime.last_used_ns)) {
            victim = m;
        }
    }
    return victim;
}

static uint64_t loaded_bytes(const struct dispatch *dispatch)
{
    uint64_t total = 0;
    for (const struct model *m = dispatch->loaded_models; m; m = m->runtime.next_loaded) {
        total += m->runtime.memory_bytes;
    }
    return total;
}

static void keep_budget(struct dispatch *dispatch, const struct model *keep)
{
    for (;;) {
        struct garbage garbage = {0};
        {
            HOLD(&dispatch->lock);
            struct model *victim = NULL;
            if (dispatch->config.memory_budget > 0 &&
                loaded_bytes(dispatch) > dispatch->config.memory_budget) {
                victim = idle_victim(dispatch, keep);
            }
            if (victim) {
                log_event(LOG_LEVEL_INFO, "model_unloaded",
                          "model=%s version=%s reason=memory_budget", victim->name,
                          victim->version);
                garbage = detach_worker(dispatch, victim);
            }
        }
        if (!garbage.worker) {
            return;
        }
        discard(&garbage);
    }
}

static void publish_worker(struct dispatch *dispatch, struct model *model,
                           struct worker_process *worker)
{
    struct model_runtime *runtime = &model->runtime;
    if (!runtime->facts_known) {
        runtime->facts = *worker_process_facts(worker);
        runtime->primary_output = postprocess_primary_output(model->spec, &runtime->facts);
        runtime->facts_known = true;
    }
    const struct worker_facts *facts = worker_process_facts(worker);
    dispatch->last_sandbox.landlock_abi = facts->landlock_abi;
    dispatch->last_sandbox.seccomp = facts->seccomp;
    dispatch->last_sandbox.sandbox_known = true;
    runtime->worker = worker;
    runtime->state = MODEL_LOADED;
    runtime->memory_bytes = worker_process_memory(worker);
    runtime->last_used_ns = clock_now_ns();
    runtime->next_loaded = dispatch->loaded_models;
    dispatch->loaded_models = model_ref(model);
}

static void load_failed(struct dispatch *dispatch, struct model *model, const struct error *error,
                        struct item_list *finished)
{
    struct error told = {0};
    (void)error_set(&told, ERROR_UNAVAILABLE, "model '%s' cannot be loaded: %.*s", model->name,
                    ERROR_MESSAGE_SIZE / 2, error->message);
    model->runtime.state = MODEL_FAILED;
    model->runtime.failure = told;
    model->runtime.retry_ns = clock_now_ns() + RETRY_LOAD_NS;
    give_up_waiting(dispatch, model, &told, finished);
}

/* A worker that dies while it loads may have been killed from outside: it gets another chance, and
 * a third. */
static int start_worker(struct dispatch *dispatch, const struct model *model,
                        struct worker_process **ret_worker, struct error *error)
{
    int result = 0;
    for (int attempt = 0; attempt < LOAD_ATTEMPTS; attempt++) {
        result = worker_process_start(dispatch->spawner, &dispatch->config.worker, model->name,
                                      model->path, model->spec, ret_worker, error);
        if (result == 0 || error->code != ERROR_WORKER_CRASHED ||
            atomic_load(&dispatch->stop_loading)) {
            break;
        }
    }
    return result;
}

static void load_task(void *argument)
{
    struct load *load = argument;
    struct dispatch *dispatch = load->dispatch;
    struct model *model = load->model;
    free(load);
    struct error error = {0};
    struct item_list finished = {0};
    struct worker_process *worker = NULL;
    int64_t start = clock_now_ns();
    int result = start_worker(dispatch, model, &worker, &error);
    {
        HOLD(&dispatch->lock);
        if (result == 0 && dispatch->stopping) {
            result = error_set(&error, ERROR_UNAVAILABLE, "situd is stopping");
        }
        if (result == 0) {
            publish_worker(dispatch, model, worker);
            resume_model(dispatch, model);
        } else {
            load_failed(dispatch, model, &error, &finished);
        }
        (void)pthread_cond_broadcast(&dispatch->loaded);
    }
    if (result < 0) {
        char quoted[ERROR_MESSAGE_SIZE];
        log_event(LOG_LEVEL_ERROR, "model_load_failed", "model=%s version=%s reason=%s",
                  model->name, model->version, log_quote(quoted, sizeof quoted, error.message));
        worker_process_free(worker);
    } else {
        atomic_fetch_add(&dispatch->metrics->workers_started, 1);
        log_event(LOG_LEVEL_INFO, "model_loaded", "model=%s version=%s pid=%d ms=%lld run_us=%lld",
                  model->name, model->version, (int)worker_process_pid(worker),
                  (long long)((clock_now_ns() - start) / NS_PER_MS),
                  (long long)(worker_process_facts(worker)->run_ns / 1000));
    }
    finish_all(dispatch, &finished);
    keep_budget(dispatch, model);
    model_unref(model);
}

/* Under the lock; MODEL_LOADING from here on, or MODEL_FAILED where no task is to be had. */
static void start_load(struct dispatch *dispatch, struct model *model)
{
    struct load *load = malloc(sizeof *load);
    model->runtime.state = MODEL_LOADING;
    if (load) {
        *load = (struct load){dispatch, model_ref(model)};
        if (tasks_start(dispatch->tasks, load_task, load) == 0) {
            return;
        }
        model_unref(model);
        free(load);
    }
    model->runtime.state = MODEL_FAILED;
    model->runtime.retry_ns = 0;
    (void)error_set(&model->runtime.failure, ERROR_BUSY,
                    "model '%s' cannot be loaded now: too much else is going on", model->name);
}

/* Under the lock: begins to load where that makes sense. 0, or the failure that stands. */
static int want_loaded(struct dispatch *dispatch, struct model *model, struct error *error)
{
    struct model_runtime *runtime = &model->runtime;
    if (!model->spec) {
        return error_set(error, ERROR_UNAVAILABLE, "model '%s' cannot be used: %.*s", model->name,
                         ERROR_MESSAGE_SIZE / 2, model->broken.message);
    }
    if (dispatch->stopping) {
        return error_set(error, ERROR_UNAVAILABLE, "situd is stopping");
    }
    bool stale = runtime->state == MODEL_FAILED && clock_now_ns() >= runtime->retry_ns;
    if (runtime->state == MODEL_UNLOADED || stale) {
        start_load(dispatch, model);
    }
    if (runtime->state == MODEL_FAILED) {
        if (error) {
            *error = runtime->failure;
        }
        return error_code_errno(runtime->failure.code);
    }
    return 0;
}

/* ---- lanes ---- */

static struct infer_item *next_item(struct dispatch *dispatch, struct item_list *finished)
{
    struct queue_entry *entry = NULL;
    while ((entry = queue_pop(&dispatch->queue, QUEUE_JOB))) {
        struct infer_item *item = item_of(entry);
        if (may_run(&item->request->model->runtime, item)) {
            return item;
        }
        struct error error = {0};
        if (want_loaded(dispatch, item->request->model, &error) < 0) {
            finish_list_add(finished, item, &error);
        } else if (item->alone) { /* the worker died before its turn came */
            item->alone = false;
            suspect(dispatch, item);
        } else {
            park(dispatch, item);
        }
    }
    return NULL;
}

/* The worker died under this item. What was with it in the worker is retried alone; what was alone
 * already has failed by itself. */
static void after_crash(struct dispatch *dispatch, struct infer_item *item,
                        enum lane_outcome outcome, bool had_company, struct item_list *finished)
{
    bool guilty = item->alone || (outcome == LANE_HUNG && !had_company);
    if (guilty) {
        struct error error = item->error;
        if (outcome == LANE_CRASHED) {
            (void)error_set(&error, ERROR_WORKER_CRASHED,
                            "the object ends its worker each time; it is skipped");
        }
        finish_list_add(finished, item, &error);
        return;
    }
    suspect(dispatch, item);
}

/* Under the lock, after a lane is through with an item. */
static struct garbage settle(struct dispatch *dispatch, struct infer_item *item,
                             struct worker_process *worker, enum lane_outcome outcome,
                             struct item_list *finished)
{
    struct model *model = item->request->model;
    struct model_runtime *runtime = &model->runtime;
    struct garbage garbage = {0};
    bool had_company = runtime->users > 1;
    runtime->users--;
    runtime->last_used_ns = clock_now_ns();
    dispatch->busy--;
    if (outcome == LANE_DONE) {
        finish_list_add(finished, item, NULL);
    } else {
        if (!runtime->dying) {
            runtime->dying = worker;
            log_event(LOG_LEVEL_WARNING, outcome == LANE_HUNG ? "worker_hung" : "worker_crashed",
                      "model=%s version=%s pid=%d in_flight=%u", model->name, model->version,
                      (int)worker_process_pid(worker), runtime->users + 1);
        }
        after_crash(dispatch, item, outcome, had_company, finished);
    }
    if (runtime->dying) {
        /* New items stay away from now on; the last lane out takes the worker with it. */
        runtime->quarantine = runtime->quarantine || runtime->users > 0;
        if (runtime->users == 0) {
            garbage = detach_worker(dispatch, model);
            atomic_fetch_add(&dispatch->metrics->workers_restarted, 1);
            struct error error = {0};
            if (want_loaded(dispatch, model, &error) < 0) {
                give_up_waiting(dispatch, model, &error, finished);
            }
        }
    } else if (runtime->quarantine) {
        resume_model(dispatch, model);
    } else if (runtime->unload && runtime->users == 0) {
        garbage = detach_worker(dispatch, model);
    }
    return garbage;
}

static void run_item(struct dispatch *dispatch, const struct dispatch_lane *lane,
                     struct infer_item *item)
{
    struct model *model = model_ref(item->request->model);
    struct worker_process *worker = model->runtime.worker;
    item->state = ITEM_RUNNING;
    model->runtime.users++;
    dispatch->busy++;
    bool idle = dispatch->busy == 1 && queue_length(&dispatch->queue) == 0;
    (void)pthread_mutex_unlock(&dispatch->lock);

    metrics_observe(dispatch->metrics, STAGE_QUEUE, clock_now_ns() - item->entry.queued_ns);
    atomic_fetch_add(&dispatch->metrics->lanes_busy, 1);
    bool all_cores = idle && worker_process_facts(worker)->all_cores;
    enum lane_outcome outcome = lane_carry(item, worker, lane->index, all_cores, dispatch->metrics);
    atomic_fetch_sub(&dispatch->metrics->lanes_busy, 1);

    struct item_list finished = {0};
    (void)pthread_mutex_lock(&dispatch->lock);
    struct garbage garbage = settle(dispatch, item, worker, outcome, &finished);
    (void)pthread_mutex_unlock(&dispatch->lock);
    discard(&garbage);
    finish_all(dispatch, &finished);
    model_unref(model);
    (void)pthread_mutex_lock(&dispatch->lock);
}

static void *lane_main(void *argument)
{
    struct dispatch_lane *lane = argument;
    struct dispatch *dispatch = lane->dispatch;
    lane_pin(dispatch->config.worker.lane_cpus[lane->index]);
    (void)pthread_mutex_lock(&dispatch->lock);
    while (!dispatch->stopping) {
        struct item_list finished = {0};
        struct infer_item *item = next_item(dispatch, &finished);
        if (finished.first) {
            (void)pthread_mutex_unlock(&dispatch->lock);
            finish_all(dispatch, &finished);
            (void)pthread_mutex_lock(&dispatch->lock);
        }
        if (item) {
            run_item(dispatch, lane, item);
        } else if (!dispatch->stopping && queue_length(&dispatch->queue) == 0) {
            (void)pthread_cond_wait(&dispatch->work, &dispatch->lock);
        }
    }
    (void)pthread_mutex_unlock(&dispatch->lock);
    return NULL;
}

/* ---- housekeeping ---- */

static void expire_list(struct dispatch *dispatch, struct item_list *list, int64_t now_ns,
                        const struct error *error, struct item_list *finished)
{
    struct infer_item *item = list->first;
    while (item) {
        struct queue_entry *next = item->entry.next;
        if (item->entry.deadline_ns <= now_ns) {
            list_remove(list, item);
            dispatch->parked--;
            finish_list_add(finished, item, error);
        }
        item = next ? item_of(next) : NULL;
    }
}

static void expire(struct dispatch *dispatch, struct item_list *finished)
{
    struct error error = {0};
    int64_t now_ns = clock_now_ns();
    (void)error_set(&error, ERROR_DEADLINE, "the deadline passed while the object waited its turn");
    struct queue_entry *entry = NULL;
    while ((entry = queue_expired(&dispatch->queue, now_ns))) {
        struct infer_item *item = item_of(entry);
        finish_list_add(finished, item, &error);
        if (item->alone) {
            resume_model(dispatch, item->request->model);
        }
    }
    for (struct model *m = dispatch->loaded_models; m; m = m->runtime.next_loaded) {
        expire_list(dispatch, &m->runtime.parked, now_ns, &error, finished);
    }
}

/* An idle worker that died is taken out now, so that the next request does not meet it. */
static struct garbage dead_worker(struct dispatch *dispatch)
{
    for (struct model *m = dispatch->loaded_models; m; m = m->runtime.next_loaded) {
        if (m->runtime.users == 0 && !worker_process_watch(m->runtime.worker)) {
            log_event(LOG_LEVEL_WARNING, "worker_died_idle", "model=%s version=%s pid=%d", m->name,
                      m->version, (int)worker_process_pid(m->runtime.worker));
            atomic_fetch_add(&dispatch->metrics->workers_restarted, 1);
            return detach_worker(dispatch, m);
        }
    }
    return (struct garbage){0};
}

static void *housekeeper_main(void *argument)
{
    struct dispatch *dispatch = argument;
    struct timespec pause = {.tv_nsec = TICK_NS};
    for (bool stopping = false; !stopping;) {
        struct item_list finished = {0};
        struct garbage garbage = {0};
        (void)nanosleep(&pause, NULL);
        (void)pthread_mutex_lock(&dispatch->lock);
        stopping = dispatch->stopping;
        expire(dispatch, &finished);
        garbage = dead_worker(dispatch);
        (void)pthread_mutex_unlock(&dispatch->lock);
        discard(&garbage);
        finish_all(dispatch, &finished);
    }
    return NULL;
}

/* ---- public ---- */

int dispatch_new(const struct dispatch_config *config, struct tasks *tasks, struct metrics *metrics,
                 struct dispatch **ret_dispatch, struct error *error)
{
    struct dispatch *dispatch = calloc(1, sizeof *dispatch);
    if (!dispatch) {
        return error_set(error, ERROR_MEMORY, "out of memory");
    }
    dispatch->config = *config;
    dispatch->config.worker.stop = &dispatch->stop_loading;
    dispatch->tasks = tasks;
    dispatch->metrics = metrics;
    (void)pthread_mutex_init(&dispatch->lock, NULL);
    (void)pthread_cond_init(&dispatch->work, NULL);
    (void)pthread_cond_init(&dispatch->loaded, NULL);
    queue_init(&dispatch->queue, config->queue_limit);
    int result = spawner_new(&dispatch->spawner);
    if (result == 0) {
        result = -pthread_create(&dispatch->housekeeper, NULL, housekeeper_main, dispatch);
    }
    if (result < 0) {
        spawner_free(dispatch->spawner);
        free(dispatch);
        return error_set(error, ERROR_MEMORY, "cannot start the daemon's threads");
    }
    for (uint32_t i = 0; i < config->worker.lane_count && result == 0; i++) {
        struct dispatch_lane *lane = &dispatch->lanes[i];
        *lane = (struct dispatch_lane){.dispatch = dispatch, .index = i};
        result = -pthread_create(&lane->thread, NULL, lane_main, lane);
        dispatch->lane_count += result == 0;
    }
    if (result < 0) {
        dispatch_stop(dispatch);
        dispatch_free(dispatch);
        return error_set(error, ERROR_MEMORY, "cannot start the daemon's lanes");
    }
    *ret_dispatch = dispatch;
    return 0;
}

static void give_up_queue(struct dispatch *dispatch, struct item_list *finished)
{
    struct error error = {0};
    (void)error_set(&error, ERROR_UNAVAILABLE, "situd is stopping");
    struct queue_entry *entry = NULL;
    while ((entry = queue_pop(&dispatch->queue, QUEUE_JOB))) {
        finish_list_add(finished, item_of(entry), &error);
    }
    for (struct model *m = dispatch->loaded_models; m; m = m->runtime.next_loaded) {
        give_up_waiting(dispatch, m, &error, finished);
    }
}

void dispatch_stop(struct dispatch *dispatch)
{
    struct item_list finished = {0};
    (void)pthread_mutex_lock(&dispatch->lock);
    dispatch->stopping = true;
    atomic_store(&dispatch->stop_loading, true);
    give_up_queue(dispatch, &finished);
    (void)pthread_cond_broadcast(&dispatch->work);
    (void)pthread_cond_broadcast(&dispatch->loaded);
    (void)pthread_mutex_unlock(&dispatch->lock);
    finish_all(dispatch, &finished);
    for (uint32_t i = 0; i < dispatch->lane_count; i++) {
        (void)pthread_join(dispatch->lanes[i].thread, NULL);
    }
    (void)pthread_join(dispatch->housekeeper, NULL);
    (void)pthread_mutex_lock(&dispatch->lock);
    while (dispatch->loaded_models) {
        struct garbage garbage = detach_worker(dispatch, dispatch->loaded_models);
        (void)pthread_mutex_unlock(&dispatch->lock);
        discard(&garbage);
        (void)pthread_mutex_lock(&dispatch->lock);
    }
    (void)pthread_mutex_unlock(&dispatch->lock);
}

void dispatch_free(struct dispatch *dispatch)
{
    if (!dispatch) {
        return;
    }
    spawner_free(dispatch->spawner);
    (void)pthread_cond_destroy(&dispatch->loaded);
    (void)pthread_cond_destroy(&dispatch->work);
    (void)pthread_mutex_destroy(&dispatch->lock);
    free(dispatch);
}

int dispatch_submit(struct dispatch *dispatch, struct infer_request *request,
                    struct infer_item *items, size_t count, struct error *error)
{
    HOLD(&dispatch->lock);
    int result = want_loaded(dispatch, request->model, error);
    if (result < 0) {
        return result;
    }
    if (dispatch->parked + count > dispatch->config.queue_limit ||
        !queue_admits(&dispatch->queue, dispatch->parked + count)) {
        return error_set(error, ERROR_BUSY, "the queue is full (%zu objects wait); try again later",
                         queue_length(&dispatch->queue) + dispatch->parked);
    }
    for (size_t i = 0; i < count; i++) {
        struct infer_item *item = &items[i];
        item->entry.deadline_ns = request->deadline_ns;
        item->entry.queued_ns = clock_now_ns();
        if (may_run(&request->model->runtime, item)) {
            item->state = ITEM_QUEUED;
            if (queue_push(&dispatch->queue, &request->source, &item->entry,
                           item->entry.queued_ns) < 0) {
                park(dispatch, item); /* cannot be: room was checked under the same lock */
            }
            (void)pthread_cond_signal(&dispatch->work);
        } else {
            item->entry.source = &request->source;
            park(dispatch, item);
        }
    }
    return 0;
}

void dispatch_cancel(struct dispatch *dispatch, struct infer_request *request)
{
    struct error error = {0};
    struct item_list finished = {0};
    (void)error_set(&error, ERROR_CANCELLED, "the client is gone");
    (void)pthread_mutex_lock(&dispatch->lock);
    for (size_t i = 0; i < request->item_count; i++) {
        struct infer_item *item = &request->items[i];
        struct model_runtime *runtime = &request->model->runtime;
        if (item->state == ITEM_QUEUED) {
            queue_remove(&dispatch->queue, &item->entry);
            if (item->alone) {
                resume_model(dispatch, request->model);
            }
        } else if (item->state == ITEM_PARKED || item->state == ITEM_SUSPECT) {
            list_remove(item->state == ITEM_PARKED ? &runtime->parked : &runtime->suspects, item);
            dispatch->parked--;
        } else {
            continue;
        }
        finish_list_add(&finished, item, &error);
    }
    (void)pthread_mutex_unlock(&dispatch->lock);
    finish_all(dispatch, &finished);
}

void dispatch_unload(struct dispatch *dispatch, struct model *model)
{
    struct garbage garbage = {0};
    (void)pthread_mutex_lock(&dispatch->lock);
    if (model->runtime.worker && model->runtime.users == 0 && !model->runtime.quarantine) {
        garbage = detach_worker(dispatch, model);
    } else {
        model->runtime.unload = true;
    }
    (void)pthread_mutex_unlock(&dispatch->lock);
    discard(&garbage);
}

int dispatch_load(struct dispatch *dispatch, struct model *model, struct error *error)
{
    HOLD(&dispatch->lock);
    int result = want_loaded(dispatch, model, error);
    while (result == 0 && !model->runtime.worker && !dispatch->stopping &&
           model->runtime.state == MODEL_LOADING) {
        (void)pthread_cond_wait(&dispatch->loaded, &dispatch->lock);
    }
    if (result == 0 && !model->runtime.facts_known) {
        if (error) {
            *error = model->runtime.failure;
        }
        result = error_code_errno(model->runtime.failure.code);
        if (result == 0) {
            result = error_set(error, ERROR_UNAVAILABLE, "situd is stopping");
        }
    }
    return result;
}

bool dispatch_facts_known(struct dispatch *dispatch, struct model *model)
{
    HOLD(&dispatch->lock);
    return model->runtime.facts_known;
}

void dispatch_get_status(struct dispatch *dispatch, struct dispatch_status *ret_status)
{
    HOLD(&dispatch->lock);
    *ret_status = dispatch->last_sandbox;
    ret_status->queued = queue_length(&dispatch->queue) + dispatch->parked;
    ret_status->memory_bytes = loaded_bytes(dispatch);
    for (const struct model *m = dispatch->loaded_models; m; m = m->runtime.next_loaded) {
        ret_status->models_loaded++;
    }
}

enum model_state dispatch_model_state(struct dispatch *dispatch, struct model *model,
                                      struct error *ret_failure)
{
    HOLD(&dispatch->lock);
    if (!model->spec) {
        *ret_failure = model->broken;
        return MODEL_FAILED;
    }
    if (model->runtime.state == MODEL_FAILED) {
        *ret_failure = model->runtime.failure;
    }
    return model->runtime.state;
}
