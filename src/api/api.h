/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP interface over the engine: the server, who may use it, and what its routes share.
 * Constant once api_start() has returned, but for what the parts guard themselves.
 */
#ifndef SITU_API_API_H
#define SITU_API_API_H

#include <stdatomic.h>

#include "api/indexes/search_times.h"
#include "api/secrets.h"
#include "base/budget.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "http/http.h"
#include "service/service.h"

struct job_streams;

struct api {
    struct service *service;         /* borrowed */
    struct http_server *http;        /* owned; NULL: not started */
    struct job_streams *job_streams; /* owned; NULL: not started */
    struct secrets secrets;
    struct budget answers;               /* of all requests: what is made or waits to be sent */
    struct status_counts other_requests; /* those that name no model */
    struct search_times search_times;
    atomic_uint duplicates_running;
};

/* What a request is checked for, by the address it came to. */
enum api_guard {
    API_GUARD_UNIX,     /* the socket's mode decides */
    API_GUARD_LOOPBACK, /* Host is checked */
    API_GUARD_REMOTE,   /* TLS and token, or insecure */
};

struct api_listener {
    int fd;
    enum api_guard guard;
    char address[128]; /* for the log */
};

/* Nothing is started. The service is borrowed; its `config` is filled in later. */
void api_init(struct api *api, struct service *service);

/* Reads the tokens that a configuration names; see secrets_load_tokens(). Main thread. */
must_check int api_load_tokens(struct api *api, const struct config *config, struct error *error);

/* Reads certificate and key again, for new connections. Main thread. */
must_check int api_reload_certificates(struct api *api, const struct config *fresh,
                                       struct error *error);

/* Serves the listening sockets until api_halt(): their descriptors are taken over, `listeners` is
 * borrowed until then. `descriptors`: how many the process may have. The service was started. */
must_check int api_start(struct api *api, struct api_listener *listeners, unsigned count,
                         uint64_t descriptors, struct error *error);

/* The end, in this order; each is fine after a start that failed. */

/* New requests get 503, streams of results are cut; others go on. */
void api_begin_stop(struct api *api);
bool api_is_idle(struct api *api);
/* Closes all connections; what still waits for an answer gets none. */
void api_halt(struct api *api);
/* When no task, search or item of its requests is left. */
void api_done(struct api *api);

#endif
