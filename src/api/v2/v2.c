/* SPDX-License-Identifier: Apache-2.0
 *
 * The routes of the Open Inference Protocol, and of what Triton's clients request in addition.
 */
#include "api/v2/v2.h"

#include "api/route.h"

static const struct route routes[] = {
    {"POST", "/v2/models/*/infer", call_accept_data, RIGHT_INFER, TASK_NONE, v2_infer},
    {"POST", "/v2/models/*/versions/*/infer", call_accept_data, RIGHT_INFER, TASK_NONE, v2_infer},
    {"GET", "/v2", NULL, RIGHTS_ALL, TASK_NONE, v2_server},
    {"GET", "/v2/", NULL, RIGHTS_ALL, TASK_NONE, v2_server},
    {"GET", "/v2/health/live", NULL, 0, TASK_NONE, v2_live},
    {"GET", "/v2/health/ready", NULL, 0, TASK_NONE, v2_ready},
    {"GET", "/v2/models/stats", NULL, RIGHTS_OF_MODELS, TASK_NONE, v2_stats},
    {"GET", "/v2/models/*/stats", NULL, RIGHTS_OF_MODELS, TASK_NONE, v2_stats},
    {"GET", "/v2/models/*/versions/*/stats", NULL, RIGHTS_OF_MODELS, TASK_NONE, v2_stats},
    {"GET", "/v2/models/*/config", NULL, RIGHTS_OF_MODELS, TASK_NONE, v2_config},
    {"GET", "/v2/models/*/versions/*/config", NULL, RIGHTS_OF_MODELS, TASK_NONE, v2_config},
    {"GET", "/v2/models/*", NULL, RIGHTS_OF_MODELS, TASK_NONE, v2_model},
    {"GET", "/v2/models/*/versions/*", NULL, RIGHTS_OF_MODELS, TASK_NONE, v2_model},
    {"GET", "/v2/models/*/ready", NULL, RIGHTS_OF_MODELS, TASK_NONE, v2_model_ready},
    {"GET", "/v2/models/*/versions/*/ready", NULL, RIGHTS_OF_MODELS, TASK_NONE, v2_model_ready},
    {"POST", "/v2/repository/index", call_accept_control, RIGHTS_OF_MODELS, TASK_NONE, v2_index},
    {"POST", "/v2/repository/models/*/load", call_accept_data, RIGHT_MODELS, TASK_CONTROL, v2_load},
    {"POST", "/v2/repository/models/*/unload", call_accept_control, RIGHT_MODELS, TASK_CONTROL,
     v2_unload},
    {"GET", "/v2/systemsharedmemory/**", NULL, RIGHTS_ALL, TASK_NONE, v2_no_shared_memory},
    {"POST", "/v2/systemsharedmemory/**", call_accept_control, RIGHTS_ALL, TASK_NONE,
     v2_no_shared_memory},
    {"GET", "/v2/cudasharedmemory/**", NULL, RIGHTS_ALL, TASK_NONE, v2_no_shared_memory},
    {"POST", "/v2/cudasharedmemory/**", call_accept_control, RIGHTS_ALL, TASK_NONE,
     v2_no_shared_memory},
    {"GET", "/v2/trace/setting", NULL, RIGHTS_ALL, TASK_NONE, v2_no_trace},
    {"POST", "/v2/trace/setting", call_accept_control, RIGHTS_ALL, TASK_NONE, v2_no_trace},
    {"GET", "/v2/models/*/trace/setting", NULL, RIGHTS_ALL, TASK_NONE, v2_no_trace},
    {"POST", "/v2/models/*/trace/setting", call_accept_control, RIGHTS_ALL, TASK_NONE, v2_no_trace},
    {"GET", "/v2/logging", NULL, RIGHTS_ALL, TASK_NONE, v2_no_logging},
    {"POST", "/v2/logging", call_accept_control, RIGHTS_ALL, TASK_NONE, v2_no_logging},
};

const struct interface v2_interface = INTERFACE(routes);
