/* SPDX-License-Identifier: Apache-2.0
 *
 * A route, and an interface, which is a table of routes. An interface is a file or a folder with
 * one `struct interface`, and a row in the list of interfaces in routes.c.
 */
#ifndef SITU_API_ROUTE_H
#define SITU_API_ROUTE_H

#include <stddef.h>

#include "api/call.h"

/* Routes that block run on task threads. Each kind has a limit of its own, so that no kind can
 * starve the others. */
enum route_task { TASK_NONE, TASK_CONTROL, TASK_LISTING, TASK_TRANSFER };

struct route {
    const char *method;
    const char *pattern; /* `*` captures a segment, `**` the rest */
    /* Accepts the body, or answers the call; on the listener's thread. NULL: the route takes no
     * body. */
    void (*accept)(struct call *call);
    /* The caller needs one of these rights, whatever it is for; 0: not even a token. */
    uint32_t rights;
    enum route_task task;
    void (*handle)(struct call *call); /* after the whole body was received */
};

struct interface {
    const struct route *routes;
    size_t route_count;
};

/* The interface of a table of routes. */
#define INTERFACE(table)                                                                           \
    {                                                                                              \
        .routes = (table), .route_count = sizeof(table) / sizeof(table)[0]                         \
    }

/* The interfaces: a row each. */
#define INTERFACES(ROW)                                                                            \
    ROW(infer)                                                                                     \
    ROW(v2)                                                                                        \
    ROW(jobs)                                                                                      \
    ROW(indexes)                                                                                   \
    ROW(thumbnails)                                                                                \
    ROW(cache)                                                                                     \
    ROW(status)                                                                                    \
    ROW(stores)                                                                                    \
    ROW(models)

#define DECLARE_INTERFACE(name) extern const struct interface name##_interface;
INTERFACES(DECLARE_INTERFACE)
#undef DECLARE_INTERFACE

#endif
