/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/status for people and the CLI, /metrics for Prometheus.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/route.h"
#include "base/clock.h"
#include "base/json.h"

static const char *yes_no(bool value)
{
    return value ? "true" : "false";
}

static void show_status(struct call *call)
{
    struct service *service = call->service;
    struct dispatch_status status;
    struct http_totals totals;
    dispatch_get_status(service->dispatch, &status);
    http_server_totals(call->api->http, &totals);
    cleanup_buffer struct buffer body = BUFFER_INIT;
    buffer_printf(&body, "{\"version\":\"%s\",\"state\":\"%s\",\"uptime_s\":%.1f", SITU_VERSION,
                  atomic_load(&service->stopping) ? "stopping" : "ready",
                  (double)(clock_now_ns() - service->started_ns) / 1e9);
    buffer_append_text(&body, ",\"degraded\":");
    stores_write_degraded(&body, service->stores);
    buffer_printf(&body, ",\"lanes\":%u,\"lanes_busy\":%" PRIu64 ",\"queue\":%zu,\"cores\":%u",
                  service->lane_count, atomic_load(&service->metrics.lanes_busy), status.queued,
                  service->cores);
    buffer_printf(&body, ",\"sandbox\":{\"landlock\":%s,\"seccomp\":%s,\"warning\":",
                  yes_no(service->landlock_abi > 0), yes_no(service->seccomp));
    if (service->warning) {
        json_write_string(&body, service->warning);
    } else {
        buffer_append_text(&body, "null");
    }
    buffer_printf(&body,
                  "},\"memory_budget_bytes\":%" PRIu64 ",\"memory_bytes\":%" PRIu64
                  ",\"models_loaded\":%u",
                  service->config.memory_budget, status.memory_bytes, status.models_loaded);
    buffer_printf(&body,
                  ",\"objects\":%" PRIu64 ",\"bytes_read\":%" PRIu64 ",\"bytes_sent\":%" PRIu64
                  ",\"bytes_received\":%" PRIu64 ",\"connections\":%" PRIu64
                  ",\"workers_restarted\":%" PRIu64 "}\n",
                  atomic_load(&service->metrics.objects),
                  atomic_load(&service->metrics.object_bytes), totals.bytes_sent,
                  totals.bytes_received, totals.connections,
                  atomic_load(&service->metrics.workers_restarted));
    call_respond_json(call, 200, &body);
}

static void write_value(struct buffer *out, const char *name, const char *type, const char *help,
                        uint64_t value)
{
    buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name, type, name,
                  value);
}

static void write_requests(struct buffer *out, struct api *api)
{
    struct model **models = NULL;
    size_t count = 0;
    buffer_append_text(out, "# HELP situ_requests_total Answers by model and HTTP status\n"
                            "# TYPE situ_requests_total counter\n");
    metrics_write_statuses(&api->other_requests, "", out);
    if (models_list(api->service->models, &models, &count) == 0) {
        for (size_t i = 0; i < count; i++) {
            char name[LIMIT_MODEL_NAME + MODEL_VERSION_SIZE + 2];
            (void)snprintf(name, sizeof name, "%s@%s", models[i]->name, models[i]->version);
            metrics_write_statuses(&models[i]->requests, name, out);
            model_unref(models[i]);
        }
        free(models);
    }
}

static void write_kinds(struct buffer *out, const char *name, const char *help, uint64_t contents,
                        uint64_t answers)
{
    buffer_printf(out, "# HELP %s %s\n# TYPE %s counter\n", name, help, name);
    buffer_printf(out, "%s{kind=\"content\"} %" PRIu64 "\n", name, contents);
    buffer_printf(out, "%s{kind=\"answer\"} %" PRIu64 "\n", name, answers);
}

static void write_cache(struct buffer *out, struct reuse *cache)
{
    struct cache_status status;
    reuse_status(cache, &status);
    write_kinds(out, "situ_cache_hits_total", "Contents known by identity, answers by content",
                status.content_hits, status.answer_hits);
    write_kinds(out, "situ_cache_misses_total", "The same, not known", status.content_misses,
                status.answer_misses);
    write_value(out, "situ_cache_contents", "gauge", "Identities whose content is known",
                status.content_entries);
    write_value(out, "situ_cache_answers", "gauge", "Answers that are kept", status.answer_entries);
    write_value(out, "situ_cache_bytes", "gauge", "Size of the cache's file", status.file_bytes);
    write_value(out, "situ_cache_evictions_total", "counter", "Entries that made room",
                status.evictions);
    write_value(out, "situ_cache_dropped_total", "counter", "Entries that were not written",
                status.dropped);
}

static void write_gauge(struct buffer *out, const char *name, const char *help,
                        const struct retrieval_info *infos, size_t count,
                        uint64_t (*value)(const struct retrieval_info *info))
{
    buffer_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
    for (size_t i = 0; i < count; i++) {
        buffer_printf(out, "%s{index=\"%s\"} %" PRIu64 "\n", name, infos[i].spec.name,
                      value(&infos[i]));
    }
}

static uint64_t rows_of(const struct retrieval_info *info)
{
    return info->index.rows;
}

static uint64_t damaged_of(const struct retrieval_info *info)
{
    return info->index.damaged;
}

static void write_indexes(struct buffer *out, struct api *api)
{
    struct retrieval_info *infos = NULL;
    size_t count = 0;
    search_times_write(&api->search_times, out);
    if (retrieval_list(api->service->retrieval, &infos, &count) < 0) {
        return;
    }
    write_gauge(out, "situ_index_rows", "Objects in an index", infos, count, rows_of);
    write_gauge(out, "situ_index_damaged_rows",
                "Rows that cannot be read and are not put again yet", infos, count, damaged_of);
    for (size_t i = 0; i < count; i++) {
        retrieval_info_done(&infos[i]);
    }
    free(infos);
}

static void write_jobs(struct buffer *out, struct jobs *jobs)
{
    struct job_counts counts;
    if (jobs_count(jobs, &counts) < 0) {
        return;
    }
    buffer_append_text(out, "# HELP situ_jobs Jobs by state\n# TYPE situ_jobs gauge\n");
    for (int state = 0; state < JOB_STATES; state++) {
        buffer_printf(out, "situ_jobs{state=\"%s\"} %" PRIu64 "\n",
                      job_state_name((enum job_state)state), counts.in_state[state]);
    }
    write_value(out, "situ_jobs_stalled", "gauge",
                "Paused jobs that wait for what they lack, and go on by themselves",
                counts.stalled);
}

/* The second by the name that Prometheus expects of every process. */
static void write_program(struct buffer *out, const struct service *service)
{
    buffer_printf(out,
                  "# HELP situ_build_info Always 1; the label tells the version\n"
                  "# TYPE situ_build_info gauge\nsitu_build_info{version=\"%s\"} 1\n"
                  "# HELP process_start_time_seconds Start of the process, in seconds since 1970\n"
                  "# TYPE process_start_time_seconds gauge\n"
                  "process_start_time_seconds %lld.%03ld\n",
                  SITU_VERSION, (long long)service->started_at.tv_sec,
                  service->started_at.tv_nsec / 1000000);
}

static void show_metrics(struct call *call)
{
    struct service *service = call->service;
    struct dispatch_status status;
    struct http_totals totals;
    dispatch_get_status(service->dispatch, &status);
    http_server_totals(call->api->http, &totals);
    cleanup_buffer struct buffer body = BUFFER_INIT;
    write_program(&body, service);
    write_requests(&body, call->api);
    write_jobs(&body, service->jobs);
    metrics_write(&service->metrics, &body);
    stores_write_metrics(&body, service->stores);
    write_cache(&body, service->cache);
    write_indexes(&body, call->api);
    write_value(&body, "situ_lanes", "gauge", "Lanes in all", service->lane_count);
    write_value(&body, "situ_queue_length", "gauge", "Objects that wait", status.queued);
    write_value(&body, "situ_load_waiters", "gauge", "Requests that wait for a model to be loaded",
                status.waiting);
    write_value(&body, "situ_answer_bytes", "gauge", "Answers that are made or wait to be sent",
                atomic_load(&call->api->answers.used));
    write_value(&body, "situ_workers", "gauge", "Worker processes", status.workers);
    write_value(&body, "situ_models_loaded", "gauge", "Models in workers", status.models_loaded);
    write_value(&body, "situ_worker_memory_bytes", "gauge",
                "Anonymous memory of workers when loaded", status.memory_bytes);
    write_value(&body, "situ_http_sent_bytes_total", "counter", "Bytes sent on connections",
                totals.bytes_sent);
    write_value(&body, "situ_http_received_bytes_total", "counter", "Bytes received on connections",
                totals.bytes_received);
    write_value(&body, "situ_http_connections", "gauge", "Open connections", totals.connections);
    write_value(&body, "situ_http_timeouts_total", "counter", "Connections ended by a deadline",
                totals.timeouts);
    call_respond(call, 200, "text/plain; version=0.0.4", &body, NULL);
}

static const struct route routes[] = {
    {"GET", "/v1/status", NULL, TASK_NONE, show_status},
    {"GET", "/metrics", NULL, TASK_NONE, show_metrics},
};

const struct interface status_interface = INTERFACE(routes);
