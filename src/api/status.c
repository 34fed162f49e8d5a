/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/status for people and the CLI, /metrics for Prometheus. Each is a list of parts, in the order
 * of the page; the room that keeps the figures writes the part.
 */
#include <stdlib.h>

#include "api/api.h"
#include "api/route.h"
#include "base/metric.h"
#include "service/stores.h"

/* The work of all callers, in objects, jobs, results and bytes, is for those only who may know of
 * all of it. */
struct status_section {
    void (*write)(void *context, struct json_writer *w); /* members of the page's object */
    void *context;
    const char *of_all[2]; /* these members tell of all work, and are null for others */
};

struct metrics_source {
    void (*write)(void *context, struct buffer *out); /* whole lines */
    void *context;
    bool of_all; /* of all work: no lines for others */
};

static bool sees_all(const struct call *call)
{
    return access_knows_all(&call->access) || access_everywhere(&call->access, RIGHT_METRICS);
}

static void write_section(const struct status_section *section, bool all, struct json_writer *w)
{
    if (all || !section->of_all[0]) {
        section->write(section->context, w);
        return;
    }
    for (size_t i = 0; i < sizeof section->of_all / sizeof section->of_all[0]; i++) {
        json_put_null(w, section->of_all[i]);
    }
}

static void show_status(struct call *call)
{
    struct service *service = call->service;
    struct dispatch *dispatch = service->dispatch;
    struct stores_view stores = {service->stores, &call->access};
    const struct status_section sections[] = {
        {service_write_state, service, {NULL}},
        {stores_write_degraded, &stores, {NULL}},
        {dispatch_write_lanes, dispatch, {NULL}},
        {dispatch_write_queue, dispatch, {"lanes_busy", "queue"}},
        {dispatch_write_cores, dispatch, {NULL}},
        {service_write_sandbox, service, {NULL}},
        {dispatch_write_memory, dispatch, {NULL}},
        {dispatch_write_objects, dispatch, {"objects", "bytes_read"}},
        {http_server_write_bytes, call->api->http, {"bytes_sent", "bytes_received"}},
        {http_server_write_connections, call->api->http, {NULL}},
        {dispatch_write_restarts, dispatch, {NULL}},
    };
    bool all = sees_all(call);
    cleanup_buffer struct buffer body = BUFFER_INIT;
    struct json_writer w = JSON_WRITER(&body);
    json_begin_object(&w, NULL);
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        write_section(&sections[i], all, &w);
    }
    json_end_object(&w);
    buffer_append_char(&body, '\n');
    call_respond_json(call, 200, &body);
}

static void write_requests(void *context, struct buffer *out)
{
    struct api *api = context;
    metric_begin(out, "situ_requests_total", "counter", "Answers by model and HTTP status");
    metrics_write_statuses(&api->other_requests, "", out);
    models_write_requests(api->service->models, out);
}

static void write_answers(void *context, struct buffer *out)
{
    struct api *api = context;
    metric_write(out, "situ_answer_bytes", "gauge", "Answers that are made or wait to be sent",
                 atomic_load(&api->answers.used));
}

/* Of the indexes that the caller may look at. */
static void write_indexes(void *context, struct buffer *out)
{
    struct call *call = context;
    struct retrieval_info *infos = NULL;
    size_t count = 0;
    if (retrieval_list(call->service->retrieval, &call->access, &infos, &count) < 0) {
        return;
    }
    search_times_write(&call->api->search_times, call->access.all ? NULL : infos, count, out);
    retrieval_write_metrics(infos, count, out);
    for (size_t i = 0; i < count; i++) {
        retrieval_info_done(&infos[i]);
    }
    free(infos);
}

static void show_metrics(struct call *call)
{
    struct api *api = call->api;
    struct service *service = call->service;
    struct stores_view stores = {service->stores, &call->access};
    const struct metrics_source sources[] = {
        {service_write_metrics, service, false},
        {write_requests, api, false},
        {jobs_write_metrics, service->jobs, true},
        {metrics_write, &service->metrics, true},
        {stores_write_metrics, &stores, false},
        {reuse_write_metrics, service->cache, true},
        {write_indexes, call, false},
        {dispatch_write_queue_metrics, service->dispatch, true},
        {write_answers, api, true},
        {dispatch_write_worker_metrics, service->dispatch, false},
        {http_server_write_metrics, api->http, true},
    };
    bool all = sees_all(call);
    cleanup_buffer struct buffer body = BUFFER_INIT;
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        if (all || !sources[i].of_all) {
            sources[i].write(sources[i].context, &body);
        }
    }
    call_respond(call, 200, "text/plain; version=0.0.4", &body, NULL);
}

static const struct route routes[] = {
    {"GET", "/v1/status", NULL, RIGHT_METRICS, TASK_NONE, show_status},
    {"GET", "/metrics", NULL, RIGHT_METRICS, TASK_NONE, show_metrics},
};

const struct interface status_interface = INTERFACE(routes);
