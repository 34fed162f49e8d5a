/* SPDX-License-Identifier: Apache-2.0
 *
 * Starts and stops the interface. Main thread.
 */
#include "api/api.h"

#include "api/admit.h"
#include "api/audit_calls.h"
#include "api/jobs/job_streams.h"
#include "api/routes.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "service/descriptors.h"

void api_init(struct api *api, struct service *service)
{
    *api = (struct api){.service = service};
    secrets_init(&api->secrets);
    loopback_users_init(&api->loopback_users);
    live_calls_init(&api->live_calls);
    quotas_init(&api->quotas);
    audit_init(&api->audit);
    search_times_init(&api->search_times);
}

int api_load_tokens(struct api *api, const struct config *config, struct error *error)
{
    struct rights *before = secrets_rights(&api->secrets);
    int r = secrets_load_tokens(&api->secrets, config, error);
    struct rights *now = secrets_rights(&api->secrets);
    audit_rights(api, before, now, r < 0 ? error : NULL);
    if (now) {
        quotas_trim(&api->quotas, now);
    }
    rights_unref(before);
    rights_unref(now);
    api_tick(api);
    return r;
}

int api_load_users(struct api *api, const struct config *config, struct error *error)
{
    int r = loopback_users_load(&api->loopback_users, config->loopback_users, error);
    api_tick(api);
    return r;
}

int api_open_audit(struct api *api, const struct config *config, struct error *error)
{
    return audit_open(&api->audit, config->audit, error);
}

void api_tick(struct api *api)
{
    struct rights *rights = secrets_rights(&api->secrets);
    live_calls_review(&api->live_calls, admit_still, rights, clock_day_s());
    rights_unref(rights);
}

int api_reload_certificates(struct api *api, const struct config *fresh, struct error *error)
{
    cleanup_buffer struct buffer certificate = BUFFER_INIT;
    cleanup_buffer struct buffer key = BUFFER_INIT;
    int r = secrets_read_tls(fresh, true, &certificate, &key, error);
    if (r < 0 || certificate.size == 0) {
        return r;
    }
    return http_server_certify(api->http, certificate.data, key.data, error);
}

/* ---- the start ---- */

static int serve_socket(struct api *api, struct api_listener *listener, const char *certificate,
                        const char *key, struct error *error)
{
    bool tls = certificate && listener->guard == API_GUARD_REMOTE;
    struct http_listener http = {.fd = listener->fd,
                                 .tls_certificate = tls ? certificate : NULL,
                                 .tls_key = tls ? key : NULL,
                                 .user = listener};
    int r = http_server_listen(api->http, &http, error);
    if (r == 0) {
        log_event(LOG_LEVEL_INFO, "listening", "address=%s tls=%d", listener->address, tls);
    }
    return r;
}

static int count_connections(const struct service *service, uint64_t descriptors,
                             unsigned *ret_connections, struct error *error)
{
    const struct config *config = &service->config;
    uint64_t connections = 0;
    int r = descriptors_for_connections(descriptors, service->lane_count, config->store_count,
                                        config->connections, &connections, error);
    if (r < 0) {
        return r;
    }
    if (connections < config->connections) {
        log_event(LOG_LEVEL_WARNING, "connections_cut", "connections=%llu descriptors=%llu",
                  (unsigned long long)connections, (unsigned long long)descriptors);
    }
    *ret_connections = (unsigned)connections;
    return 0;
}

static int start_server(struct api *api, unsigned connections, struct error *error)
{
    const struct config *config = &api->service->config;
    struct http_config http = {.connection_limit = connections,
                               .header_ms = (int64_t)config->header_ms,
                               .body_ms = (int64_t)config->body_ms,
                               .idle_ms = (int64_t)config->idle_ms,
                               .bodies_bytes = config_bodies_bytes(config),
                               .answers = &api->answers,
                               .stall_ms = LIMIT_BODY_STALL_MS,
                               .identify = true};
    struct http_handler handler = routes_handler(api);
    api->answers.limit = config->answer_bytes;
    return http_server_new(&http, &handler, &api->http, error);
}

static int serve_all(struct api *api, struct api_listener *listeners, unsigned count,
                     struct error *error)
{
    cleanup_buffer struct buffer certificate = BUFFER_INIT;
    cleanup_buffer struct buffer key = BUFFER_INIT;
    int r = secrets_read_tls(&api->service->config, false, &certificate, &key, error);
    for (unsigned i = 0; i < count && r == 0; i++) {
        r = serve_socket(api, &listeners[i], certificate.data, key.data, error);
    }
    return r;
}

/* Whoever is logged in may do all where nothing asks who it is. */
static void warn_of_users(struct api *api, const struct api_listener *listeners, unsigned count)
{
    char name[256];
    char quoted[300];
    struct rights *rights = secrets_rights(&api->secrets);
    bool guarded = rights || loopback_users_configured(&api->loopback_users);
    rights_unref(rights);
    for (unsigned i = 0; i < count && !guarded; i++) {
        if (listeners[i].guard == API_GUARD_LOOPBACK && loopback_users_others(name, sizeof name)) {
            log_event(LOG_LEVEL_WARNING, "loopback_open",
                      "address=%s user=%s note=\"every user of this machine may do all: set "
                      "loopback_users or token_file\"",
                      listeners[i].address, log_quote(quoted, sizeof quoted, name));
            return;
        }
    }
}

int api_start(struct api *api, struct api_listener *listeners, unsigned count, uint64_t descriptors,
              struct error *error)
{
    unsigned connections = 0;
    if (job_streams_new(api->service->jobs, &api->job_streams) < 0) {
        return error_set(error, ERROR_MEMORY, "cannot start the daemon's threads");
    }
    int r = api_load_users(api, &api->service->config, error);
    if (r < 0) {
        return r;
    }
    warn_of_users(api, listeners, count);
    r = count_connections(api->service, descriptors, &connections, error);
    if (r < 0) {
        return r;
    }
    r = start_server(api, connections, error);
    return r < 0 ? r : serve_all(api, listeners, count, error);
}

/* ---- the end ---- */

void api_begin_stop(struct api *api)
{
    http_server_quiesce(api->http);
    job_streams_stop(api->job_streams);
}

bool api_is_idle(struct api *api)
{
    return http_server_active(api->http) == 0;
}

void api_halt(struct api *api)
{
    http_server_free(api->http);
    api->http = NULL; /* only now: requests read its totals until its threads end */
}

void api_done(struct api *api)
{
    job_streams_free(api->job_streams);
    search_times_done(&api->search_times);
    loopback_users_done(&api->loopback_users);
    audit_done(&api->audit);
    quotas_done(&api->quotas);
    live_calls_done(&api->live_calls);
    secrets_done(&api->secrets);
}
