/* SPDX-License-Identifier: Apache-2.0
 *
 * The assembled engine: stores, models, lanes, jobs and indexes, without an interface. The
 * interface above calls its parts directly. Each part guards itself; everything else is constant
 * once service_start() has returned.
 */
#ifndef SITU_SERVICE_SERVICE_H
#define SITU_SERVICE_SERVICE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json_write.h"
#include "infer/dispatch.h"
#include "infer/metrics.h"
#include "infer/models.h"
#include "infer/reuse.h"
#include "infer/tasks.h"
#include "jobs/jobs.h"
#include "retrieval/retrieval.h"
#include "service/config.h"
#include "service/stores.h"
#include "store/store.h"

struct search_pool;

struct service {
    struct config config;  /* owned */
    struct models *models; /* owned, like all pointers down to search_pool; NULL: not started */
    struct stores *stores;
    struct reuse *cache;     /* NULL: none is configured */
    struct tasks *tasks;     /* requests about jobs, indexes and models */
    struct tasks *loads;     /* loads of models */
    struct tasks *trials;    /* loads of models that are being added */
    struct tasks *listings;  /* of stores */
    struct tasks *transfers; /* packages, vectors and large bodies */
    struct dispatch *dispatch;
    struct jobs *jobs;
    struct retrieval *retrieval;
    struct search_pool *search_pool;
    struct metrics metrics;
    int state_fd;  /* holds the state directory's lock; -1: none */
    char *warning; /* owned; what the sandbox lacks here, or NULL */
    int landlock_abi;
    bool seccomp;
    uint32_t cores;
    uint32_t lane_count;
    int lane_cpus[LIMIT_LANES]; /* of each lane; -1: it floats */
    int64_t started_ns;
    struct timespec started_at; /* by the wall clock */
    atomic_bool stopping;
    size_t step_count;      /* steps of the start that were run; see service.c */
    pthread_t jobs_stopper; /* stops the jobs; if it was started */
    bool has_jobs_stopper;
    atomic_bool jobs_stopped;
};

/* Nothing is started. The caller fills in `config` next. */
void service_init(struct service *service);

/* Opens what is on the disk: the state directory, models, stores, the result cache. ERROR_CONFLICT
 * where another situd has the state directory. */
must_check int service_open(struct service *service, struct error *error);

/* Starts what runs: lanes, jobs, indexes, search threads. */
must_check int service_start(struct service *service, struct error *error);

/* Applies the stores of another configuration, which was checked; see stores_reload(). Main thread.
 */
must_check int service_reload_stores(struct service *service, const struct config *fresh,
                                     struct error *error);

/* Parts of /v1/status and of /metrics; `service` is the service. Any thread. */
void service_write_state(void *service, struct json_writer *w);
void service_write_sandbox(void *service, struct json_writer *w);
void service_write_metrics(void *service, struct buffer *out);

/* The stop, in this order; each may be called after a start that failed. */

/* Starts to stop jobs and indexes, on a thread of its own. Items still run. */
void service_begin_stop(struct service *service);
bool service_jobs_stopped(struct service *service);
/* Ends the lanes and waits for jobs; never returns if a store does not respond. */
void service_halt(struct service *service);
/* Waits for tasks and searches; afterwards nothing calls back into the interface. False: a task
 * does not end, and the service must not be freed. */
must_check bool service_drain(struct service *service);
void service_done(struct service *service);

#endif
