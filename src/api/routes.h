/* SPDX-License-Identifier: Apache-2.0
 *
 * The way of a request to its route: the list of interfaces, matching, guards, body, thread.
 */
#ifndef SITU_API_ROUTES_H
#define SITU_API_ROUTES_H

#include "http/http.h"

struct api;

/* The handler for http_server_new(). */
struct http_handler routes_handler(struct api *api);

#endif
