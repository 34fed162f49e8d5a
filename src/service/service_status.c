/* SPDX-License-Identifier: Apache-2.0
 *
 * The program's own part of /v1/status and /metrics.
 */
#include "base/clock.h"
#include "base/metric.h"
#include "service/service.h"

void service_write_state(void *context, struct json_writer *w)
{
    struct service *service = context;
    bool stopping = atomic_load(&service->stopping);
    json_put_string(w, "version", SITU_VERSION);
    json_put_string(w, "state", stopping ? "stopping" : "ready");
    buffer_printf(json_put_raw(w, "uptime_s"), "%.1f",
                  (double)(clock_now_ns() - service->started_ns) / 1e9);
}

void service_write_sandbox(void *context, struct json_writer *w)
{
    const struct service *service = context;
    json_begin_object(w, "sandbox");
    json_put_bool(w, "landlock", service->landlock_abi > 0);
    json_put_bool(w, "seccomp", service->seccomp);
    json_put_string(w, "warning", service->warning);
    json_end_object(w);
}

/* The second has the name that Prometheus expects from every process. */
void service_write_metrics(void *context, struct buffer *out)
{
    const struct service *service = context;
    metric_begin(out, "situ_build_info", "gauge", "Always 1; the label tells the version");
    buffer_printf(out, "situ_build_info{version=\"%s\"} 1\n", SITU_VERSION);
    metric_begin(out, "process_start_time_seconds", "gauge",
                 "Start of the process, in seconds since 1970");
    buffer_printf(out, "process_start_time_seconds %lld.%03ld\n",
                  (long long)service->started_at.tv_sec, service->started_at.tv_nsec / 1000000);
}
