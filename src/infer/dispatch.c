/* SPDX-License-Identifier: Apache-2.0
 *
 * Queue, lanes and model runtimes under one lock. The states of an item:
 *
 *   submitted -> queued (its model is loaded) or parked (it is being loaded, or in quarantine)
 *   queued -> running in a lane -> done
 *   running -> suspect (the worker died under it, or had no memory for it) -> queued alone, when
 *   nothing else runs in the worker -> running -> done, or failed with worker_crashed if the worker
 *   dies again, with too_large if it has no memory again
 */
#include "infer/dispatch_state.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/log.h"
#include "infer/lanes.h"
#include "infer/spawner.h"

#define LONG_NS (200 * NS_PER_MS) /* an item that takes longer does not count as working */

/* How often an object is tried whose worker was killed from outside: the kernel may have killed it
 * because of the memory that the object needed. */
enum { KILLS_MAX = 5, TICK_MS = 200 };

/* The queue entries of all running jobs together; no job waits for room in the queue. */
enum { JOB_ITEMS_MAX = LIMIT_JOBS_RUNNING * LIMIT_JOB_WINDOW };

/* ---- lanes ---- */

static struct infer_item *next_item(struct dispatch *dispatch, struct item_list *finished)
{
    struct queue_entry *entry = NULL;
    while ((entry = queue_pop(&dispatch->queue, QUEUE_JOB_LAST))) {
        struct infer_item *item = dispatch_item_of(entry);
        if (dispatch_may_run(&item->request->model->runtime, item)) {
            return item;
        }
        struct error error = {0};
        if (dispatch_want_loaded(dispatch, item->request->model, &error) < 0) {
            dispatch_give_up_waiting(dispatch, item->request->model, &error, finished);
            item_list_finish(finished, item, &error);
        } else if (item->alone) { /* the worker died before its turn came */
            item->alone = false;
            dispatch_suspect(dispatch, item);
        } else {
            dispatch_park(dispatch, item);
        }
    }
    return NULL;
}

/* The worker died while it had this item. Items that shared the worker are retried alone; one that
 * was alone already has failed by itself. */
static void after_crash(struct dispatch *dispatch, struct infer_item *item,
                        enum lane_outcome outcome, bool had_company, struct item_list *finished)
{
    bool guilty = item->alone || (outcome == LANE_HUNG && !had_company);
    if (outcome == LANE_KILLED && ++item->kills < KILLS_MAX) {
        guilty = false;
    }
    guilty = guilty && !dispatch->stopping; /* which kills workers */
    if (guilty) {
        struct error error = item->error;
        if (outcome != LANE_HUNG) {
            (void)error_set(&error, ERROR_WORKER_CRASHED,
                            "the object ends its worker each time; it is skipped");
        }
        item_list_finish(finished, item, &error);
        return;
    }
    dispatch_suspect(dispatch, item);
}

/* The memory that the item needs was not available. Others in the worker may have held it, so the
 * item is tried alone; if that is not enough, it needs more than a worker may use. */
static void after_shortage(struct dispatch *dispatch, struct infer_item *item,
                           struct item_list *finished)
{
    struct error error = {0};
    if (dispatch->stopping) {
        (void)error_set(&error, ERROR_UNAVAILABLE, "situd is stopping");
    } else if (item->alone) {
        (void)error_set(&error, ERROR_TOO_LARGE,
                        "it needs more memory than a worker may use (worker_memory), also alone: "
                        "%.300s",
                        item->error.message);
    } else {
        dispatch_suspect(dispatch, item);
        return;
    }
    item_list_finish(finished, item, &error);
}

/* Under the lock, after a lane has finished with an item. */
static struct garbage settle(struct dispatch *dispatch, struct infer_item *item,
                             struct worker_process *worker, enum lane_outcome outcome,
                             struct item_list *finished)
{
    struct model *model = item->request->model;
    struct model_runtime *runtime = &model->runtime;
    struct garbage garbage = {0};
    bool had_company = runtime->users > 1;
    item->keep = item->keep && !runtime->dying; /* an outcome from a dying worker is not kept */
    runtime->users--;
    runtime->last_used_ns = clock_now_ns();
    dispatch->busy--;
    if (outcome == LANE_DONE) {
        item_list_finish(finished, item, NULL);
    } else if (outcome == LANE_STARVED) {
        after_shortage(dispatch, item, finished);
    } else {
        if (!runtime->dying) {
            runtime->dying = worker;
            log_event(dispatch->stopping ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING,
                      outcome == LANE_HUNG ? "worker_hung" : "worker_crashed",
                      "model=%s version=%s pid=%d in_flight=%u", model->name, model->version,
                      (int)worker_process_pid(worker), runtime->users + 1);
        }
        after_crash(dispatch, item, outcome, had_company, finished);
    }
    if (runtime->dying) {
        /* No new item enters from now on; the last lane that leaves takes the worker away. */
        runtime->quarantine = runtime->quarantine || runtime->users > 0;
        if (runtime->users == 0) {
            garbage = dispatch_detach_worker(dispatch, model);
            atomic_fetch_add(&dispatch->metrics->workers_restarted, 1);
            dispatch_reload(dispatch, model, finished);
        }
    } else if (runtime->quarantine) {
        dispatch_resume_model(dispatch, model);
    }
    return garbage;
}

static bool floats(const struct dispatch_lane *lane)
{
    return lane->dispatch->config.worker.lane_cpus[lane->index] < 0;
}

/* Before all idle lanes of its kind; floating lanes come after those bound to a core. */
static void add_idle(struct dispatch *dispatch, struct dispatch_lane *lane)
{
    struct dispatch_lane **place = &dispatch->idle;
    while (floats(lane) && *place && !floats(*place)) {
        place = &(*place)->next_idle;
    }
    lane->next_idle = *place;
    *place = lane;
    lane->idle = true;
}

/* Until another thread wakes the lane. */
static void wait_for_items(struct dispatch *dispatch, struct dispatch_lane *lane)
{
    dispatch->seekers--;
    add_idle(dispatch, lane);
    while (lane->idle) {
        (void)pthread_cond_wait(&lane->wake, &dispatch->lock);
    }
    dispatch->seekers++;
}

/* Takes an idle lane out of the list, to be woken; or NULL. */
static struct dispatch_lane *take_idle(struct dispatch *dispatch)
{
    struct dispatch_lane *lane = dispatch->idle;
    if (lane) {
        dispatch->idle = lane->next_idle;
        lane->idle = false;
    }
    return lane;
}

static void wake(struct dispatch_lane *lane)
{
    if (lane) {
        (void)pthread_cond_signal(&lane->wake);
    }
}

/* Lanes that may start an item now, including those that look for one. */
static size_t free_cores(const struct dispatch *dispatch)
{
    size_t cores = dispatch->config.worker.cores;
    size_t working = dispatch->busy - dispatch->aside;
    return working < cores ? cores - working : 0;
}

static bool wants_lane(const struct dispatch *dispatch)
{
    return queue_length(&dispatch->queue) > dispatch->seekers &&
           free_cores(dispatch) > dispatch->seekers;
}

void dispatch_wake_lane(struct dispatch *dispatch)
{
    if (wants_lane(dispatch)) {
        wake(take_idle(dispatch));
    }
}

/* Under the lock: a lane leaves its core to another one, or needs it again; then more lanes than
 * cores run for a while, until one of them finishes. */
static void stand_aside(struct dispatch_lane *lane, bool aside)
{
    if (lane->aside != aside) {
        lane->aside = aside;
        lane->dispatch->aside += aside ? 1 : -1U;
        dispatch_wake_lane(lane->dispatch);
    }
}

static void lane_waiting(void *owner, bool begins)
{
    struct dispatch_lane *lane = owner;
    HOLD(&lane->dispatch->lock);
    stand_aside(lane, begins);
}

static void run_item(struct dispatch *dispatch, struct dispatch_lane *lane, struct infer_item *item)
{
    struct model *model = model_ref(item->request->model);
    struct worker_process *worker = model->runtime.worker;
    item->state = ITEM_RUNNING;
    model->runtime.users++;
    dispatch->busy++;
    dispatch->seekers--;
    lane->began_ns = item->began_ns = clock_now_ns();
    dispatch_wake_lane(dispatch); /* one item each: the lane that takes one wakes the next lane */
    bool idle = dispatch->busy == 1 && queue_length(&dispatch->queue) == 0;
    (void)pthread_mutex_unlock(&dispatch->lock);

    metrics_observe(dispatch->metrics, STAGE_QUEUE, lane->began_ns - item->entry.queued_ns);
    atomic_fetch_add(&dispatch->metrics->lanes_busy, 1);
    bool all_cores = idle && worker_process_facts(worker)->all_cores;
    struct lane_context context = {.lane = lane->index,
                                   .cache = dispatch->config.cache,
                                   .metrics = dispatch->metrics,
                                   .room = lane->room,
                                   .waiting = lane_waiting,
                                   .owner = lane};
    enum lane_outcome outcome = lane_carry(&context, item, worker, all_cores);
    atomic_fetch_sub(&dispatch->metrics->lanes_busy, 1);

    struct item_list finished = {0};
    (void)pthread_mutex_lock(&dispatch->lock);
    stand_aside(lane, false);
    lane->began_ns = 0;
    dispatch->seekers++;
    struct garbage garbage = settle(dispatch, item, worker, outcome, &finished);
    (void)pthread_mutex_unlock(&dispatch->lock);
    if (outcome == LANE_DONE) { /* otherwise the item may be in another lane by now */
        reuse_keep(dispatch->config.cache, item);
    }
    dispatch_discard(dispatch, &garbage);
    dispatch_finish_all(dispatch, &finished);
    model_unref(model);
    (void)pthread_mutex_lock(&dispatch->lock);
}

static void *lane_main(void *argument)
{
    struct dispatch_lane *lane = argument;
    struct dispatch *dispatch = lane->dispatch;
    cpu_pin(dispatch->config.worker.lane_cpus[lane->index]);
    lane->room = dispatch->config.cache ? lane_room_new() : NULL;
    (void)pthread_mutex_lock(&dispatch->lock);
    dispatch->seekers++;
    while (!dispatch->stopping) {
        struct item_list finished = {0};
        bool free = free_cores(dispatch) > 0;
        struct infer_item *item = free ? next_item(dispatch, &finished) : NULL;
        if (finished.first) {
            (void)pthread_mutex_unlock(&dispatch->lock);
            dispatch_finish_all(dispatch, &finished);
            (void)pthread_mutex_lock(&dispatch->lock);
        }
        if (item) {
            run_item(dispatch, lane, item);
        } else if (!finished.first && !dispatch->stopping &&
                   (!free || queue_length(&dispatch->queue) == 0)) {
            wait_for_items(dispatch, lane);
        }
    }
    (void)pthread_mutex_unlock(&dispatch->lock);
    lane_room_free(lane->room);
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
            item_list_remove(list, item);
            (*dispatch_parked(dispatch, item))--;
            item_list_finish(finished, item, error);
        }
        item = next ? dispatch_item_of(next) : NULL;
    }
}

static void expire_waiting(struct dispatch *dispatch, struct model *model, int64_t now_ns,
                           const struct error *error, struct item_list *finished)
{
    expire_list(dispatch, &model->runtime.parked, now_ns, error, finished);
    expire_list(dispatch, &model->runtime.suspects, now_ns, error, finished);
}

static void expire(struct dispatch *dispatch, struct item_list *finished)
{
    struct error error = {0};
    int64_t now_ns = clock_now_ns();
    (void)error_set(&error, ERROR_DEADLINE, "the deadline passed while the object waited its turn");
    struct queue_entry *entry = NULL;
    while ((entry = queue_expired(&dispatch->queue, now_ns))) {
        struct infer_item *item = dispatch_item_of(entry);
        item_list_finish(finished, item, &error);
        if (item->alone) {
            dispatch_resume_model(dispatch, item->request->model);
        }
    }
    for (struct model *m = dispatch->loaded_models; m; m = m->runtime.next_loaded) {
        expire_waiting(dispatch, m, now_ns, &error, finished);
    }
    for (struct model *m = dispatch->loading_models; m; m = m->runtime.next_loaded) {
        expire_waiting(dispatch, m, now_ns, &error, finished);
    }
}

/* An idle worker that died is removed now, before the next request finds it; so is the worker of a
 * removed model that only the list still holds. */
static struct garbage idle_worker(struct dispatch *dispatch, struct item_list *finished)
{
    struct garbage unwanted = dispatch_removed_worker(dispatch);
    if (!unwanted.worker) {
        unwanted = dispatch_unloaded_worker(dispatch);
    }
    if (unwanted.worker) {
        return unwanted;
    }
    for (struct model *m = dispatch->loaded_models; m; m = m->runtime.next_loaded) {
        if (m->runtime.users > 0) {
            continue;
        }
        if (!dispatch->stopping && !worker_process_watch(m->runtime.worker)) {
            log_event(LOG_LEVEL_WARNING, "worker_died_idle", "model=%s version=%s pid=%d", m->name,
                      m->version, (int)worker_process_pid(m->runtime.worker));
            atomic_fetch_add(&dispatch->metrics->workers_restarted, 1);
            struct garbage garbage = dispatch_detach_worker(dispatch, m);
            if (m->runtime.quarantine) { /* others wait for the object whose turn it was */
                dispatch_reload(dispatch, m, finished);
            }
            return garbage;
        }
    }
    return (struct garbage){0};
}

/* A lane whose item takes long, as one does that hangs in its worker, does not count as working: on
 * a single core nothing else would run until its deadline. */
static void leave_long_ones(struct dispatch *dispatch)
{
    int64_t now_ns = clock_now_ns();
    for (uint32_t i = 0; i < dispatch->config.worker.lane_count; i++) {
        struct dispatch_lane *lane = &dispatch->lanes[i];
        if (lane->began_ns > 0 && now_ns - lane->began_ns > LONG_NS) {
            stand_aside(lane, true);
        }
    }
}

bool dispatch_load_is_abandoned(const struct model *model)
{
    const struct model_runtime *runtime = &model->runtime;
    return atomic_load(&model->abandoned) || (atomic_load(&model->removed) && !runtime->waiters &&
                                              !runtime->parked.first && !runtime->suspects.first);
}

static void abandon_loads(struct dispatch *dispatch)
{
    for (struct model *m = dispatch->loading_models; m; m = m->runtime.next_loaded) {
        if (dispatch_load_is_abandoned(m)) {
            atomic_store(&m->abandoned, true);
        }
    }
}

static void *housekeeper_main(void *argument)
{
    struct dispatch *dispatch = argument;
    struct pollfd event = {.fd = dispatch->housekeeper_event, .events = POLLIN};
    for (bool stopping = false, more = false; !stopping;) {
        struct item_list finished = {0};
        struct garbage garbage = {0};
        uint64_t count = 0;
        if (!more && poll(&event, 1, TICK_MS) > 0 &&
            read(event.fd, &count, sizeof count) < 0) { /* it does not block */
            count = 0;
        }
        (void)pthread_mutex_lock(&dispatch->lock);
        stopping = dispatch->stopping;
        leave_long_ones(dispatch);
        if (queue_length(&dispatch->queue) > 0 && free_cores(dispatch) > 0) {
            wake(take_idle(dispatch)); /* in case its last item's owner delays a lane */
        }
        expire(dispatch, &finished);
        abandon_loads(dispatch);
        if (!dispatch->stopping) {
            dispatch_load_kept(dispatch);
        }
        garbage = idle_worker(dispatch, &finished);
        more = garbage.worker != NULL;
        (void)pthread_mutex_unlock(&dispatch->lock);
        dispatch_discard(dispatch, &garbage);
        dispatch_finish_all(dispatch, &finished);
    }
    return NULL;
}

/* ---- public ---- */

static void close_event(struct dispatch *dispatch)
{
    if (dispatch->housekeeper_event >= 0) {
        (void)close(dispatch->housekeeper_event);
    }
}

int dispatch_new(const struct dispatch_config *config, struct tasks *loads, struct metrics *metrics,
                 struct dispatch **ret_dispatch, struct error *error)
{
    struct dispatch *dispatch = calloc(1, sizeof *dispatch);
    if (!dispatch) {
        return error_memory(error, NULL);
    }
    dispatch->config = *config;
    dispatch->config.worker.stop = &dispatch->stop_loading;
    dispatch->loads = loads;
    dispatch->metrics = metrics;
    (void)pthread_mutex_init(&dispatch->lock, NULL);
    queue_init(&dispatch->queue, config->queue_limit, JOB_ITEMS_MAX);
    for (uint32_t i = 0; i < config->worker.lane_count; i++) {
        dispatch->lanes[i] = (struct dispatch_lane){
            .dispatch = dispatch, .index = i, .wake = PTHREAD_COND_INITIALIZER};
    }
    dispatch->housekeeper_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = dispatch->housekeeper_event < 0 ? -errno : spawner_new(&dispatch->spawner);
    if (r == 0) {
        r = -pthread_create(&dispatch->housekeeper, NULL, housekeeper_main, dispatch);
    }
    if (r < 0) {
        spawner_free(dispatch->spawner);
        close_event(dispatch);
        free(dispatch);
        return error_set(error, ERROR_MEMORY, "cannot start the daemon's threads");
    }
    for (uint32_t i = 0; i < config->worker.lane_count && r == 0; i++) {
        struct dispatch_lane *lane = &dispatch->lanes[i];
        r = -pthread_create(&lane->thread, NULL, lane_main, lane);
        dispatch->lane_count += r == 0;
    }
    if (r < 0) {
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
    while ((entry = queue_pop(&dispatch->queue, QUEUE_JOB_LAST))) {
        item_list_finish(finished, dispatch_item_of(entry), &error);
    }
    for (struct model *m = dispatch->loaded_models; m; m = m->runtime.next_loaded) {
        dispatch_give_up_waiting(dispatch, m, &error, finished);
        worker_process_kill(m->runtime.worker); /* its lanes return at once */
    }
    for (struct model *m = dispatch->loading_models; m; m = m->runtime.next_loaded) {
        dispatch_give_up_waiting(dispatch, m, &error, finished);
    }
}

void dispatch_stop(struct dispatch *dispatch)
{
    struct item_list finished = {0};
    (void)pthread_mutex_lock(&dispatch->lock);
    dispatch->stopping = true;
    atomic_store(&dispatch->stop_loading, true);
    give_up_queue(dispatch, &finished);
    while (dispatch->idle) {
        wake(take_idle(dispatch));
    }
    (void)pthread_mutex_unlock(&dispatch->lock);
    dispatch_finish_all(dispatch, &finished);
    dispatch_release_all(dispatch);
    for (uint32_t i = 0; i < dispatch->lane_count; i++) {
        (void)pthread_join(dispatch->lanes[i].thread, NULL);
    }
    (void)pthread_join(dispatch->housekeeper, NULL);
    (void)pthread_mutex_lock(&dispatch->lock);
    while (dispatch->loaded_models) {
        struct garbage garbage = dispatch_detach_worker(dispatch, dispatch->loaded_models);
        (void)pthread_mutex_unlock(&dispatch->lock);
        dispatch_discard(dispatch, &garbage);
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
    for (uint32_t i = 0; i < dispatch->lane_count; i++) {
        (void)pthread_cond_destroy(&dispatch->lanes[i].wake);
    }
    (void)pthread_mutex_destroy(&dispatch->lock);
    close_event(dispatch);
    free(dispatch);
}

/* Under the lock. The caller wakes the last lane that the items need. */
static int submit(struct dispatch *dispatch, struct infer_request *request,
                  struct infer_item *items, size_t count, struct dispatch_lane **ret_lane,
                  struct error *error)
{
    int r = request->source.class == QUEUE_INTERACTIVE
                ? dispatch_want_loaded(dispatch, request->model, error)
                : dispatch_want_loaded_again(dispatch, request->model, error);
    if (r < 0) {
        return r;
    }
    if (count > dispatch->config.queue_limit) {
        return error_set(error, ERROR_TOO_LARGE, "%zu objects at once; the queue holds %zu", count,
                         dispatch->config.queue_limit);
    }
    enum queue_class class = request->source.class;
    size_t parked = dispatch->parked[queue_group_of(class)];
    if (!queue_admits(&dispatch->queue, class, parked + count)) {
        return error_set(error, ERROR_BUSY, "the queue is full (%zu objects wait); try again later",
                         dispatch->queue.lengths[queue_group_of(class)] + parked);
    }
    for (size_t i = 0; i < count; i++) {
        struct infer_item *item = &items[i];
        item->entry.deadline_ns = request->deadline_ns;
        item->entry.queued_ns = clock_now_ns();
        if (dispatch_may_run(&request->model->runtime, item)) {
            item->state = ITEM_QUEUED;
            if (queue_push(&dispatch->queue, &request->source, &item->entry,
                           item->entry.queued_ns) < 0) {
                dispatch_park(dispatch, item); /* cannot happen: room was checked before */
            }
            if (wants_lane(dispatch)) {
                wake(*ret_lane);
                *ret_lane = take_idle(dispatch);
            }
        } else {
            item->entry.source = &request->source;
            dispatch_park(dispatch, item);
        }
    }
    return 0;
}

int dispatch_submit(struct dispatch *dispatch, struct infer_request *request,
                    struct infer_item *items, size_t count, struct error *error)
{
    struct dispatch_lane *lane = NULL;
    (void)pthread_mutex_lock(&dispatch->lock);
    int r = submit(dispatch, request, items, count, &lane, error);
    (void)pthread_mutex_unlock(&dispatch->lock);
    wake(lane); /* without the lock: on this core the lane would start, and wait for the lock */
    return r;
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
                dispatch_resume_model(dispatch, request->model);
            }
        } else if (item->state == ITEM_PARKED || item->state == ITEM_SUSPECT) {
            item_list_remove(item->state == ITEM_PARKED ? &runtime->parked : &runtime->suspects,
                             item);
            (*dispatch_parked(dispatch, item))--;
        } else {
            continue;
        }
        item_list_finish(&finished, item, &error);
    }
    (void)pthread_mutex_unlock(&dispatch->lock);
    dispatch_finish_all(dispatch, &finished);
}

bool dispatch_facts_known(struct dispatch *dispatch, struct model *model)
{
    HOLD(&dispatch->lock);
    return model->runtime.facts_known;
}

unsigned dispatch_free_cores(struct dispatch *dispatch)
{
    HOLD(&dispatch->lock);
    size_t cores = free_cores(dispatch);
    size_t queued = queue_length(&dispatch->queue);
    return cores > queued ? (unsigned)(cores - queued) : 0;
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
