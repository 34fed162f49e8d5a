/* SPDX-License-Identifier: Apache-2.0
 *
 * Callbacks come from the listeners' threads.
 */
#include "api/routes.h"

#include <stdlib.h>
#include <string.h>

#include "api/access_log.h"
#include "api/audit_calls.h"
#include "api/guards.h"
#include "api/route.h"

/* Parsing a larger body would delay the other connections of the listener. */
enum { LARGE_BODY_BYTES = 256 << 10 };

#define ADDRESS(name) &name##_interface,
static const struct interface *const interfaces[] = {INTERFACES(ADDRESS)};

enum { INTERFACE_COUNT = sizeof interfaces / sizeof interfaces[0] };

/* ---- matching ---- */

/* Compares segment by segment; captures point into `path` and are not terminated yet. */
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

/* Terminates each capture at the end of its segment, once the route is found. */
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

/* *ret_path_known: a route has the path, maybe with another method. */
static const struct route *find_route(const char *method, const char *path, const char **captures,
                                      bool *ret_path_known)
{
    *ret_path_known = false;
    for (size_t i = 0; i < INTERFACE_COUNT; i++) {
        for (size_t j = 0; j < interfaces[i]->route_count; j++) {
            const struct route *route = &interfaces[i]->routes[j];
            memset(captures, 0, CALL_CAPTURES * sizeof captures[0]);
            if (!match(route->pattern, path, captures)) {
                continue;
            }
            *ret_path_known = true;
            if (strcmp(route->method, method) == 0) {
                return route;
            }
        }
    }
    return NULL;
}

/* ---- callbacks ---- */

/* Lists the methods that the path takes. */
static void refuse_method(struct call *call)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};
    cleanup_buffer struct buffer allow = BUFFER_INIT;
    cleanup_buffer struct buffer body = BUFFER_INIT;
    for (size_t m = 0; m < sizeof methods / sizeof methods[0]; m++) {
        bool known = false;
        if (find_route(methods[m], call->path, call->captures, &known)) {
            buffer_append_text(&allow, allow.size > 0 ? ", " : "");
            buffer_append_text(&allow, m == 0 ? "GET, HEAD" : methods[m]);
        }
    }
    call_write_message(&body, "malformed", "this path does not take that method");
    const char *text = buffer_text(&allow);
    const char *const headers[] = {text ? "Allow" : NULL, text, NULL};
    call_respond(call, 405, "application/json", &body, headers);
}

/* Finds the call's route, or refuses the call. */
static bool take_route(struct call *call)
{
    const char *method = http_request_method(call->request);
    bool known = false;
    method = strcmp(method, "HEAD") == 0 ? "GET" : method;
    call->route = find_route(method, call->path, call->captures, &known);
    if (call->route) {
        cut_captures(call->route, call->captures);
    } else if (known) {
        refuse_method(call);
    } else {
        call_respond_status(call, 404, "no such path; see the protocol page of the manual");
    }
    return call->route != NULL;
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
    audit_call_begin(call);
    if (!take_route(call)) {
        return;
    }
    if (atomic_load(&api->service->stopping)) {
        call_respond_stopping(call);
    } else if (guards_admit(call) && call->route->accept) {
        call->route->accept(call);
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
    live_calls_remove(&call->api->live_calls, call);
    if (!client_gone) { /* otherwise its work goes on, and counts */
        quotas_release(&call->api->quotas, &call->hold);
    }
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
