/* SPDX-License-Identifier: Apache-2.0
 *
 * What the routes share: the running daemon. Made by main(), constant afterwards but for what the
 * parts guard themselves.
 */
#ifndef SITU_DAEMON_SERVICE_H
#define SITU_DAEMON_SERVICE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "daemon/config.h"
#include "daemon/index_metrics.h"
#include "daemon/secrets.h"
#include "daemon/stores.h"
#include "http/http.h"
#include "infer/dispatch.h"
#include "infer/metrics.h"
#include "infer/models.h"
#include "infer/reuse.h"
#include "infer/tasks.h"
#include "jobs/jobs.h"
#include "retrieval/retrieval.h"
#include "store/store.h"

struct job_streams;
struct search_pool;

struct service {
    struct config config;
    struct stores *stores; /* owned */
    struct models *models;
    struct tasks *tasks;     /* requests about jobs, indexes and models */
    struct tasks *loads;     /* models on their way into workers */
    struct tasks *trials;    /* the same for models that are being added */
    struct tasks *listings;  /* of stores */
    struct tasks *transfers; /* packages, vectors and large bodies */
    struct reuse *cache;     /* owned; NULL: none */
    struct dispatch *dispatch;
    struct jobs *jobs;               /* owned */
    struct job_streams *job_streams; /* owned */
    struct retrieval *retrieval;     /* owned */
    struct search_pool *search_pool; /* owned */
    struct index_metrics index_metrics;
    atomic_uint duplicates_running;
    struct http_server *http;
    struct budget answers; /* of all requests: what is made or waits to be sent */
    struct metrics metrics;
    struct status_counts other_requests; /* those that name no model */
    struct secrets secrets;
    int state_fd;  /* holds the state directory's lock; -1: none */
    char *warning; /* owned; what the sandbox lacks here, or NULL */
    int landlock_abi;
    bool seccomp;
    uint32_t cores;
    uint32_t lane_count;
    uint64_t descriptors; /* the hard limit */
    int64_t started_ns;
    struct timespec started_at; /* by the wall clock, as it was then */
    atomic_bool stopping;
    pthread_t jobs_stopper; /* where it was started: it stops the jobs */
    bool has_jobs_stopper;
    atomic_bool jobs_stopped;
    atomic_bool halted; /* lanes, jobs and connections are over */
};

/* The store of that name, or NULL with ERROR_NOT_FOUND. */
struct store *service_store_find(struct service *service, const char *name, size_t length,
                                 struct error *error);

/* Splits "STORE/KEY" and checks both. *ret_key points into `object`. */
must_check int service_object_find(struct service *service, const char *object,
                                   struct store **ret_store, const char **ret_key,
                                   struct error *error);

#endif
