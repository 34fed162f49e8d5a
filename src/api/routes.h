/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds the route of a request in the list of interfaces, checks its guards, and runs it on its
 * thread.
 */
#ifndef SITU_API_ROUTES_H
#define SITU_API_ROUTES_H

#include "http/http.h"

struct api;

/* The handler for http_server_new(). */
struct http_handler routes_handler(struct api *api);

#endif
