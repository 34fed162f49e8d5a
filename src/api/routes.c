/* SPDX-License-Identifier: Apache-2.0
 *
 * Callbacks come from the listeners' threads.
 */
#include "api/routes.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/access_log.h"
#include "base/limits.h"

enum route_body {
    BODY_NONE,
    BODY_CONTROL,
    BODY_DATA,
    BODY_UPLOAD,
    BODY_JOB,
    BODY_SEARCH,
    BODY_VECTORS
};

/* Routes that block run on task threads; each kind has its places, so that none of them keeps the
 * others out. */
enum route_task { TASK_NONE, TASK_CONTROL, TASK_LISTING, TASK_TRANSFER };

struct route {
    const char *method;
    const char *pattern; /* `*` captures a segment, `**` the rest */
    enum route_body body;
    enum route_task task;
    void (*handle)(struct call *call);
};

/* To parse more than this would hold up the other connections of a listener. */
enum { LARGE_BODY_BYTES = 256 << 10 };

static const struct route routes[] = {
    {"GET", "/v1/infer/*/**", BODY_NONE, TASK_NONE, route_infer_stored},
    {"POST", "/v1/infer/*", BODY_DATA, TASK_NONE, route_infer_post},
    {"POST", "/v2/models/*/infer", BODY_DATA, TASK_NONE, route_v2_infer},
    {"POST", "/v2/models/*/versions/*/infer", BODY_DATA, TASK_NONE, route_v2_infer},
    {"GET", "/v2", BODY_NONE, TASK_NONE, route_v2_server},
    {"GET", "/v2/", BODY_NONE, TASK_NONE, route_v2_server},
    {"GET", "/v2/health/live", BODY_NONE, TASK_NONE, route_v2_live},
    {"GET", "/v2/health/ready", BODY_NONE, TASK_NONE, route_v2_ready},
    {"GET", "/v2/models/stats", BODY_NONE, TASK_NONE, route_v2_stats},
    {"GET", "/v2/models/*/stats", BODY_NONE, TASK_NONE, route_v2_stats},
    {"GET", "/v2/models/*/versions/*/stats", BODY_NONE, TASK_NONE, route_v2_stats},
    {"GET", "/v2/models/*/config", BODY_NONE, TASK_NONE, route_v2_config},
    {"GET", "/v2/models/*/versions/*/config", BODY_NONE, TASK_NONE, route_v2_config},
    {"GET", "/v2/models/*", BODY_NONE, TASK_NONE, route_v2_model},
    {"GET", "/v2/models/*/versions/*", BODY_NONE, TASK_NONE, route_v2_model},
    {"GET", "/v2/models/*/ready", BODY_NONE, TASK_NONE, route_v2_model_ready},
    {"GET", "/v2/models/*/versions/*/ready", BODY_NONE, TASK_NONE, route_v2_model_ready},
    {"POST", "/v2/repository/index", BODY_CONTROL, TASK_NONE, route_v2_index},
    {"POST", "/v2/repository/models/*/load", BODY_DATA, TASK_CONTROL, route_v2_load},
    {"POST", "/v2/repository/models/*/unload", BODY_CONTROL, TASK_CONTROL, route_v2_unload},
    {"GET", "/v2/systemsharedmemory/**", BODY_NONE, TASK_NONE, route_v2_no_shared_memory},
    {"POST", "/v2/systemsharedmemory/**", BODY_CONTROL, TASK_NONE, route_v2_no_shared_memory},
    {"GET", "/v2/cudasharedmemory/**", BODY_NONE, TASK_NONE, route_v2_no_shared_memory},
    {"POST", "/v2/cudasharedmemory/**", BODY_CONTROL, TASK_NONE, route_v2_no_shared_memory},
    {"GET", "/v2/trace/setting", BODY_NONE, TASK_NONE, route_v2_no_trace},
    {"POST", "/v2/trace/setting", BODY_CONTROL, TASK_NONE, route_v2_no_trace},
    {"GET", "/v2/models/*/trace/setting", BODY_NONE, TASK_NONE, route_v2_no_trace},
    {"POST", "/v2/models/*/trace/setting", BODY_CONTROL, TASK_NONE, route_v2_no_trace},
    {"GET", "/v2/logging", BODY_NONE, TASK_NONE, route_v2_no_logging},
    {"POST", "/v2/logging", BODY_CONTROL, TASK_NONE, route_v2_no_logging},
    {"POST", "/v1/jobs", BODY_JOB, TASK_CONTROL, route_job_create},
    {"GET", "/v1/jobs", BODY_NONE, TASK_CONTROL, route_job_list},
    {"GET", "/v1/jobs/*", BODY_NONE, TASK_CONTROL, route_job_show},
    {"DELETE", "/v1/jobs/*", BODY_NONE, TASK_CONTROL, route_job_remove},
    {"GET", "/v1/jobs/*/results", BODY_NONE, TASK_NONE, route_job_results},
    {"POST", "/v1/jobs/*/pause", BODY_CONTROL, TASK_CONTROL, route_job_pause},
    {"POST", "/v1/jobs/*/resume", BODY_CONTROL, TASK_CONTROL, route_job_resume},
    {"POST", "/v1/jobs/*/cancel", BODY_CONTROL, TASK_CONTROL, route_job_cancel},
    {"POST", "/v1/jobs/*/retry", BODY_CONTROL, TASK_CONTROL, route_job_retry},
    {"POST", "/v1/jobs/*/exclude-defaults", BODY_CONTROL, TASK_CONTROL, route_job_exclude},
    {"POST", "/v1/indexes", BODY_CONTROL, TASK_CONTROL, route_index_create},
    {"GET", "/v1/indexes", BODY_NONE, TASK_CONTROL, route_index_list},
    {"GET", "/v1/indexes/*", BODY_NONE, TASK_CONTROL, route_index_show},
    {"DELETE", "/v1/indexes/*", BODY_NONE, TASK_CONTROL, route_index_remove},
    {"POST", "/v1/indexes/*/rebuild", BODY_CONTROL, TASK_CONTROL, route_index_rebuild},
    {"POST", "/v1/indexes/*/search", BODY_SEARCH, TASK_NONE, route_search},
    {"GET", "/v1/indexes/*/duplicates", BODY_NONE, TASK_TRANSFER, route_index_duplicates},
    {"GET", "/v1/indexes/*/vectors", BODY_NONE, TASK_TRANSFER, route_index_export},
    {"PUT", "/v1/indexes/*/vectors", BODY_VECTORS, TASK_TRANSFER, route_index_import},
    {"GET", "/v1/thumbnails/**", BODY_NONE, TASK_NONE, route_thumbnail},
    {"GET", "/v1/cache", BODY_NONE, TASK_NONE, route_cache},
    {"DELETE", "/v1/cache", BODY_NONE, TASK_CONTROL, route_cache_clear},
    {"GET", "/v1/status", BODY_NONE, TASK_NONE, route_status},
    {"GET", "/metrics", BODY_NONE, TASK_NONE, route_metrics},
    {"GET", "/v1/stores", BODY_NONE, TASK_NONE, route_store_list},
    {"POST", "/v1/stores/*/detach", BODY_CONTROL, TASK_CONTROL, route_store_detach},
    {"POST", "/v1/stores/*/attach", BODY_CONTROL, TASK_CONTROL, route_store_attach},
    {"GET", "/v1/stores/*/objects", BODY_NONE, TASK_LISTING, route_object_list},
    {"GET", "/v1/models", BODY_NONE, TASK_NONE, route_model_list},
    {"GET", "/v1/models/*", BODY_NONE, TASK_NONE, route_model_show},
    {"GET", "/v1/models/*/labels", BODY_NONE, TASK_NONE, route_model_labels},
    {"PUT", "/v1/models/*", BODY_UPLOAD, TASK_TRANSFER, route_model_upload},
    {"POST", "/v1/models/*", BODY_CONTROL, TASK_TRANSFER, route_model_import},
    {"DELETE", "/v1/models/*", BODY_NONE, TASK_CONTROL, route_model_remove},
};

/* ---- matching ---- */

/* Compares segment by segment; captures point into `path`, not yet cut off at their ends. */
static bool match(const char *pattern, const char *path, const char **captures)
{
    size_t captured = 0;
    while (*pattern == '/' && *path == '/') {
        pattern++;
        path++;
        size_t expected = strcspn(pattern, "/");
        size_t length = strcspn(path, "/");
        if (strcmp(pattern, "**") == 0) {
            captures[captured] = path;
            return *path != '\0';
        }
        if (*pattern == '*') {
            if (length == 0) {
                return false;
            }
            captures[captured++] = path;
        } else if (expected != length || memcmp(pattern, path, length) != 0) {
            return false;
        }
        pattern += expected;
        path += length;
    }
    return !*pattern && !*path;
}

/* Ends each capture where its segment ends; once the route is found. */
static void cut_captures(const struct route *route, const char **captures)
{
    size_t captured = 0;
    for (const char *c = strchr(route->pattern, '*'); c; c = strchr(c + 1, '*')) {
        if (c[1] == '*') {
            return;
        }
        char *end = (char *)(uintptr_t)captures[captured++];
        end[strcspn(end, "/")] = '\0';
    }
}

static const struct route *find_route(struct call *call, const char *method, bool *ret_path_known)
{
    *ret_path_known = false;
    bool head = strcmp(method, "HEAD") == 0;
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
        memset(call->captures, 0, sizeof call->captures);
        if (!match(routes[i].pattern, call->path, call->captures)) {
            continue;
        }
        *ret_path_known = true;
        if (strcmp(routes[i].method, head ? "GET" : method) == 0) {
            cut_captures(&routes[i], call->captures);
            return &routes[i];
        }
    }
    return NULL;
}

/* ---- guards ---- */

static bool is_loopback_name(const char *host)
{
    size_t length = strlen(host);
    const char *colon = strrchr(host, ':');
    if (host[0] == '[') {
        const char *bracket = strchr(host, ']');
        bool ends = bracket && (bracket[1] == '\0' || bracket[1] == ':');
        length = ends ? (size_t)(bracket - host) + 1 : length;
    } else if (colon) {
        length = (size_t)(colon - host);
    }
    if ((length == 9 && strncasecmp(host, "localhost", 9) == 0) ||
        (length == 5 && strncmp(host, "[::1]", 5) == 0)) {
        return true;
    }
    return length > 4 && strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == length;
}

/* A web page can have a browser send a body to another origin without being asked about where its
 * type is none of JSON and bytes; a browser then says so by Origin, and reaches no unix socket. */
static bool check_type(struct call *call, const struct api_listener *listener)
{
    const char *type = http_request_header(call->request, "Content-Type");
    bool is_unix = listener->guard == API_GUARD_UNIX;
    if (call->route->body == BODY_NONE || call_content_type_is(call, "application/json") ||
        call_content_type_is(call, "application/octet-stream")) {
        return true;
    }
    bool form = call_content_type_is(call, "application/x-www-form-urlencoded");
    bool origin = http_request_header(call->request, "Origin") != NULL;
    /* Triton's C++ client sends all but its inferences with libcurl's default type, a form's. No
     * page can have a browser send its User-Agent without being asked about. */
    bool triton =
        form && !origin && call_is_by_triton(call) && strncmp(call->route->pattern, "/v2/", 4) == 0;
    bool taken = type ? triton || (is_unix && form)
                      : is_unix || !origin ||
                            http_request_header(call->request, "Inference-Header-Content-Length");
    if (!taken) {
        call_respond_status(call, 415,
                            form ? "Content-Type must be application/json or "
                                   "application/octet-stream, and a form's was sent: with curl add "
                                   "-H 'Content-Type: application/json'"
                                 : "Content-Type must be application/json or "
                                   "application/octet-stream");
    }
    return taken;
}

static bool check_guards(struct call *call)
{
    const struct api_listener *listener = http_request_listener_user(call->request);
    const char *host = http_request_header(call->request, "Host");
    if (listener->guard == API_GUARD_LOOPBACK && (!host || !is_loopback_name(host))) {
        call_respond_status(call, 403, "Host must be localhost or a loopback address here");
        return false;
    }
    bool health = strncmp(call->route->pattern, "/v2/health/", 11) == 0;
    if (listener->guard != API_GUARD_UNIX && !health &&
        !secrets_admit(&call->api->secrets, http_request_header(call->request, "Authorization"))) {
        static const char *const challenge[] = {"WWW-Authenticate", "Bearer", NULL};
        cleanup_buffer struct buffer body = BUFFER_INIT;
        buffer_append_text(&body, "{\"error\":\"a token is needed: Authorization: Bearer TOKEN\","
                                  "\"code\":\"unauthorized\"}\n");
        call_respond(call, 401, "application/json", &body, challenge);
        return false;
    }
    return check_type(call, listener);
}

/* ---- callbacks ---- */

/* Says which methods the path takes, each once. */
static void refuse_method(struct call *call)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};
    cleanup_buffer struct buffer allow = BUFFER_INIT;
    cleanup_buffer struct buffer body = BUFFER_INIT;
    for (size_t m = 0; m < sizeof methods / sizeof methods[0]; m++) {
        bool taken = false;
        for (size_t i = 0; i < sizeof routes / sizeof routes[0] && !taken; i++) {
            taken = strcmp(routes[i].method, methods[m]) == 0 &&
                    match(routes[i].pattern, call->path, call->captures);
        }
        if (taken) {
            buffer_append_text(&allow, allow.size > 0 ? ", " : "");
            buffer_append_text(&allow, m == 0 ? "GET, HEAD" : methods[m]);
        }
    }
    buffer_append_text(&body, "{\"error\":\"this path does not take that method\","
                              "\"code\":\"malformed\"}\n");
    const char *text = buffer_text(&allow);
    const char *const headers[] = {text ? "Allow" : NULL, text, NULL};
    call_respond(call, 405, "application/json", &body, headers);
}

static void refuse_unknown(struct call *call, bool path_known)
{
    if (path_known) {
        refuse_method(call);
    } else {
        call_respond_status(call, 404, "no such path; see the protocol page of the manual");
    }
}

/* A body too large for a place even where no other has one is refused at once. */
static void accept_search(struct call *call)
{
    const struct config *config = &call->service->config;
    uint64_t most = config_bodies_bytes(config);
    if (call_content_type_is(call, "application/octet-stream")) {
        most = config->body_bytes;
    } else if (most > LIMIT_SEARCH_BYTES) {
        most = LIMIT_SEARCH_BYTES;
    }
    http_accept_body(call->request, (size_t)most);
}

static void accept_body(struct call *call)
{
    switch (call->route->body) {
    case BODY_NONE:
        break;
    case BODY_CONTROL:
        http_accept_body(call->request, LIMIT_JSON_BYTES);
        break;
    case BODY_DATA:
        http_accept_body(call->request, (size_t)call->service->config.body_bytes);
        break;
    case BODY_UPLOAD:
        route_model_upload_begin(call);
        break;
    case BODY_JOB:
        route_job_begin(call);
        break;
    case BODY_SEARCH:
        accept_search(call);
        break;
    case BODY_VECTORS:
        route_index_import_begin(call);
        break;
    }
}

static void on_begin(void *context, struct http_request *request)
{
    struct api *api = context;
    struct call *call = calloc(1, sizeof *call);
    if (call) {
        call->path = strdup(http_request_path(request));
    }
    if (!call || !call->path) {
        free(call);
        http_respond_error(request, 503, "out of memory");
        return;
    }
    atomic_store(&call->references, 1);
    call->api = api;
    call->service = api->service;
    call->request = http_request_ref(request);
    http_request_set_user(request, call);
    bool path_known = false;
    call->route = find_route(call, http_request_method(request), &path_known);
    if (!call->route) {
        refuse_unknown(call, path_known);
    } else if (atomic_load(&api->service->stopping)) {
        call_respond_status(call, 503, "situd is stopping");
    } else if (check_guards(call)) {
        accept_body(call);
    }
}

static void handle_on_task(void *argument)
{
    struct call *call = argument;
    call->route->handle(call);
    call_unref(call);
}

static struct tasks *tasks_of(const struct call *call)
{
    switch (call->route->task) {
    case TASK_CONTROL:
        return call->service->tasks;
    case TASK_LISTING:
        return call->service->listings;
    default: /* TASK_NONE: its body is large */
        return call->service->transfers;
    }
}

static void on_ready(void *context, struct http_request *request)
{
    (void)context;
    struct call *call = http_request_user(request);
    if (!call || !call->route || atomic_load(&call->answered)) {
        return;
    }
    size_t size = 0;
    (void)http_request_body(request, &size);
    bool blocking = call->route->task != TASK_NONE;
    bool large = size > LARGE_BODY_BYTES;
    if ((blocking || large) && tasks_start(tasks_of(call), handle_on_task, call_ref(call)) == 0) {
        return;
    }
    if (blocking) {
        call_respond_status(call, 429, "too many such requests at once; try again");
    } else {
        call->route->handle(call);
    }
    if (blocking || large) {
        call_unref(call); /* the task's */
    }
}

static void on_end(void *context, struct http_request *request, bool client_gone)
{
    (void)context;
    struct call *call = http_request_user(request);
    if (!call) {
        return;
    }
    http_request_set_user(request, NULL);
    if (client_gone) {
        atomic_store(&call->gone, true);
    }
    void (*gone)(struct call *) = atomic_load(&call->client_gone);
    if (client_gone && gone) {
        gone(call);
    }
    call_unref(call);
}

struct http_handler routes_handler(struct api *api)
{
    return (struct http_handler){.begin = on_begin,
                                 .ready = on_ready,
                                 .end = on_end,
                                 .served = api->service->config.access_log ? access_log : NULL,
                                 .context = api};
}
