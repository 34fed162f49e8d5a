/* SPDX-License-Identifier: Apache-2.0
 *
 * The routes of indexes; those that block run on task threads.
 */
#include "api/indexes/indexes.h"

#include "api/route.h"

static const struct route routes[] = {
    {"POST", "/v1/indexes", call_accept_control, RIGHT_INDEXES, TASK_CONTROL, indexes_create},
    {"GET", "/v1/indexes", NULL, RIGHT_SEARCH | RIGHT_INDEXES, TASK_CONTROL, indexes_list},
    {"GET", "/v1/indexes/*", NULL, RIGHT_SEARCH | RIGHT_INDEXES, TASK_CONTROL, indexes_show},
    {"DELETE", "/v1/indexes/*", NULL, RIGHT_INDEXES, TASK_CONTROL, indexes_remove},
    {"POST", "/v1/indexes/*/rebuild", call_accept_control, RIGHT_INDEXES, TASK_CONTROL,
     indexes_rebuild},
    {"POST", "/v1/indexes/*/search", indexes_accept_search, RIGHT_SEARCH, TASK_NONE,
     indexes_search},
    {"GET", "/v1/indexes/*/duplicates", NULL, RIGHT_SEARCH, TASK_TRANSFER, indexes_duplicates},
    {"GET", "/v1/indexes/*/vectors", NULL, RIGHT_RESULTS, TASK_TRANSFER, indexes_export},
    {"PUT", "/v1/indexes/*/vectors", indexes_accept_import, RIGHT_RESULTS, TASK_TRANSFER,
     indexes_import},
};

const struct interface indexes_interface = INTERFACE(routes);
