/* SPDX-License-Identifier: Apache-2.0
 *
 * situd: reads its configuration, opens stores, models and sockets, serves until SIGTERM or SIGINT,
 * lets running requests finish, ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/descriptors.h"
#include "daemon/job_host.h"
#include "daemon/job_streams.h"
#include "daemon/listen.h"
#include "daemon/reload.h"
#include "daemon/retrieval_host.h"
#include "daemon/routes.h"
#include "daemon/sandbox_support.h"
#include "daemon/search_pool.h"
#include "daemon/secrets.h"
#include "infer/lanes.h"

enum { SEARCHES_WAITING = 256, SLOW_RUN_MS = 5, POLL_MS = 10 };

#define STATE_FORMAT "1\n"

/* ---- state directory ---- */

static int state_error(struct error *error, const char *what, const char *path)
{
    char text[64];
    return error_set(error, ERROR_IO, "state directory: cannot %s %.300s: %s", what, path,
                     error_text(errno, text, sizeof text));
}

static int make_directories(const char *path, struct error *error)
{
    char part[4096];
    for (const char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
        size_t length = slash ? (size_t)(slash - path) : strlen(path);
        (void)snprintf(part, sizeof part, "%.*s", (int)length, path);
        if (mkdir(part, 0700) < 0 && errno != EEXIST) {
            return state_error(error, "make", part);
        }
        if (!slash) {
            return 0;
        }
    }
}

/* The directory carries its format's version; a newer one is not for us to touch. *ret_fd holds the
 * lock on it until the daemon ends: two daemons would remove each other's unfinished packages. */
static int open_state(const char *path, int *ret_fd, struct error *error)
{
    char file[4200];
    char text[16] = "";
    int r = make_directories(path, error);
    if (r < 0) {
        return r;
    }
    (void)snprintf(file, sizeof file, "%s/format", path);
    cleanup_fd int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (size < 0) {
        return state_error(error, "open", file);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        return error_set(error, ERROR_CONFLICT,
                         "another situd uses the state directory %.300s: give --state DIRECTORY",
                         path);
    }
    ssize_t length = (ssize_t)strlen(STATE_FORMAT);
    if (size == 0 && (write(fd, STATE_FORMAT, (size_t)length) != length || fsync(fd) != 0)) {
        return state_error(error, "write", file);
    }
    if (size > 0 && strcmp(text, STATE_FORMAT) != 0) {
        return error_set(error, ERROR_CONFLICT,
                         "state directory %.300s has format %.10s, this situd knows 1: it was made "
                         "by a newer version",
                         path, text);
    }
    *ret_fd = take_fd(&fd);
    return 0;
}

/* ---- setting up ---- */

static int open_models(struct service *service, struct error *error)
{
    const struct config *config = &service->config;
    int r = open_state(config->state, &service->state_fd, error);
    if (r == 0) {
        r = models_new(config->state, &service->models, error);
    }
    char path[4200];
    (void)snprintf(path, sizeof path, "%s/models", config->state);
    if (r == 0) {
        r = models_scan(service->models, path, true, error);
    }
    for (size_t i = 0; i < config->model_count && r == 0; i++) {
        r = models_scan(service->models, config->models[i], false, error);
    }
    return r;
}

static int open_cache(struct service *service, struct error *error)
{
    const struct config *config = &service->config;
    char path[4200];
    (void)snprintf(path, sizeof path, "%s/results", config->state);
    if (config->cache_bytes == 0) {
        return 0;
    }
    int r = reuse_open(path, config->cache_bytes, config->engine, &service->cache, error);
    const char *name = NULL;
    struct store *store = NULL;
    for (size_t i = 0; r == 0 && stores_at(service->stores, i, &name, &store); i++) {
        r = reuse_add_store(service->cache, store, name);
        if (r < 0) {
            (void)error_set(error, ERROR_INTERNAL, "store '%s': no place in the result cache",
                            name);
        }
    }
    return r;
}

/* What the kernel has for workers; said once, in the log and in /v1/status. */
static int check_sandbox(struct service *service, struct error *error)
{
    service->landlock_abi = sandbox_landlock_abi();
    service->seccomp = sandbox_has_seccomp();
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

static uint64_t half_of_memory(void)
{
    struct sysinfo info;
    return sysinfo(&info) == 0 ? (uint64_t)info.totalram * info.mem_unit / 2 : 0;
}

static int start_dispatch(struct service *service, struct error *error)
{
    struct config *config = &service->config;
    struct dispatch_config dispatch = {
        .worker = {.path = config->worker,
                   .engine = config->engine,
                   .memory_bytes = config->worker_memory,
                   .require_sandbox = config->require_sandbox,
                   .slow_run_ns = SLOW_RUN_MS * NS_PER_MS,
                   .load_ms = (int64_t)config->load_ms,
                   .object_ms = (int64_t)config->object_ms},
        .queue_limit = (size_t)config->queue,
    };
    service->cores = lanes_cpus(dispatch.worker.lane_cpus, LIMIT_LANES - 1);
    /* The C library has eight pools of memory a core, which grow with every thread of a job. */
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): no lane, job or task is there yet. */
    (void)mallopt(M_ARENA_MAX, service->cores > 2 ? (int)service->cores : 2);
    service->lane_count = config->lanes > 0 && config->lanes < LIMIT_LANES ? (uint32_t)config->lanes
                                                                           : service->cores + 1;
    for (uint32_t i = service->cores; i < service->lane_count; i++) {
        dispatch.worker.lane_cpus[i] = -1; /* the extra lane floats */
    }
    if (config->memory_budget == 0) {
        config->memory_budget = half_of_memory();
    }
    dispatch.memory_budget = config->memory_budget;
    dispatch.cache = service->cache;
    dispatch.worker.lane_count = service->lane_count;
    dispatch.worker.cores = service->cores;
    unsigned trials = service->cores + 2 < LIMIT_TRIALS ? service->cores + 2 : LIMIT_TRIALS;
    if (tasks_new(LIMIT_CONTROLS, &service->tasks) < 0 ||
        tasks_new(LIMIT_LOADING, &service->loads) < 0 || tasks_new(trials, &service->trials) < 0 ||
        tasks_new(LIMIT_LISTINGS, &service->listings) < 0 ||
        tasks_new(LIMIT_TRANSFERS, &service->transfers) < 0) {
        return error_memory(error, NULL);
    }
    dispatch.trials = service->trials;
    return dispatch_new(&dispatch, service->loads, &service->metrics, &service->dispatch, error);
}

static void try_jobs_again(void *context)
{
    struct service *service = context;
    jobs_try_again(service->jobs);
}

static int start_jobs(struct service *service, struct error *error)
{
    char path[4200];
    (void)snprintf(path, sizeof path, "%s/jobs", service->config.state);
    struct jobs_options options = {.directory = path,
                                   .host = job_host_for(service),
                                   .adopt = retrieval_adopt_job,
                                   .keep_s = service->config.keep_jobs_s};
    int r = jobs_open(&options, &service->jobs, error);
    if (r == 0) {
        stores_listen(service->stores, try_jobs_again, service);
        r = job_streams_new(service->jobs, &service->job_streams);
        if (r < 0) {
            (void)error_set(error, ERROR_MEMORY, "cannot start the daemon's threads");
        }
    }
    return r;
}

/* Two threads at least, so that a long search does not hold up the short ones. */
static int start_indexes(struct service *service, struct error *error)
{
    char path[4200];
    unsigned threads = service->cores < 2 ? 2 : service->cores;
    (void)snprintf(path, sizeof path, "%s/indexes", service->config.state);
    struct retrieval_options options = {
        .directory = path, .jobs = service->jobs, .host = retrieval_host_for(service)};
    if (search_pool_new(threads, SEARCHES_WAITING, service->dispatch, &service->search_pool) < 0) {
        return error_set(error, ERROR_MEMORY, "cannot start the daemon's threads");
    }
    return retrieval_open(&options, &service->retrieval, error);
}

static int serve_socket(struct service *service, struct listen_socket *listener,
                        const char *certificate, const char *key, struct error *error)
{
    bool tls = certificate && listener->guard == GUARD_REMOTE;
    struct http_listener http = {.fd = listener->fd,
                                 .tls_certificate = tls ? certificate : NULL,
                                 .tls_key = tls ? key : NULL,
                                 .user = listener};
    int r = http_server_listen(service->http, &http, error);
    if (r == 0) {
        log_event(LOG_LEVEL_INFO, "listening", "address=%s tls=%d", listener->address, tls);
    }
    return r;
}

static int start_http(struct service *service, struct listen_socket *sockets, unsigned count,
                      struct error *error)
{
    const struct config *config = &service->config;
    uint64_t connections = 0;
    int r =
        descriptors_for_connections(service->descriptors, service->lane_count, config->store_count,
                                    config->connections, &connections, error);
    if (r < 0) {
        return r;
    }
    if (connections < config->connections) {
        log_event(LOG_LEVEL_WARNING, "connections_cut", "connections=%llu descriptors=%llu",
                  (unsigned long long)connections, (unsigned long long)service->descriptors);
    }
    struct http_config http = {.connection_limit = (unsigned)connections,
                               .header_ms = (int64_t)config->header_ms,
                               .body_ms = (int64_t)config->body_ms,
                               .idle_ms = (int64_t)config->idle_ms,
                               .bodies_bytes = config_bodies_bytes(config),
                               .answers = &service->answers,
                               .stall_ms = LIMIT_BODY_STALL_MS,
                               .identify = true};
    service->answers.limit = config->answer_bytes;
    struct http_handler handler = routes_handler(service);
    cleanup_buffer struct buffer certificate = BUFFER_INIT;
    cleanup_buffer struct buffer key = BUFFER_INIT;
    r = secrets_read_tls(config, false, &certificate, &key, error);
    if (r == 0) {
        r = http_server_new(&http, &handler, &service->http, error);
    }
    for (unsigned i = 0; i < count && r == 0; i++) {
        r = serve_socket(service, &sockets[i], certificate.data, key.data, error);
    }
    return r;
}

/* Models that are to be loaded from the start; the first requests do not wait for them. */
static void preload(struct service *service)
{
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
}

/* ---- running ---- */

static sigset_t awaited_signals(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    return set;
}

/* Until it is to stop: by SIGTERM, by SIGINT, or by the SIGHUP of a terminal that is gone. */
static void wait_for_signal(struct service *service, int argc, char **argv)
{
    sigset_t set = awaited_signals();
    bool terminal = isatty(STDERR_FILENO) == 1;
    int number = 0;
    for (;;) {
        if (sigwait(&set, &number) != 0) {
            continue;
        }
        if (number != SIGHUP || (terminal && isatty(STDERR_FILENO) != 1)) {
            break;
        }
        reload(service, argc, argv);
    }
    log_event(LOG_LEVEL_INFO, "stopping", "signal=%d", number);
}

/* Jobs wait for their objects in the lanes: on a thread beside, so that a hung object, which ends
 * with the dispatcher at the latest, does not hold up the stop. */
static void *stop_jobs(void *argument)
{
    struct service *service = argument;
    retrieval_stop(service->retrieval);
    jobs_stop(service->jobs);
    atomic_store(&service->jobs_stopped, true);
    return NULL;
}

/* Running requests finish; after LIMIT_STOP_MS what is left is given up. */
static void stop(struct service *service)
{
    atomic_store(&service->stopping, true);
    listen_notify("STOPPING=1");
    http_server_quiesce(service->http);
    job_streams_stop(service->job_streams);
    service->has_jobs_stopper =
        pthread_create(&service->jobs_stopper, NULL, stop_jobs, service) == 0;
    int64_t deadline = clock_now_ns() + LIMIT_STOP_MS * NS_PER_MS;
    struct timespec pause = {.tv_nsec = POLL_MS * NS_PER_MS};
    while ((http_server_active(service->http) > 0 || !atomic_load(&service->jobs_stopped)) &&
           clock_now_ns() < deadline) {
        (void)nanosleep(&pause, NULL);
    }
}

/* All kinds of tasks together, at most so long. */
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

/* A lane or a job that hangs in a file system which does not answer has no end: the process ends
 * without it, as by a kill. */
static void *cut_off(void *argument)
{
    struct service *service = argument;
    int64_t until_ns = clock_now_ns() + LIMIT_STOP_HUNG_MS * NS_PER_MS;
    struct timespec pause = {.tv_nsec = POLL_MS * NS_PER_MS};
    while (!atomic_load(&service->halted)) {
        if (clock_now_ns() >= until_ns) {
            log_event(LOG_LEVEL_WARNING, "task_cut_off", "reason=\"a store does not answer\"");
            _exit(EXIT_SUCCESS);
        }
        (void)nanosleep(&pause, NULL);
    }
    return NULL;
}

/* The lanes, the jobs and the connections. */
static void halt(struct service *service)
{
    pthread_t guard;
    bool guarded = pthread_create(&guard, NULL, cut_off, service) == 0;
    if (service->dispatch) {
        dispatch_stop(service->dispatch);
    }
    if (service->has_jobs_stopper) {
        (void)pthread_join(service->jobs_stopper, NULL);
    } else if (service->jobs) {
        if (service->retrieval) {
            retrieval_stop(service->retrieval);
        }
        jobs_stop(service->jobs);
    }
    http_server_free(service->http);
    atomic_store(&service->halted, true);
    if (guarded) {
        (void)pthread_join(guard, NULL);
    }
}

static void service_done(struct service *service)
{
    halt(service);
    if (service->stores) {
        stores_listen(service->stores, NULL, NULL);
    }
    if (!tasks_ended(service)) {
        /* It hashes or copies a large package; what it has not finished is removed at the next
         * start, as after a kill. */
        log_event(LOG_LEVEL_WARNING, "task_cut_off", "%s", "");
        _exit(EXIT_SUCCESS);
    }
    search_pool_free(service->search_pool);
    job_streams_free(service->job_streams);
    retrieval_close(service->retrieval);
    index_metrics_done(&service->index_metrics);
    jobs_close(service->jobs);
    tasks_free(service->loads);
    tasks_free(service->trials);
    tasks_free(service->tasks);
    tasks_free(service->listings);
    tasks_free(service->transfers);
    models_free(service->models);
    dispatch_free(service->dispatch);
    reuse_close(service->cache);
    stores_close(service->stores);
    secrets_done(&service->secrets);
    free(service->warning);
    if (service->state_fd >= 0) {
        (void)close(service->state_fd);
    }
    config_done(&service->config);
}

static int run(struct service *service, int argc, char **argv, struct error *error)
{
    struct listen_socket sockets[LISTEN_MAX];
    unsigned count = 0;
    int r = check_sandbox(service, error);
    if (r == 0) {
        r = secrets_load_tokens(&service->secrets, &service->config, error);
    }
    if (r == 0) {
        r = open_models(service, error);
    }
    if (r == 0) {
        r = stores_open(&service->config, &service->stores, error);
    }
    if (r == 0) {
        r = open_cache(service, error);
    }
    if (r == 0) {
        r = listen_open(&service->config, sockets, &count, error);
    }
    if (r == 0) {
        r = start_dispatch(service, error);
    }
    if (r == 0) {
        r = start_jobs(service, error);
    }
    if (r == 0) {
        r = start_indexes(service, error);
    }
    if (r == 0) {
        preload(service);
        r = start_http(service, sockets, count, error);
    }
    if (r == 0) {
        listen_notify("READY=1");
        log_event(LOG_LEVEL_INFO, "ready", "version=%s lanes=%u stores=%zu", SITU_VERSION,
                  service->lane_count, service->config.store_count);
        wait_for_signal(service, argc, argv);
        stop(service);
    }
    for (unsigned i = 0; i < count; i++) {
        if (strncmp(sockets[i].address, "unix:", 5) == 0) {
            (void)unlink(sockets[i].address + 5);
        }
    }
    return r;
}

static void block_signals(void)
{
    sigset_t set = awaited_signals();
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a write beyond a limit of the file's size fails, no more */
}

int main(int argc, char **argv)
{
    struct service *service = calloc(1, sizeof *service);
    struct error error = {0};
    if (!service) {
        return EXIT_FAILURE;
    }
    service->started_ns = clock_now_ns();
    (void)clock_gettime(CLOCK_REALTIME, &service->started_at);
    service->state_fd = -1;
    index_metrics_init(&service->index_metrics);
    secrets_init(&service->secrets);
    block_signals();
    service->descriptors = descriptors_raise();
    enum config_outcome outcome = config_read(argc, argv, &service->config, &error);
    int status = outcome == CONFIG_EXIT_OK ? EXIT_SUCCESS : 2;
    int r = 0;
    if (outcome == CONFIG_RUN) {
        log_set_level(service->config.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
        r = config_check(&service->config, &error);
        if (r == 0 && service->config.check_only) {
            (void)printf("configuration is good: %zu stores, %zu model directories\n",
                         service->config.store_count, service->config.model_count);
            status = EXIT_SUCCESS;
        } else if (r == 0) {
            r = run(service, argc, argv, &error);
            status = r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        }
    }
    if (error.code != ERROR_NONE && status != EXIT_SUCCESS) {
        (void)fprintf(stderr, "situd: %s\n", error.message);
    }
    service_done(service);
    free(service);
    return status;
}
