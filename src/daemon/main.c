/* SPDX-License-Identifier: Apache-2.0
 *
 * situd: reads its configuration, opens stores, models and sockets, serves until SIGTERM or SIGINT,
 * waits for running requests, exits.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api/api.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/listen.h"
#include "daemon/reload.h"
#include "service/descriptors.h"

enum { POLL_MS = 10, TICK_MS = 400 };

static void pause_a_little(void)
{
    struct timespec pause = {.tv_nsec = POLL_MS * NS_PER_MS};
    (void)nanosleep(&pause, NULL);
}

struct program {
    struct service service;
    struct api api;
    struct api_listener listeners[LISTEN_MAX];
    unsigned listener_count;
    uint64_t descriptors; /* the hard limit */
    atomic_bool halted;   /* lanes, jobs and connections have ended */
};

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

/* Returns on SIGTERM, on SIGINT, and on the SIGHUP of a terminal that was closed. */
static void wait_for_signal(struct api *api, int argc, char **argv)
{
    sigset_t set = awaited_signals();
    bool terminal = isatty(STDERR_FILENO) == 1;
    const struct timespec tick = {.tv_nsec = TICK_MS * NS_PER_MS};
    int number = 0;
    for (;;) {
        number = sigtimedwait(&set, NULL, &tick);
        if (number < 0) {
            api_tick(api);
            continue;
        }
        if (number != SIGHUP || (terminal && isatty(STDERR_FILENO) != 1)) {
            break;
        }
        reload(api, argc, argv);
    }
    log_event(LOG_LEVEL_INFO, "stopping", "signal=%d", number);
}

/* Waits for running requests, at most LIMIT_STOP_MS. */
static void stop(struct program *program)
{
    listen_notify("STOPPING=1");
    api_begin_stop(&program->api);
    service_begin_stop(&program->service);
    int64_t deadline = clock_now_ns() + LIMIT_STOP_MS * NS_PER_MS;
    while (!(api_is_idle(&program->api) && service_jobs_stopped(&program->service)) &&
           clock_now_ns() < deadline) {
        pause_a_little();
    }
}

/* A lane or a job may hang for ever in a file system that does not respond: the process then exits
 * without it, as if killed. */
static void *cut_off(void *argument)
{
    struct program *program = argument;
    int64_t until_ns = clock_now_ns() + LIMIT_STOP_HUNG_MS * NS_PER_MS;
    while (!atomic_load(&program->halted)) {
        if (clock_now_ns() >= until_ns) {
            log_event(LOG_LEVEL_WARNING, "task_cut_off", "reason=\"a store does not answer\"");
            _exit(EXIT_SUCCESS);
        }
        pause_a_little();
    }
    return NULL;
}

/* Ends the lanes, the jobs and the connections. */
static void halt(struct program *program)
{
    pthread_t guard;
    bool guarded = pthread_create(&guard, NULL, cut_off, program) == 0;
    service_halt(&program->service);
    api_halt(&program->api);
    atomic_store(&program->halted, true);
    if (guarded) {
        (void)pthread_join(guard, NULL);
    }
}

static void done(struct program *program)
{
    halt(program);
    if (!service_drain(&program->service)) {
        /* The task hashes or copies a large package; the next start removes its unfinished files,
         * as after a kill. */
        log_event(LOG_LEVEL_WARNING, "task_cut_off", "%s", "");
        _exit(EXIT_SUCCESS);
    }
    api_done(&program->api);
    service_done(&program->service);
    free(program);
}

/* The sockets are opened after everything on the disk was read without error, and before the first
 * thread runs. */
static int start(struct program *program, struct error *error)
{
    struct service *service = &program->service;
    int r = api_load_tokens(&program->api, &service->config, error);
    if (r < 0) {
        return r;
    }
    r = service_open(service, error);
    if (r < 0) {
        return r;
    }
    r = listen_open(&service->config, program->listeners, &program->listener_count, error);
    if (r < 0) {
        return r;
    }
    r = service_start(service, error);
    if (r < 0) {
        return r;
    }
    r = api_open_audit(&program->api, &service->config, error);
    if (r < 0) {
        return r;
    }
    return api_start(&program->api, program->listeners, program->listener_count,
                     program->descriptors, error);
}

static int run(struct program *program, int argc, char **argv, struct error *error)
{
    const struct service *service = &program->service;
    int r = start(program, error);
    if (r == 0) {
        listen_notify("READY=1");
        log_event(LOG_LEVEL_INFO, "ready", "version=%s lanes=%u stores=%zu", SITU_VERSION,
                  service->lane_count, service->config.store_count);
        wait_for_signal(&program->api, argc, argv);
        stop(program);
    }
    listen_unlink(program->listeners, program->listener_count);
    return r;
}

static void block_signals(void)
{
    sigset_t set = awaited_signals();
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a write beyond the file size limit only fails */
}

int main(int argc, char **argv)
{
    struct program *program = calloc(1, sizeof *program);
    struct error error = {0};
    if (!program) {
        return EXIT_FAILURE;
    }
    struct config *config = &program->service.config;
    service_init(&program->service);
    api_init(&program->api, &program->service);
    block_signals();
    program->descriptors = descriptors_raise();
    enum config_outcome outcome = config_read(argc, argv, config, &error);
    int status = outcome == CONFIG_EXIT_OK ? EXIT_SUCCESS : 2;
    if (outcome == CONFIG_RUN) {
        log_set_level(config->debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
        bool good = config_check(config, &error) == 0 && listen_check_config(config, &error) == 0;
        good = good && (!config->check_only || secrets_check(config, &error) == 0);
        if (good && config->check_only) {
            (void)printf("configuration is good: %zu stores, %zu model directories\n",
                         config->store_count, config->model_count);
            status = EXIT_SUCCESS;
        } else if (good) {
            status = run(program, argc, argv, &error) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        }
    }
    if (error.code != ERROR_NONE && status != EXIT_SUCCESS) {
        (void)fprintf(stderr, "situd: %s\n", error.message);
    }
    done(program);
    return status;
}
