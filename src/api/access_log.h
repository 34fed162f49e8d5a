/* SPDX-License-Identifier: Apache-2.0
 *
 * One line of the log for each request, where the configuration asks for it.
 */
#ifndef SITU_API_ACCESS_LOG_H
#define SITU_API_ACCESS_LOG_H

#include "http/http.h"

/* For http_handler.served; `context` is not used. A listener's thread. */
void access_log(void *context, const struct http_served *served);

#endif
