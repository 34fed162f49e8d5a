/* SPDX-License-Identifier: Apache-2.0
 *
 * Starts and stops the engine by a table of steps. Main thread, except the thread that stops jobs.
 */
#include "service/service.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "infer/lanes.h"
#include "service/job_host.h"
#include "service/retrieval_host.h"
#include "service/sandbox_support.h"
#include "service/search_pool.h"
#include "service/state_directory.h"

enum { SEARCHES_WAITING = 256, SLOW_RUN_MS = 5, PATH_BYTES = 4200 };

/* A file or directory of the state directory. */
static const char *state_path(const struct service *service, const char *name,
                              char path[PATH_BYTES])
{
    (void)snprintf(path, PATH_BYTES, "%s/%s", service->config.state, name);
    return path;
}

/* ---- what is on the disk ---- */

/* Checks what the kernel has for the sandbox of workers; reported in the log and in /v1/status. */
static int check_sandbox(struct service *service, struct error *error)
{
    service->landlock_abi = sandbox_support_landlock_abi();
    service->seccomp = sandbox_support_has_seccomp();
    if (service->landlock_abi > 0 && service->seccomp) {
        return 0;
    }
    const char *lacks = service->landlock_abi > 0 ? "seccomp"
                        : service->seccomp        ? "Landlock"
                                                  : "Landlock and seccomp";
    if (service->config.require_sandbox) {
        return error_set(error, ERROR_UNAVAILABLE,
                         "this kernel lacks %s, and --require-sandbox is given", lacks);
    }
    if (asprintf(&service->warning, "this kernel lacks %s: workers are less confined", lacks) < 0) {
        service->warning = NULL;
    }
    log_event(LOG_LEVEL_WARNING, "sandbox_incomplete", "kernel_lacks=\"%s\"", lacks);
    return 0;
}

static void forget_sandbox(struct service *service)
{
    free(service->warning);
}

static int open_state(struct service *service, struct error *error)
{
    return state_directory_open(service->config.state, &service->state_fd, error);
}

static void close_state(struct service *service)
{
    if (service->state_fd >= 0) {
        (void)close(service->state_fd);
    }
}

static int open_models(struct service *service, struct error *error)
{
    const struct config *config = &service->config;
    char path[PATH_BYTES];
    int r = models_new(config->state, &service->models, error);
    if (r == 0) {
        r = models_scan(service->models, state_path(service, "models", path), true, error);
    }
    for (size_t i = 0; i < config->model_count && r == 0; i++) {
        r = models_scan(service->models, config->models[i], false, error);
    }
    return r;
}

static void close_models(struct service *service)
{
    models_free(service->models);
}

static int open_stores(struct service *service, struct error *error)
{
    return stores_open(&service->config, &service->stores, error);
}

static void close_stores(struct service *service)
{
    stores_close(service->stores);
}

/* Also a hook of stores_reload(). */
static int cache_store(void *context, struct store *store, const char *name, struct error *error)
{
    struct service *service = context;
    if (!service->cache || reuse_add_store(service->cache, store, name) == 0) {
        return 0;
    }
    return error_set(error, ERROR_INTERNAL, "store '%s': no place in the result cache", name);
}

static int open_cache(struct service *service, struct error *error)
{
    const struct config *config = &service->config;
    char path[PATH_BYTES];
    if (config->cache_bytes == 0) {
        return 0;
    }
    int r = reuse_open(state_path(service, "results", path), config->cache_bytes,
                       config->engine->name, &service->cache, error);
    const char *name = NULL;
    struct store *store = NULL;
    for (size_t i = 0; r == 0 && stores_at(service->stores, i, &name, &store); i++) {
        r = cache_store(service, store, name, error);
    }
    return r;
}

static void close_cache(struct service *service)
{
    reuse_close(service->cache);
}

/* ---- what runs ---- */

static int start_tasks(struct service *service, struct error *error)
{
    const struct config *config = &service->config;
    uint32_t lanes_max = config->engine->lanes_max;
    service->cores = lanes_cpus(service->lane_cpus, lanes_max - 1);
    service->lane_count = config->lanes > 0 && config->lanes < lanes_max ? (uint32_t)config->lanes
                                                                         : service->cores + 1;
    for (uint32_t i = service->cores; i < service->lane_count; i++) {
        service->lane_cpus[i] = -1; /* the extra lane floats */
    }
    /* The C library has eight memory arenas per core, which grow with each thread of a job. */
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): no lane, job or task is there yet. */
    (void)mallopt(M_ARENA_MAX, service->cores > 2 ? (int)service->cores : 2);
    unsigned trials = service->cores + 2 < LIMIT_TRIALS ? service->cores + 2 : LIMIT_TRIALS;
    if (tasks_new(LIMIT_CONTROLS, &service->tasks) < 0 ||
        tasks_new(LIMIT_LOADING, &service->loads) < 0 || tasks_new(trials, &service->trials) < 0 ||
        tasks_new(LIMIT_LISTINGS, &service->listings) < 0 ||
        tasks_new(LIMIT_TRANSFERS, &service->transfers) < 0) {
        return error_memory(error, NULL);
    }
    return 0;
}

static void end_tasks(struct service *service)
{
    tasks_free(service->loads);
    tasks_free(service->trials);
    tasks_free(service->tasks);
    tasks_free(service->listings);
    tasks_free(service->transfers);
}

static uint64_t half_of_memory(void)
{
    struct sysinfo info;
    return sysinfo(&info) == 0 ? (uint64_t)info.totalram * info.mem_unit / 2 : 0;
}

static int start_dispatch(struct service *service, struct error *error)
{
    struct config *config = &service->config;
    if (config->memory_budget == 0) {
        config->memory_budget = half_of_memory();
    }
    struct dispatch_config dispatch = {
        .worker = {.path = config->worker,
                   .engine = config->engine,
                   .memory_bytes = config->worker_memory,
                   .require_sandbox = config->require_sandbox,
                   .slow_run_ns = SLOW_RUN_MS * NS_PER_MS,
                   .load_ms = (int64_t)config->load_ms,
                   .object_ms = (int64_t)config->object_ms,
                   .lane_count = service->lane_count,
                   .cores = service->cores},
        .queue_limit = (size_t)config->queue,
        .memory_budget = config->memory_budget,
        .cache = service->cache,
        .trials = service->trials,
    };
    memcpy(dispatch.worker.lane_cpus, service->lane_cpus, sizeof service->lane_cpus);
    return dispatch_new(&dispatch, service->loads, &service->metrics, &service->dispatch, error);
}

static void end_dispatch(struct service *service)
{
    dispatch_free(service->dispatch);
}

static void try_jobs_again(void *context)
{
    struct service *service = context;
    jobs_try_again(service->jobs);
}

static int start_jobs(struct service *service, struct error *error)
{
    char path[PATH_BYTES];
    struct jobs_options options = {.directory = state_path(service, "jobs", path),
                                   .host = job_host_for(service),
                                   .adopt = retrieval_adopt_job,
                                   .keep_s = service->config.keep_jobs_s};
    int r = jobs_open(&options, &service->jobs, error);
    if (r == 0) {
        stores_listen(service->stores, try_jobs_again, service);
    }
    return r;
}

static void end_jobs(struct service *service)
{
    stores_listen(service->stores, NULL, NULL);
    jobs_close(service->jobs);
}

static int start_indexes(struct service *service, struct error *error)
{
    char path[PATH_BYTES];
    struct retrieval_options options = {.directory = state_path(service, "indexes", path),
                                        .jobs = service->jobs,
                                        .host = retrieval_host_for(service)};
    return retrieval_open(&options, &service->retrieval, error);
}

static void end_indexes(struct service *service)
{
    retrieval_close(service->retrieval);
}

/* At least two threads, so that a long search does not delay short ones. */
static int start_searches(struct service *service, struct error *error)
{
    unsigned threads = service->cores < 2 ? 2 : service->cores;
    if (search_pool_new(threads, SEARCHES_WAITING, service->dispatch, &service->search_pool) < 0) {
        return error_set(error, ERROR_MEMORY, "cannot start the daemon's threads");
    }
    return 0;
}

static void end_searches(struct service *service)
{
    search_pool_free(service->search_pool);
    service->search_pool = NULL; /* only now: waiting searches run first, and use it */
}

/* Starts to load the models of the `preload` setting. */
static int preload(struct service *service, struct error *ret_error)
{
    (void)ret_error;
    for (size_t i = 0; i < service->config.preload_count; i++) {
        struct error error = {0};
        char name[LIMIT_MODEL_NAME + MODEL_VERSION_SIZE + 2];
        (void)snprintf(name, sizeof name, "%s", service->config.preload[i]);
        char *version = strchr(name, '@');
        if (version) {
            *version++ = '\0';
        }
        struct model *model = models_get(service->models, name, version, &error);
        if (model) {
            (void)dispatch_keep(service->dispatch, model);
            model_unref(model);
        } else {
            char quoted[ERROR_MESSAGE_SIZE];
            log_event(LOG_LEVEL_ERROR, "preload_failed", "model=%s reason=%s",
                      service->config.preload[i], log_quote(quoted, sizeof quoted, error.message));
        }
    }
    return 0;
}

/* ---- the steps ---- */

enum phase { PHASE_OPEN, PHASE_START };

/* `stop` is also called for the step whose `start` failed. */
struct step {
    const char *name;
    enum phase phase;
    int (*start)(struct service *service, struct error *error);
    void (*stop)(struct service *service); /* NULL: nothing */
};

static const struct step steps[] = {
    {"sandbox", PHASE_OPEN, check_sandbox, forget_sandbox},
    {"state", PHASE_OPEN, open_state, close_state},
    {"models", PHASE_OPEN, open_models, close_models},
    {"stores", PHASE_OPEN, open_stores, close_stores},
    {"cache", PHASE_OPEN, open_cache, close_cache},
    {"tasks", PHASE_START, start_tasks, end_tasks},
    {"dispatch", PHASE_START, start_dispatch, end_dispatch},
    {"jobs", PHASE_START, start_jobs, end_jobs},
    {"indexes", PHASE_START, start_indexes, end_indexes},
    {"searches", PHASE_START, start_searches, end_searches},
    {"preload", PHASE_START, preload, NULL},
};

enum { STEP_COUNT = sizeof steps / sizeof steps[0] };

static int take_steps(struct service *service, enum phase phase, struct error *error)
{
    int r = 0;
    while (r == 0 && service->step_count < STEP_COUNT &&
           steps[service->step_count].phase == phase) {
        const struct step *step = &steps[service->step_count++];
        log_event(LOG_LEVEL_DEBUG, "step", "start=%s", step->name);
        r = step->start(service, error);
    }
    return r;
}

void service_init(struct service *service)
{
    *service = (struct service){.state_fd = -1, .started_ns = clock_now_ns()};
    (void)clock_gettime(CLOCK_REALTIME, &service->started_at);
}

int service_open(struct service *service, struct error *error)
{
    return take_steps(service, PHASE_OPEN, error);
}

int service_start(struct service *service, struct error *error)
{
    return take_steps(service, PHASE_START, error);
}

int service_reload_stores(struct service *service, const struct config *fresh, struct error *error)
{
    struct stores_hooks hooks = {.added = cache_store, .context = service};
    return stores_reload(service->stores, fresh, &hooks, error);
}

/* ---- the end ---- */

static void stop_jobs(struct service *service)
{
    if (service->retrieval) {
        retrieval_stop(service->retrieval);
    }
    if (service->jobs) {
        jobs_stop(service->jobs);
    }
}

static void *stop_jobs_main(void *argument)
{
    struct service *service = argument;
    stop_jobs(service);
    atomic_store(&service->jobs_stopped, true);
    return NULL;
}

/* Jobs wait for their objects in the lanes. A separate thread stops them, so that an object that
 * hangs, which ends with the dispatcher at the latest, does not delay the stop. */
void service_begin_stop(struct service *service)
{
    atomic_store(&service->stopping, true);
    service->has_jobs_stopper =
        pthread_create(&service->jobs_stopper, NULL, stop_jobs_main, service) == 0;
}

bool service_jobs_stopped(struct service *service)
{
    return atomic_load(&service->jobs_stopped);
}

void service_halt(struct service *service)
{
    if (service->dispatch) {
        dispatch_stop(service->dispatch);
    }
    if (service->has_jobs_stopper) {
        (void)pthread_join(service->jobs_stopper, NULL);
    } else {
        stop_jobs(service);
    }
}

/* Waits for the tasks of all kinds, at most LIMIT_STOP_TASKS_MS together. */
static bool tasks_ended(struct service *service)
{
    struct tasks *const kinds[] = {service->loads, service->trials, service->tasks,
                                   service->listings, service->transfers};
    int64_t until_ns = clock_now_ns() + LIMIT_STOP_TASKS_MS * NS_PER_MS;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        int64_t left_ms = (until_ns - clock_now_ns()) / NS_PER_MS;
        if (kinds[i] && !tasks_wait(kinds[i], left_ms > 0 ? left_ms : 0)) {
            return false;
        }
    }
    return true;
}

bool service_drain(struct service *service)
{
    if (!tasks_ended(service)) {
        return false;
    }
    end_searches(service);
    return true;
}

void service_done(struct service *service)
{
    while (service->step_count > 0) {
        const struct step *step = &steps[--service->step_count];
        if (step->stop) {
            step->stop(service);
        }
    }
    config_done(&service->config);
}
