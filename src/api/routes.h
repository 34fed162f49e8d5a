/* SPDX-License-Identifier: Apache-2.0
 *
 * The interface's routes, and the way of a request to its route: matching, guards (Host, token,
 * content type), body policy.
 */
#ifndef SITU_API_ROUTES_H
#define SITU_API_ROUTES_H

#include "api/call.h"

/* The handler for http_server_new(). */
struct http_handler routes_handler(struct api *api);

/* Routes, by room of the interface. */
void route_infer_stored(struct call *call);
void route_infer_post(struct call *call);
void route_v2_infer(struct call *call);
void route_v2_server(struct call *call);
void route_v2_live(struct call *call);
void route_v2_ready(struct call *call);
void route_v2_model(struct call *call);
void route_v2_model_ready(struct call *call);
void route_v2_index(struct call *call);
void route_v2_config(struct call *call);
void route_v2_stats(struct call *call);
void route_v2_load(struct call *call);
void route_v2_unload(struct call *call);
void route_v2_no_shared_memory(struct call *call);
void route_v2_no_trace(struct call *call);
void route_v2_no_logging(struct call *call);
void route_thumbnail(struct call *call);
void route_cache(struct call *call);
void route_cache_clear(struct call *call);
void route_job_begin(struct call *call); /* takes the body in */
void route_job_create(struct call *call);
void route_job_list(struct call *call);
void route_job_show(struct call *call);
void route_job_results(struct call *call);
void route_job_pause(struct call *call);
void route_job_resume(struct call *call);
void route_job_cancel(struct call *call);
void route_job_retry(struct call *call);
void route_job_exclude(struct call *call);
void route_job_remove(struct call *call);
void route_index_create(struct call *call);
void route_index_list(struct call *call);
void route_index_show(struct call *call);
void route_index_remove(struct call *call);
void route_index_rebuild(struct call *call);
void route_index_duplicates(struct call *call);
void route_index_export(struct call *call);
void route_index_import_begin(struct call *call); /* takes the body in */
void route_index_import(struct call *call);
void route_search(struct call *call);
void route_status(struct call *call);
void route_metrics(struct call *call);
void route_store_list(struct call *call);
void route_store_detach(struct call *call);
void route_store_attach(struct call *call);
void route_object_list(struct call *call);
void route_model_list(struct call *call);
void route_model_show(struct call *call);
void route_model_labels(struct call *call);
void route_model_upload(struct call *call);
void route_model_upload_begin(struct call *call);
void route_model_import(struct call *call);
void route_model_remove(struct call *call);

#endif
