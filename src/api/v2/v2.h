/* SPDX-License-Identifier: Apache-2.0
 *
 * Handlers of the Open Inference Protocol's routes; see v2.c for their paths.
 */
#ifndef SITU_API_V2_V2_H
#define SITU_API_V2_V2_H

struct call;

void v2_server(struct call *call);
void v2_live(struct call *call);
void v2_ready(struct call *call);
void v2_stats(struct call *call);
void v2_config(struct call *call);
void v2_model(struct call *call);
void v2_model_ready(struct call *call);
void v2_index(struct call *call);
void v2_load(struct call *call);
void v2_unload(struct call *call);
void v2_no_shared_memory(struct call *call);
void v2_no_trace(struct call *call);
void v2_no_logging(struct call *call);
void v2_infer(struct call *call);

#endif
