/* SPDX-License-Identifier: Apache-2.0
 *
 * The dispatcher's parts of /v1/status and /metrics. Any thread.
 */
#include "base/metric.h"
#include "infer/dispatch_state.h"

struct status {
    size_t queued;
    size_t waiting;   /* requests that wait for a model to be loaded */
    unsigned workers; /* processes, those that load or end included */
    unsigned models_loaded;
    uint64_t memory_bytes;
};

static struct status status_of(struct dispatch *dispatch)
{
    HOLD(&dispatch->lock);
    struct status status = {.queued = queue_length(&dispatch->queue) +
                                      dispatch->parked[QUEUE_GROUP_INTERACTIVE] +
                                      dispatch->parked[QUEUE_GROUP_JOBS],
                            .waiting = dispatch->waiting,
                            .workers = dispatch->workers,
                            .memory_bytes = dispatch_loaded_bytes(dispatch)};
    for (const struct model *m = dispatch->loaded_models; m; m = m->runtime.next_loaded) {
        status.models_loaded++;
    }
    return status;
}

void dispatch_write_lanes(void *dispatch, struct json_writer *w)
{
    struct dispatch *own = dispatch;
    json_put_unsigned(w, "lanes", own->lane_count);
}

void dispatch_write_queue(void *dispatch, struct json_writer *w)
{
    struct dispatch *own = dispatch;
    json_put_unsigned(w, "lanes_busy", atomic_load(&own->metrics->lanes_busy));
    json_put_unsigned(w, "queue", status_of(own).queued);
}

void dispatch_write_cores(void *dispatch, struct json_writer *w)
{
    struct dispatch *own = dispatch;
    json_put_unsigned(w, "cores", own->config.worker.cores);
}

void dispatch_write_memory(void *dispatch, struct json_writer *w)
{
    struct dispatch *own = dispatch;
    struct status status = status_of(own);
    json_put_unsigned(w, "memory_budget_bytes", own->config.memory_budget);
    json_put_unsigned(w, "memory_bytes", status.memory_bytes);
    json_put_unsigned(w, "models_loaded", status.models_loaded);
}

void dispatch_write_objects(void *dispatch, struct json_writer *w)
{
    struct dispatch *own = dispatch;
    json_put_unsigned(w, "objects", atomic_load(&own->metrics->objects));
    json_put_unsigned(w, "bytes_read", atomic_load(&own->metrics->object_bytes));
}

void dispatch_write_restarts(void *dispatch, struct json_writer *w)
{
    struct dispatch *own = dispatch;
    json_put_unsigned(w, "workers_restarted", atomic_load(&own->metrics->workers_restarted));
}

void dispatch_write_queue_metrics(void *dispatch, struct buffer *out)
{
    struct dispatch *own = dispatch;
    struct status status = status_of(own);
    metric_write(out, "situ_lanes", "gauge", "Lanes in all", own->lane_count);
    metric_write(out, "situ_queue_length", "gauge", "Objects that wait", status.queued);
    metric_write(out, "situ_load_waiters", "gauge", "Requests that wait for a model to be loaded",
                 status.waiting);
}

void dispatch_write_worker_metrics(void *dispatch, struct buffer *out)
{
    struct status status = status_of(dispatch);
    metric_write(out, "situ_workers", "gauge", "Worker processes", status.workers);
    metric_write(out, "situ_models_loaded", "gauge", "Models in workers", status.models_loaded);
    metric_write(out, "situ_worker_memory_bytes", "gauge",
                 "Anonymous memory of workers when loaded", status.memory_bytes);
}
