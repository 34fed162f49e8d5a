/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading models into workers: on first use, after a crash. A load blocks on a task thread, never
 * under the lock.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "infer/answer_maker.h"
#include "infer/dispatch_state.h"
#include "infer/spawner.h"

#define RETRY_LOAD_NS (5 * NS_PER_S)
#define RETRY_LATER_NS (60 * NS_PER_S)
#define TELL_AGAIN_NS (300 * NS_PER_S)

enum { LOAD_ATTEMPTS = 3 };

struct load {
    struct dispatch *dispatch;
    struct model *model; /* a reference */
};

/* ---- loading ---- */

/* Loaded models and those that are being loaded are in a list each, through the same link. */
static void unlink_loading(struct dispatch *dispatch, struct model *model)
{
    struct model **at = &dispatch->loading_models;
    while (*at && *at != model) {
        at = &(*at)->runtime.next_loaded;
    }
    if (*at) {
        *at = model->runtime.next_loaded;
        model->runtime.next_loaded = NULL;
    }
}

/* The facts from the first worker stay as long as the model does: requests were made with them. A
 * worker that reports others has read other files. */
static int keep_facts(struct model *model, const struct worker_facts *facts, struct error *error)
{
    struct model_runtime *runtime = &model->runtime;
    if (runtime->facts_known) {
        return worker_facts_same(&runtime->facts, facts)
                   ? 0
                   : error_set(error, ERROR_UNFIT,
                               "its inputs or outputs are not what they were: the package was "
                               "changed in place; start situd again, or add the package anew");
    }
    if (worker_facts_copy(facts, &runtime->facts) < 0) {
        return error_memory(error, NULL);
    }
    runtime->primary_output = answer_primary_output(model->spec, &runtime->facts);
    runtime->facts_known = true;
    return 0;
}

static void publish_worker(struct dispatch *dispatch, struct model *model,
                           struct worker_process *worker, uint64_t memory_bytes)
{
    struct model_runtime *runtime = &model->runtime;
    runtime->worker = worker;
    runtime->state = MODEL_LOADED;
    runtime->failures = 0;
    runtime->memory_bytes = memory_bytes;
    runtime->last_used_ns = clock_now_ns();
    runtime->next_loaded = dispatch->loaded_models;
    dispatch->loaded_models = model_ref(model);
}

/* Is the fault the model's, or this storage node's? */
static enum error_code fault_of(enum error_code code)
{
    switch (code) {
    case ERROR_UNFIT:
    case ERROR_MALFORMED:
    case ERROR_TOO_LARGE:
    case ERROR_WORKER_CRASHED: /* with the model's bytes in hand, three times, by itself */
        return ERROR_UNFIT;
    case ERROR_DEADLINE:
        return ERROR_DEADLINE;
    default:
        return ERROR_UNAVAILABLE;
    }
}

/* 5 s, 10, 20, 40, 60, 60 ... */
static int64_t later_ns(unsigned failures)
{
    int64_t wait_ns = RETRY_LOAD_NS;
    for (unsigned i = 1; i < failures && wait_ns < RETRY_LATER_NS; i++) {
        wait_ns *= 2;
    }
    return wait_ns < RETRY_LATER_NS ? wait_ns : RETRY_LATER_NS;
}

/* Is the failure to be logged? The same one is logged once, and again every few minutes. */
static bool is_news(struct model_runtime *runtime, const struct error *told, int64_t now_ns)
{
    bool same = runtime->failures > 0 && strcmp(runtime->failure.message, told->message) == 0;
    runtime->untold = same ? runtime->untold + 1 : 0;
    if (same && now_ns - runtime->told_ns < TELL_AGAIN_NS) {
        return false;
    }
    runtime->told_ns = now_ns;
    return true;
}

/* True where it is to be logged; *ret_times counts how often it has failed that way since the last
 * line. */
static bool load_failed(struct dispatch *dispatch, struct model *model, const struct error *error,
                        struct item_list *finished, unsigned *ret_times)
{
    int64_t now_ns = clock_now_ns();
    struct model_runtime *runtime = &model->runtime;
    struct error told = {0};
    (void)error_set(&told, ERROR_UNAVAILABLE, "model '%s' cannot be loaded: %.*s", model->name,
                    ERROR_MESSAGE_SIZE / 2, error->message);
    bool news = is_news(runtime, &told, now_ns);
    *ret_times = runtime->untold > 0 ? runtime->untold : 1;
    runtime->untold = news ? 0 : runtime->untold;
    runtime->failures += runtime->failures < UINT_MAX;
    runtime->state = MODEL_FAILED;
    runtime->failure = told;
    runtime->fault = fault_of(error->code);
    runtime->retry_ns = now_ns + RETRY_LOAD_NS;
    runtime->retry_later_ns = now_ns + later_ns(runtime->failures);
    dispatch_give_up_waiting(dispatch, model, &told, finished);
    return news;
}

static void log_failure(const struct model *model, const char *version, const struct error *error,
                        unsigned times)
{
    char quoted[ERROR_MESSAGE_SIZE];
    bool given_up = error->code == ERROR_CANCELLED;
    log_event(given_up ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
              given_up ? "model_load_given_up" : "model_load_failed",
              "model=%s version=%s times=%u reason=%s", model->name, version, times,
              log_quote(quoted, sizeof quoted, error->message));
}

/* Starts one, and looks whether what it loaded is fit for the model's task. */
static int start_fit_worker(struct dispatch *dispatch, const struct model *model,
                            struct worker_process **ret_worker, struct error *error)
{
    struct worker_package package = {model->name, model->path, model->spec, &model->abandoned};
    struct worker_process *worker = NULL;
    int r =
        worker_process_start(dispatch->spawner, &dispatch->config.worker, &package, &worker, error);
    if (r < 0) {
        return r;
    }
    r = answer_check(model->spec, worker_process_facts(worker), error);
    if (r < 0) {
        worker_process_free(worker);
        return r;
    }
    *ret_worker = worker;
    return 0;
}

/* A worker that dies while it loads may have been killed from outside, or because of a temporary
 * shortage: it is tried up to three times. */
static int start_worker(struct dispatch *dispatch, struct model *model,
                        struct worker_process **ret_worker, struct error *error)
{
    int r = 0;
    if (atomic_load(&model->abandoned)) { /* while it waited for its turn */
        return error_set(error, ERROR_CANCELLED, "nobody waits for it any more");
    }
    if (atomic_load(&dispatch->stop_loading)) {
        return error_set(error, ERROR_UNAVAILABLE, "situd is stopping");
    }
    r = dispatch_worker_place(dispatch, model, error);
    if (r < 0) {
        return r;
    }
    for (int attempt = 0; attempt < LOAD_ATTEMPTS; attempt++) {
        r = start_fit_worker(dispatch, model, ret_worker, error);
        if (r == 0 || (error->code != ERROR_WORKER_CRASHED && error->code != ERROR_UNAVAILABLE) ||
            atomic_load(&model->abandoned) || atomic_load(&dispatch->stop_loading)) {
            break;
        }
    }
    if (r < 0) {
        dispatch_worker_gone(dispatch);
    }
    return r;
}

/* Once a worker has taken in the package's files: are they what they were when their digest was
 * taken? Otherwise this worker's answers must not be kept under it. */
static void check_package(struct model *model)
{
    struct error ignored;
    uint8_t digest[MODEL_DIGEST_SIZE];
    bool same = model_package_digest(model->path, model->spec, digest, &ignored) == 0 &&
                memcmp(digest, model->spec->digest, sizeof digest) == 0;
    if (!same && !atomic_exchange(&model->changed, true)) {
        log_event(
            LOG_LEVEL_WARNING, "model_changed",
            "model=%s version=%s reason=\"its files changed since the start; the result cache "
            "is not used for it\"",
            model->name, model->version);
    }
}

/* Of a worker that was started: once it is published, others may free it at any time. */
struct started {
    struct worker_process *worker; /* NULL: none, and the rest is 0 */
    int pid;
    int64_t run_ns;
    uint64_t memory_bytes;
};

static int start(struct dispatch *dispatch, struct model *model, struct started *ret_started,
                 struct error *error)
{
    struct worker_process *worker = NULL;
    int r = start_worker(dispatch, model, &worker, error);
    if (r < 0) {
        return r;
    }
    *ret_started = (struct started){.worker = worker,
                                    .pid = (int)worker_process_pid(worker),
                                    .run_ns = worker_process_facts(worker)->run_ns,
                                    .memory_bytes = worker_process_memory(worker)};
    if (dispatch->config.cache) {
        check_package(model);
    }
    return 0;
}

/* Under the lock: gives the model its worker, unless `r` says that there is none. */
static int publish(struct dispatch *dispatch, struct model *model, const struct started *started,
                   int r, struct error *error)
{
    unlink_loading(dispatch, model);
    if (r == 0 && dispatch->stopping) {
        r = error_set(error, ERROR_UNAVAILABLE, "situd is stopping");
    }
    /* Its directory may be gone already, which is no failure to report. */
    if ((r < 0 || model->runtime.trial) && dispatch_load_is_abandoned(model)) {
        r = error_set(error, ERROR_CANCELLED, "nobody waits for it any more");
    }
    model->runtime.trial = false;
    if (r < 0) {
        return r;
    }
    r = keep_facts(model, worker_process_facts(started->worker), error);
    if (r < 0) {
        return r;
    }
    publish_worker(dispatch, model, started->worker, started->memory_bytes);
    dispatch_resume_model(dispatch, model);
    return 0;
}

static void load_task(void *argument)
{
    struct load *load = argument;
    struct dispatch *dispatch = load->dispatch;
    struct model *model = load->model;
    free(load);
    struct error error = {0};
    struct item_list finished = {0};
    struct load_outcome outcome = {0};
    struct started started = {0};
    char version[MODEL_VERSION_SIZE]; /* the model gets a new one when it is published */
    (void)snprintf(version, sizeof version, "%s", model->version);
    bool news = false;
    unsigned times = 0;
    int64_t start_ns = clock_now_ns();
    int r = start(dispatch, model, &started, &error);
    {
        HOLD(&dispatch->lock);
        r = publish(dispatch, model, &started, r, &error);
        if (r < 0) {
            news = load_failed(dispatch, model, &error, &finished, &times);
        }
        dispatch_take_waiters(dispatch, model, &outcome);
    }
    if (news) {
        log_failure(model, version, &error, times);
    }
    if (r < 0 && started.worker) { /* it was loaded as situd began to stop */
        worker_process_free(started.worker);
        dispatch_worker_gone(dispatch);
    }
    if (r == 0) {
        atomic_fetch_add(&dispatch->metrics->workers_started, 1);
        log_event(LOG_LEVEL_INFO, "model_loaded", "model=%s version=%s pid=%d ms=%lld run_us=%lld",
                  model->name, version, started.pid,
                  (long long)((clock_now_ns() - start_ns) / NS_PER_MS),
                  (long long)(started.run_ns / 1000));
    }
    dispatch_finish_all(dispatch, &finished);
    dispatch_tell_waiters(&outcome);
    dispatch_keep_budget(dispatch, model);
    model_unref(model);
}

/* Under the lock; MODEL_LOADING from here on, or MODEL_FAILED if no thread can be started. */
static void start_load(struct dispatch *dispatch, struct model *model)
{
    struct load *load = malloc(sizeof *load);
    model->runtime.state = MODEL_LOADING;
    model->runtime.unloaded = false;
    if (load) {
        *load = (struct load){dispatch, model_ref(model)};
        struct tasks *tasks = model->runtime.trial ? dispatch->config.trials : dispatch->loads;
        if (tasks_queue(tasks, load_task, load) == 0) {
            model->runtime.next_loaded = dispatch->loading_models;
            dispatch->loading_models = model;
            return;
        }
        model_unref(model);
        free(load);
    }
    model->runtime.state = MODEL_FAILED;
    model->runtime.retry_ns = 0;
    model->runtime.retry_later_ns = 0;
    model->runtime.fault = ERROR_BUSY;
    (void)error_set(&model->runtime.failure, ERROR_BUSY,
                    "model '%s' cannot be loaded now: too much else is going on", model->name);
}

/* Under the lock: starts to load where that makes sense. 0, or the failure that still counts. */
int dispatch_want_loaded(struct dispatch *dispatch, struct model *model, struct error *error)
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

int dispatch_want_loaded_again(struct dispatch *dispatch, struct model *model, struct error *error)
{
    const struct model_runtime *runtime = &model->runtime;
    if (runtime->state == MODEL_FAILED && clock_now_ns() < runtime->retry_later_ns) {
        *error = runtime->failure;
        return error_code_errno(error->code);
    }
    return dispatch_want_loaded(dispatch, model, error);
}
