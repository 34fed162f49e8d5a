/* SPDX-License-Identifier: Apache-2.0
 *
 * The routes of indexes; those that block run on task threads.
 */
#include "api/indexes/indexes.h"

#include "api/route.h"

static const struct route routes[] = {
    {"POST", "/v1/indexes", call_accept_control, TASK_CONTROL, indexes_create},
    {"GET", "/v1/indexes", NULL, TASK_CONTROL, indexes_list},
    {"GET", "/v1/indexes/*", NULL, TASK_CONTROL, indexes_show},
    {"DELETE", "/v1/indexes/*", NULL, TASK_CONTROL, indexes_remove},
    {"POST", "/v1/indexes/*/rebuild", call_accept_control, TASK_CONTROL, indexes_rebuild},
    {"POST", "/v1/indexes/*/search", indexes_accept_search, TASK_NONE, indexes_search},
    {"GET", "/v1/indexes/*/duplicates", NULL, TASK_TRANSFER, indexes_duplicates},
    {"GET", "/v1/indexes/*/vectors", NULL, TASK_TRANSFER, indexes_export},
    {"PUT", "/v1/indexes/*/vectors", indexes_accept_import, TASK_TRANSFER, indexes_import},
};

const struct interface indexes_interface = INTERFACE(routes);
