/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP interface over the engine: the server, the secrets that guard it, and what its routes
 * share. Constant once api_start() has returned, except what the parts guard themselves.
 */
#ifndef SITU_API_API_H
#define SITU_API_API_H

#include <stdatomic.h>

#include "api/audit.h"
#include "api/indexes/search_times.h"
#include "api/live_calls.h"
#include "api/loopback_users.h"
#include "api/secrets.h"
#include "base/budget.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "http/http.h"
#include "rights/quotas.h"
#include "service/service.h"

struct job_streams;

struct api {
    struct service *service;         /* borrowed */
    struct http_server *http;        /* owned; NULL: not started */
    struct job_streams *job_streams; /* owned; NULL: not started */
    struct secrets secrets;
    struct loopback_users loopback_users;
    struct live_calls live_calls;
    struct quotas quotas;
    struct audit audit;
    struct budget answers;               /* answers of all requests that are being made or sent */
    struct status_counts other_requests; /* requests that name no model */
    struct search_times search_times;
    atomic_uint duplicates_running;
};

/* Which checks a request must pass, by the address it came to. */
enum api_guard {
    API_GUARD_UNIX,     /* the mode of the socket's file */
    API_GUARD_LOOPBACK, /* the Host header */
    API_GUARD_REMOTE,   /* TLS and a token, unless --insecure is given */
};

struct api_listener {
    int fd;
    enum api_guard guard;
    char address[128]; /* for the log */
};

/* Starts nothing. The service is borrowed; its `config` is filled in later. */
void api_init(struct api *api, struct service *service);

/* Reads the token file of the configuration; see secrets_load_tokens(). Ends the answers of callers
 * that have lost their rights. Main thread. */
must_check int api_load_tokens(struct api *api, const struct config *config, struct error *error);

/* The same for the users that loopback addresses serve; see loopback_users_load(). */
must_check int api_load_users(struct api *api, const struct config *config, struct error *error);

/* Opens the audit log of the configuration, or opens it again. Main thread. */
must_check int api_open_audit(struct api *api, const struct config *config, struct error *error);

/* Ends the answers of callers whose rights have ended. Main thread, several times a second. */
void api_tick(struct api *api);

/* Reads certificate and key again, for new connections. Main thread. */
must_check int api_reload_certificates(struct api *api, const struct config *fresh,
                                       struct error *error);

/* Serves the listening sockets until api_halt(). Takes over their descriptors; `listeners` is
 * borrowed until then. `descriptors`: how many the process may have. The service must be started.
 */
must_check int api_start(struct api *api, struct api_listener *listeners, unsigned count,
                         uint64_t descriptors, struct error *error);

/* The stop, in this order; each may be called after a start that failed, except api_begin_stop().
 */

/* Answers new requests with 503 and ends streams of results; other requests go on. */
void api_begin_stop(struct api *api);
bool api_is_idle(struct api *api);
/* Closes all connections; requests without an answer get none. */
void api_halt(struct api *api);
/* Call it when no task, search or item of a request is left. */
void api_done(struct api *api);

#endif
