/* SPDX-License-Identifier: Apache-2.0
 *
 * One log line for each request, if the configuration says so.
 */
#ifndef SITU_API_ACCESS_LOG_H
#define SITU_API_ACCESS_LOG_H

#include "http/http.h"

/* For http_handler.served; `context` is not used. A listener's thread. */
void access_log(void *context, const struct http_served *served);

#endif
