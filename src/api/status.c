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

struct status_section {
    void (*write)(void *context, struct json_writer *w); /* members of the page's object */
    void *context;
};

struct metrics_source {
    void (*write)(void *context, struct buffer *out); /* whole lines */
    void *context;
};

static void show_status(struct call *call)
{
    struct service *service = call->service;
    struct stores_view stores = {service->stores, &call->access};
    const struct status_section sections[] = {
        {service_write_state, service},
        {stores_write_degraded, &stores},
        {dispatch_write_lanes, service->dispatch},
        {service_write_sandbox, service},
        {dispatch_write_memory, service->dispatch},
        {dispatch_write_objects, service->dispatch},
        {http_server_write_status, call->api->http},
        {dispatch_write_restarts, service->dispatch},
    };
    cleanup_buffer struct buffer body = BUFFER_INIT;
    struct json_writer w = JSON_WRITER(&body);
    json_begin_object(&w, NULL);
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        sections[i].write(sections[i].context, &w);
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
        {service_write_metrics, service},
        {write_requests, api},
        {jobs_write_metrics, service->jobs},
        {metrics_write, &service->metrics},
        {stores_write_metrics, &stores},
        {reuse_write_metrics, service->cache},
        {write_indexes, call},
        {dispatch_write_queue_metrics, service->dispatch},
        {write_answers, api},
        {dispatch_write_worker_metrics, service->dispatch},
        {http_server_write_metrics, api->http},
    };
    cleanup_buffer struct buffer body = BUFFER_INIT;
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        sources[i].write(sources[i].context, &body);
    }
    call_respond(call, 200, "text/plain; version=0.0.4", &body, NULL);
}

static const struct route routes[] = {
    {"GET", "/v1/status", NULL, RIGHT_METRICS, TASK_NONE, show_status},
    {"GET", "/metrics", NULL, RIGHT_METRICS, TASK_NONE, show_metrics},
};

const struct interface status_interface = INTERFACE(routes);
